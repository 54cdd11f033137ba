//! `tram-ingest check`: reads everything and says what is wrong.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use tram_store::{
    ReadOnly,
    backup::{self, Manifest},
    check::{self, Affects, CheckError, Depth, Finding, Report, Severity},
};

use super::{bytes, progress::Progress, stop::Stop, unreadable};
use crate::{args::ConfigFile, config, failure::Failure};

/// The alarms, in the folder of the data.
const ALERTS: &str = "alerts.db";

/// Reads everything the centre keeps, or a backup, and says what is wrong.
///
/// Says also what suffers by it, and what to do. Changes nothing; works beside a running centre
/// and on a stopped one.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Check a backup instead: the dated folder, or the folder given to `backup --to`, of which
    /// the newest is taken.
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// Leave out what takes long: readings and messages are not decoded.
    #[arg(long)]
    quick: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One object for tools.
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  tram-ingest check --config config/ingest.toml
  tram-ingest check --backup /mnt/backup/tram
  tram-ingest check --config config/ingest.toml --quick --format json

Read are: every page of every database, every message in the log with its checksum, what was seen
of each node's spool, the dictionaries of channels, counters and cursors, every chunk of readings
with its checksums, summary and place, the rollups, the alarms with their audit; of a backup also
the size and SHA-256 of every file.

Exit codes: 0 all is well, 1 something is wrong or the check could not be done, 2 a bad command
line or configuration.";

/// Checks, and says what was found.
///
/// # Errors
/// [`Failure`] when something is wrong, or the check could not be done.
pub(crate) fn check(asked: &Check) -> Result<(), Failure> {
    let stop = Stop::listen();
    let (folder, report) = match &asked.backup {
        Some(folder) => {
            let folder = backup::newest(folder).map_err(|e| Failure::new(e.to_string(), ""))?;
            let (_, report) = of_backup(&folder, asked.quick, &stop)?;
            (folder, report)
        }
        None => {
            let data = config::places(&asked.config.config)?.data;
            let mut progress = Progress::new(&stop);
            let depth = Depth { quick: asked.quick, frozen: false };
            let result = check::check(&data, depth, &mut |work| progress.at(work));
            progress.end();
            let mut report = result.map_err(|e| failure(&data, &e))?;
            alarms(&data, false, &mut report)?;
            (data, report)
        }
    };
    match asked.format {
        Format::Text => text(&folder, &report),
        Format::Json => {
            let sound = report.sound();
            println!(
                "{}",
                json!({ "folder": folder.display().to_string(), "sound": sound, "report": report })
            );
        }
    }
    verdict(&folder, &report)
}

/// Checks a backup and its alarms.
pub(super) fn of_backup(
    folder: &Path,
    quick: bool,
    stop: &Stop,
) -> Result<(Manifest, Report), Failure> {
    let mut progress = Progress::new(stop);
    let result = check::check_backup(folder, quick, &mut |work| progress.at(work));
    progress.end();
    let (manifest, mut report) = result.map_err(|e| failure(folder, &e))?;
    alarms(folder, true, &mut report)?;
    Ok((manifest, report))
}

/// Checks a backup that has just been written.
pub(super) fn backup_or_fail(folder: &Path, quick: bool, stop: &Stop) -> Result<(), Failure> {
    let (_, report) = of_backup(folder, quick, stop)?;
    text(folder, &report);
    verdict(folder, &report)
}

/// Adds what is wrong with the alarms of a folder.
pub(super) fn alarms(folder: &Path, frozen: bool, report: &mut Report) -> Result<(), Failure> {
    let path = folder.join(ALERTS);
    if !path.exists() {
        return Ok(());
    }
    let mut add = |what: String, station: Option<String>, fix: &str| {
        report.add(Finding {
            severity: Severity::Damage,
            file: ALERTS.to_owned(),
            what,
            affects: Affects { station, ..Affects::unknown() },
            fix: fix.to_owned(),
        });
    };
    const RESTORE: &str = "restore a backup; or move the file away to begin with no alarms, which \
                           the rules then raise again where they hold";
    let found = match tram_alerts::inspect(&path, frozen) {
        Ok(found) => found,
        Err(error) => {
            add(error.to_string(), None, RESTORE);
            return Ok(());
        }
    };
    for fault in found.faults {
        add(fault.what, fault.station, RESTORE);
    }
    // A backup's log is older than its alarms; a restore brings them in line.
    if frozen {
        return Ok(());
    }
    // Read after the alarms, so that it is not behind them.
    let mut log =
        ReadOnly::open(folder).and_then(|store| store.log()).map_err(|e| unreadable(folder, &e))?;
    let last = log.last().map_err(|e| unreadable(folder, &e))?.0.unsigned_abs();
    if found.cursor.max(found.position) > last {
        let at = found.cursor.max(found.position);
        let what =
            format!("the alarms have been evaluated up to entry {at}, the log ends at {last}");
        let fix = "stop the centre, take a backup and restore it, which brings the two in line; \
                   until then new readings up to that entry raise no alarm";
        add(what, None, fix);
    }
    Ok(())
}

/// Writes what was found for people.
pub(super) fn text(folder: &Path, report: &Report) {
    for finding in &report.findings {
        let severity = match finding.severity {
            Severity::Damage => "damage",
            Severity::Note => "note",
        };
        println!("{severity}: {}: {}", finding.file, finding.what);
        if let Some(affected) = affected(&finding.affects) {
            println!("  affects: {affected}");
        }
        println!("  what to do: {}", finding.fix);
    }
    if report.more_findings > 0 {
        println!("… and {} more", report.more_findings);
    }
    let seen = &report.seen;
    println!(
        "{}: {} files, {}; {} messages in the log, {} chunks with {} readings",
        folder.display(),
        seen.files,
        bytes(seen.bytes),
        seen.log_entries,
        seen.chunks,
        seen.readings
    );
}

fn affected(affects: &Affects) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(station) = &affects.station {
        parts.push(match &affects.channel {
            Some(channel) => format!("{station} {channel}"),
            None => station.clone(),
        });
    }
    match (&affects.from, &affects.to) {
        (Some(from), Some(to)) if from == to => parts.push(format!("at {from}")),
        (Some(from), Some(to)) => parts.push(format!("from {from} to {to}")),
        _ => {}
    }
    if let Some(readings) = affects.readings {
        parts.push(format!("{readings} readings"));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Good, or a failure.
pub(super) fn verdict(folder: &Path, report: &Report) -> Result<(), Failure> {
    if report.sound() {
        eprintln!("{}: all is well", folder.display());
        return Ok(());
    }
    let damage = |f: &&Finding| f.severity == Severity::Damage;
    let n = report.findings.iter().filter(damage).count() as u64 + report.more_findings;
    let plural = if n == 1 { "thing is" } else { "things are" };
    Err(Failure::new(format!("{}: {n} {plural} wrong", folder.display()), ""))
}

pub(super) fn failure(folder: &Path, error: &CheckError) -> Failure {
    match error {
        CheckError::Store(error) => unreadable(folder, error),
        CheckError::Backup(error) => super::backup::failure(folder, error),
        other => Failure::new(other.to_string(), ""),
    }
}
