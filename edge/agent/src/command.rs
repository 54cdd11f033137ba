//! The command line.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use tram_journal::{Format, Journal, Setup};

use crate::{clock, config, describe, run};

/// Something is wrong with the command line or the configuration.
const BAD_CONFIGURATION: u8 = 2;

/// Reads the sensors of a station, sounds its siren, and sends everything to the centre without
/// losing a reading.
#[derive(Debug, Parser)]
#[command(name = "tram-edge", version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How the log looks on standard error: `text` for people, `json` for machines, one object a
    /// line.
    #[arg(long, global = true, value_name = "FORMAT", default_value_t)]
    log_format: Format,
}

const EXAMPLES: &str = "\
Examples:
  tram-edge validate --config /etc/tram/edge.toml
      Is the station file right? Names file, line and what to write instead.
  tram-edge run --config /etc/tram/edge.toml
      Run the station until Ctrl-C.
  tram-edge run --config config/edge.toml --emulated
      Try a station file on a laptop, with emulated sensors in the place of real ones.

Exit status: 0 success; 2 a mistake on the command line or in the station file; 1 anything else.
What is logged is chosen by RUST_LOG; RUST_LOG=debug follows every batch by its id from the
sensors to the acknowledgement. The password for the broker comes
from TRAM_MQTT_PASSWORD or from the file that the station file names.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the station: sample, warn, keep, send.
    Run(Station),
    /// Check a station file and say what it describes, without touching hardware or network.
    Validate(Station),
}

#[derive(Debug, Args)]
struct Station {
    /// The station file. Relative paths in it count from the current folder.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Put emulated sensors in the place of real ones.
    #[arg(long)]
    emulated: bool,
}

/// Does what the command line asks for.
pub(crate) fn execute() -> ExitCode {
    // clap itself ends with 2 when the command line is wrong.
    let cli = Cli::parse();
    let (station, run) = match cli.command {
        Command::Run(station) => (station, true),
        Command::Validate(station) => (station, false),
    };
    let checked = match config::load(&station.config, station.emulated) {
        Ok(checked) => checked,
        Err(mistakes) => return refuse(&station.config, &mistakes),
    };
    if !run {
        describe::describe(&checked);
        println!("{}: the station file is right", station.config.display());
        return ExitCode::SUCCESS;
    }
    let journal = Journal::start(&Setup {
        default_filter: "info",
        format: cli.log_format,
        clock: clock::instant,
        watched: &[],
    });
    match run::run(&checked, journal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("tram-edge: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn refuse(file: &Path, mistakes: &[tram_config::Mistake]) -> ExitCode {
    for mistake in mistakes {
        eprintln!("{mistake}");
    }
    let n = mistakes.len();
    let noun = if n == 1 { "mistake" } else { "mistakes" };
    eprintln!("{}: {n} {noun}", file.display());
    ExitCode::from(BAD_CONFIGURATION)
}
