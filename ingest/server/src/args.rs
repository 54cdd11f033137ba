//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tram_journal::Format;

use crate::command;

/// The centre of a network of stations: takes readings from a message broker, keeps them, watches
/// them against rules, and shows them on a web page.
#[derive(Debug, Parser)]
#[command(name = "tram-ingest", version, about, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// How the log looks on standard error: `text` for people, `json` for machines, one object a
    /// line.
    #[arg(long, global = true, value_name = "FORMAT", default_value_t)]
    pub(crate) log_format: Format,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
A first try, from the top folder of the project:
  tram-ingest run --config config/demo/ingest.toml
then open http://127.0.0.1:8080 and publish a reading with Debian's mosquitto_pub:
  mosquitto_pub -t senml/my-device -q 1 -m '[{\"n\":\"temperature\",\"u\":\"Cel\",\"v\":23.4}]'

What is logged is chosen by RUST_LOG: RUST_LOG=debug follows every batch by its id,
RUST_LOG=tram_ingest::commit=debug only into the log on disk.
Exit codes: 0 done, 2 a bad command line or configuration, 1 anything else.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the centre until Ctrl-C or SIGTERM.
    Run {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// Write the addresses in use to FILE as JSON once everything listens, and remove the
        /// file when the program stops in order. Useful with port 0 in the configuration.
        #[arg(long, value_name = "FILE")]
        ready_file: Option<PathBuf>,
    },
    /// Checks a configuration and its rules without starting anything.
    Validate {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
    },
    Export(Box<command::export::Export>),
    Backup(command::backup::Take),
    Restore(command::restore::Restore),
    Check(command::check::Check),
    /// Manages the nodes that may connect to the embedded broker, and gives them orders.
    #[command(subcommand)]
    Node(NodeCommand),
}

/// What to do with a node.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Makes a password for a node, prints it once, and keeps only its hash in the credentials
    /// file; a node that has one already gets a new one.
    Add {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// The node's name, such as lao-cai-river-01.
        name: String,
    },
    Siren(command::siren::Siren),
    /// Prints the public key under which this centre gives orders to nodes, for the table
    /// `[commands]` of a station file. Enrolment gives it to a node by itself.
    Key {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
    },
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The configuration; config/ingest.toml explains every key.
    #[arg(long, value_name = "FILE", default_value = "config/ingest.toml")]
    pub(crate) config: PathBuf,
}
