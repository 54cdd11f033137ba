//! `make soak`: does anything grow? A day in simulated time, then half an hour of the real
//! programs.

mod soak {
    pub(crate) mod real;
}

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use tram_tests::{
    Machine,
    soak::{Day, Plan},
};

/// Lets the centre run for long and looks whether anything grows that should not: memory, open
/// files, log, times. Prints a table and PASS or FAIL with reasons, and ends with 0 or 1.
#[derive(Parser)]
#[command(after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Write the charts as SVG to FILE.
    #[arg(long, global = true, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Seed of everything that happens by chance.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  tram-soak day
      24 hours of 2,000 stations in some minutes, on a simulated clock.
  tram-soak day --stations 200 --hours 12
      A smaller one.
  tram-soak real --minutes 30
      The real programs: centre, four nodes, VictoriaMetrics as a sink, a live page, questions.";

#[derive(Subcommand)]
enum What {
    /// A day on a simulated clock: pipeline, log, sealer, alarms and a sink in one process.
    Day {
        /// Stations, of six channels each.
        #[arg(long, default_value_t = 2_000)]
        stations: usize,
        /// Hours.
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
    /// The real programs in real time.
    Real {
        /// Minutes.
        #[arg(long, default_value_t = 30)]
        minutes: u64,
    },
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    println!("machine: {}", Machine::this());
    let folder = tempfile::tempdir()?;
    let outcome = match arguments.what {
        What::Day { stations, hours } => {
            let plan = Plan { stations, periods: hours, ..Plan::day(arguments.seed) };
            Day::new(plan, folder.path())?.run(|line| println!("{line}"))?
        }
        What::Real { minutes } => soak::real::run(folder.path(), minutes, arguments.seed)?,
    };
    println!("\n{}", outcome.summary);
    for flat in &outcome.flats {
        println!("{flat}");
    }
    if let Some(path) = &arguments.plot {
        std::fs::write(path, &outcome.svg)?;
        println!("charts: {}", path.display());
    }
    if outcome.failures.is_empty() {
        println!("PASS");
        return Ok(ExitCode::SUCCESS);
    }
    println!("FAIL");
    for failure in &outcome.failures {
        println!("  {failure}");
    }
    Ok(ExitCode::FAILURE)
}
