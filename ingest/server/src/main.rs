//! `tram-ingest`: the program in the centre. Messages come in through a broker, go through the
//! pipeline into the log, and only then are acknowledged; everything else (the board, the alarms,
//! the page) is behind the log.
//!
//! It decides nothing by itself: what a message means is `tram-pipeline`'s, how it is kept
//! `tram-store`'s, what a warning is `tram-alerts`'. Here are the tasks, threads and sockets.

mod alarms;
mod args;
mod board;
mod broker;
mod channels;
mod clock;
mod command;
mod commit;
mod config;
mod crowd;
mod enrol;
mod failure;
mod folder;
mod foreign;
mod http;
mod ledger;
mod link;
mod links;
mod listen;
mod live;
mod machine;
mod orders;
mod replica;
mod rules;
mod run;
mod seal;
mod sinks;
mod time;
mod trace;
mod validate;
mod wake;

use std::process::ExitCode;

use clap::Parser;
use tram_journal::{Journal, Setup, Watched};

use args::{Arguments, Command};
use failure::Failure;

/// What is logged when `RUST_LOG` does not say: our own words; of the broker's and the client's
/// only errors, since we say in our own words what they mean.
const LOG_FILTER: &str = "info,mqtt5=error,rumqttc=error";

/// What the broker tells by its log alone.
const WATCHED: &[Watched] = &[Watched {
    name: "limit",
    target: "mqtt5::broker::server",
    contains: "resource limits exceeded",
}];

fn main() -> ExitCode {
    // A wrong command line ends here with exit code 2.
    let arguments = Arguments::parse();
    let journal = Journal::start(&Setup {
        default_filter: LOG_FILTER,
        format: arguments.log_format,
        clock: clock::instant,
        watched: WATCHED,
    });
    match execute(&arguments.command, journal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.code()
        }
    }
}

fn execute(command: &Command, journal: Journal) -> Result<(), Failure> {
    match command {
        Command::Run { config, ready_file } => {
            run::run(&config::load(&config.config)?, ready_file.as_deref(), journal)
        }
        Command::Validate { config } => validate::validate(&config.config),
        Command::Export(asked) => command::export::export(asked),
        Command::Backup(asked) => command::backup::take(asked),
        Command::Restore(asked) => command::restore::restore(asked),
        Command::Check(asked) => command::check::check(asked),
        Command::Rules(asked) => asked.execute(),
        Command::Cap(asked) => command::cap::cap(asked),
        Command::Audit(asked) => command::audit::audit(asked),
        Command::Node(asked) => enrol::command::node(asked),
    }
}
