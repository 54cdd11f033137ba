//! The command line.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tram_journal::{Format, Journal, Setup};

use crate::{
    clock, enrol, run,
    speech::{Language, Speech},
    technician::{self, Station, doctor::Doctor},
};

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
    /// Language of help and of the technician's commands: `vi` or `en`. Without it that of LC_ALL
    /// or LANG, Vietnamese when they say nothing.
    #[arg(long, global = true, value_name = "LANG")]
    lang: Option<Language>,
}

const EXAMPLES: &str = "\
Examples:
  tram-edge validate --config /etc/tram/edge.toml
      Is the station file right? Names file, line and what to write instead.
  tram-edge run --config /etc/tram/edge.toml
      Run the station until Ctrl-C.
  tram-edge run --config config/edge.toml --emulated
      Try a station file on a laptop, with emulated sensors in the place of real ones. Every
      command can do that, for training.

Exit status: 0 success; 2 a mistake on the command line or in the station file; 1 anything else.
What is logged is chosen by RUST_LOG; RUST_LOG=debug follows every batch by its id from the
sensors to the acknowledgement. The password for the broker comes
from TRAM_MQTT_PASSWORD or from the file that the station file names. NO_COLOR=1 forbids colour,
which is there on terminals only.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the station: sample, warn, keep, send.
    Run(Station),
    /// Check a station file and say what it describes, without touching hardware or network.
    #[command(after_help = technician::validate::EXAMPLES)]
    Validate(Station),
    /// Find out on the spot what a part measures by, and keep it: rain of a tip, height of a level
    /// gauge, zero of a slope, distance of two loops.
    #[command(after_help = technician::calibrate::EXAMPLES)]
    Calibrate(technician::calibrate::Calibrate),
    /// Prove the station from the sensors to the centre's disk, and write a signed report.
    #[command(after_help = technician::commission::EXAMPLES)]
    Commission(technician::commission::Commission),
    /// Find out what keeps the station from working, and what to do about it.
    #[command(after_help = technician::doctor::EXAMPLES)]
    Doctor(Doctor),
    /// Find out what is connected, and hold it against the station file.
    #[command(after_help = technician::scan::EXAMPLES)]
    Scan(Station),
    /// Show what the station measures, now: values, quality and why, and how far the thresholds are.
    #[command(after_help = technician::watch::EXAMPLES)]
    Watch(technician::watch::Watch),
    /// Print a JSON Schema of station files, for editors.
    #[command(after_help = technician::schema::EXAMPLES)]
    Schema,
    /// Test, reset or silence the siren of the station that runs on this machine.
    #[command(after_help = technician::siren::EXAMPLES)]
    Siren(technician::siren::Siren),
    /// Enrol this station at the centre: make its key here and get a certificate for it.
    #[command(after_help = enrol::EXAMPLES)]
    Enroll(enrol::Asked),
}

/// Does what the command line asks for.
pub(crate) fn execute() -> ExitCode {
    let speech = Speech::new(Language::of_arguments(std::env::args().skip(1)));
    let definition = technician::help::in_language(Cli::command(), speech.language);
    // clap itself ends with 2 when the command line is wrong.
    let cli = Cli::from_arg_matches(&definition.get_matches()).unwrap_or_else(|e| e.exit());
    match cli.command {
        Command::Run(station) => run_station(&station, cli.log_format, &speech),
        Command::Validate(station) => technician::validate::validate(&station, &speech),
        Command::Calibrate(asked) => technician::calibrate::calibrate(&asked, &speech),
        Command::Commission(asked) => {
            technician::commission::commission(&asked, cli.log_format, &speech)
        }
        Command::Doctor(doctor) => technician::doctor::doctor(&doctor, &speech),
        Command::Scan(station) => technician::scan::scan(&station, &speech),
        Command::Watch(asked) => technician::watch::watch(&asked, &speech),
        Command::Schema => technician::schema::print(),
        Command::Siren(siren) => siren.execute(&speech),
        Command::Enroll(asked) => match asked.station.load(&speech) {
            Ok(checked) => enrol::enroll(&asked, &checked.config, &speech),
            Err(status) => status,
        },
    }
}

fn run_station(station: &Station, format: Format, speech: &Speech) -> ExitCode {
    let checked = match station.load(speech) {
        Ok(checked) => checked,
        Err(status) => return status,
    };
    let journal = Journal::start(&Setup {
        default_filter: "info",
        format,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed_in_both_languages() {
        for language in [Language::Vi, Language::En] {
            technician::help::in_language(Cli::command(), language).debug_assert();
        }
    }

    #[test]
    fn every_command_and_option_has_its_words_in_vietnamese() {
        let missing = technician::help::untold(&Cli::command());
        assert_eq!(missing, Vec::<String>::new());
    }
}
