//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tram_journal::Format;

use crate::{command, enrol::command as node};

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
    /// Checks rules, and tries them before they matter.
    #[command(subcommand)]
    Rules(command::rules::RulesCommand),
    #[command(subcommand)]
    Cap(command::cap::Cap),
    #[command(subcommand)]
    Audit(command::audit::Audit),
    /// Manages the nodes that may connect, and gives them orders.
    #[command(subcommand)]
    Node(NodeCommand),
}

/// What to do with a node.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Lets a node in: prints, once, the one-time code with which it is enrolled (with a section
    /// `[enrol]`), or its password.
    ///
    /// A code is good for one key, for two days if the configuration does not say otherwise, and
    /// takes the place of one that was not used. A node that has a password already gets a new one.
    #[command(after_help = node::ADD_EXAMPLES)]
    Add {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// The node's name, such as lao-cai-river-01.
        name: String,
        /// Make a password although there is a section `[enrol]`: for devices that cannot be
        /// enrolled. Only its hash is kept, in the credentials file.
        #[arg(long)]
        password: bool,
    },
    /// Shows who has a code, a certificate or a password, and until when.
    List {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Takes back everything a node was given: its code, its certificates, its password. A running
    /// centre with the embedded broker ends the node's connection within a second.
    #[command(after_help = node::REVOKE_EXAMPLES)]
    Revoke {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// The node's name.
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
