//! `tram-ingest audit`: what people did with alarms, and whether it is what was written.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use tram_alerts::{AlertsError, AuditHead, AuditReader};

use crate::{args::ConfigFile, config, failure::Failure};

/// The alarms, in the folder of the data.
const ALERTS: &str = "alerts.db";

/// Shows and verifies the audit: who acknowledged, shelved, approved, rejected or ended an alarm,
/// held a drill, or ordered something of a siren.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    Verify(Verify),
    List(List),
}

/// Finds out whether every line of the audit is what was written.
///
/// Each line carries a digest of itself and of the line before it, so a line that was changed,
/// inserted or taken out shows. Changes nothing; works beside a running centre and on a stopped
/// one.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_HELP)]
pub(crate) struct Verify {
    #[command(flatten)]
    config: ConfigFile,
    /// A head that an earlier verification printed, NUMBER:DIGEST. Lines that were cut off at the
    /// end since, or an audit that was written anew as a whole, show by it alone.
    #[arg(long, value_name = "HEAD")]
    head: Option<AuditHead>,
    /// Verify this file instead, such as the alerts.db of a backup.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

const VERIFY_HELP: &str = "\
Examples:
  tram-ingest audit verify --config config/ingest.toml
  tram-ingest audit verify --head 128:5f1d…c2 --config config/ingest.toml

Write the head that is printed down somewhere else: in the duty book, in a mail to the office above.
Who can write the file can also write a whole new chain; only a head that is kept elsewhere shows it.

Exit codes: 0 every line is what was written, 1 a line is not, or the file cannot be read, 2 a bad
command line or configuration.";

/// Lists the newest lines of the audit, newest first.
#[derive(Debug, Args)]
#[command(after_help = LIST_HELP)]
pub(crate) struct List {
    #[command(flatten)]
    config: ConfigFile,
    /// How many lines.
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// One JSON object a line, for tools.
    #[arg(long)]
    json: bool,
}

const LIST_HELP: &str = "\
Examples:
  tram-ingest audit list
  tram-ingest audit list --limit 1000 --json | jq 'select(.action == \"approve\")'

Times are UTC. The lines are shown as they stand; `tram-ingest audit verify` says whether they are
what was written.";

/// Shows or verifies.
///
/// # Errors
/// [`Failure`] when a line is not what was written, or the file cannot be read.
pub(crate) fn audit(asked: &Audit) -> Result<(), Failure> {
    match asked {
        Audit::Verify(asked) => verify(asked),
        Audit::List(asked) => list(asked),
    }
}

fn verify(asked: &Verify) -> Result<(), Failure> {
    let (path, frozen) = match &asked.file {
        Some(file) => (file.clone(), true),
        None => (config::places(&asked.config.config)?.data.join(ALERTS), false),
    };
    let reader = open(&path, frozen)?;
    let found = reader.verify().map_err(|e| unreadable(&path, &e))?;
    if let Some(line) = found.broken {
        return Err(Failure::new(
            format!(
                "line {line} of the audit in {} is missing or is not what was written",
                path.display()
            ),
            "Keep the file as it is and compare it with a backup (tram-ingest audit verify --file); \
             the lines before it are what was written",
        ));
    }
    if let Some(head) = &asked.head
        && !reader.has(head).map_err(|e| unreadable(&path, &e))?
    {
        return Err(Failure::new(
            format!("{} does not hold the line {head}", path.display()),
            "Lines were cut off or the whole was written anew since that head was noted, or it \
             belongs to another centre: compare it with a backup of that time",
        ));
    }
    match found.head {
        None => println!("The audit is empty."),
        Some(head) => {
            println!("{} lines, each as it was written.", head.number);
            println!("Head: {head}");
        }
    }
    Ok(())
}

fn list(asked: &List) -> Result<(), Failure> {
    let path = config::places(&asked.config.config)?.data.join(ALERTS);
    let lines = open(&path, false)?.newest(asked.limit).map_err(|e| unreadable(&path, &e))?;
    for line in &lines {
        if asked.json {
            // What was read as text can be written as JSON.
            println!("{}", serde_json::to_string(line).unwrap_or_default());
            continue;
        }
        let alarm = line.episode.get(..8).unwrap_or("-");
        println!(
            "{:>6}  {:<24}  {:<14}  {alarm:<8}  {}  {}",
            line.number, line.at, line.action, line.actor, line.detail
        );
    }
    if lines.is_empty() {
        eprintln!("The audit is empty: nobody has done anything with an alarm yet.");
    }
    Ok(())
}

fn open(path: &Path, frozen: bool) -> Result<AuditReader, Failure> {
    if !path.exists() {
        return Err(Failure::new(
            format!("{} is not there", path.display()),
            "Name the configuration that the centre runs with (--config FILE), in the folder in \
             which it runs; without the section [alerts] there is no audit",
        ));
    }
    AuditReader::open(path, frozen).map_err(|e| unreadable(path, &e))
}

fn unreadable(path: &Path, error: &AlertsError) -> Failure {
    Failure::new(
        format!("{} cannot be read: {error}", path.display()),
        "Run the command as the user that runs the centre (sudo -u tram …)",
    )
}
