//! `tram-ingest restore`: a data folder from a backup.

use std::path::{Path, PathBuf};

use clap::Args;
use tram_store::{
    backup::{self, Manifest},
    restore::{self, Prepared, StationState},
};

use super::{backup::failure, bytes, check, progress::Progress, stop::Stop, unreadable};
use crate::{clock, failure::Failure, time::rfc3339};

/// Makes a data folder from a backup.
///
/// Everything is checked on the way: each file against the manifest, then what it holds. Nothing
/// is overwritten: the folder must be new or empty.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Restore {
    /// The backup: its dated folder, or the folder given to `backup --to`, of which the newest is
    /// taken.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The folder to make; write it as `data` into the configuration afterwards.
    #[arg(long, value_name = "DIR", required_unless_present = "verify_only")]
    to: Option<PathBuf>,
    /// Check the backup and say what it holds, and write nothing.
    #[arg(long, conflicts_with = "to")]
    verify_only: bool,
    /// Restore although something in the backup was damaged already when it was taken. A file that
    /// has changed since is never restored.
    #[arg(long, requires = "to")]
    accept_damage: bool,
}

const AFTER_HELP: &str = "\
Examples:
  tram-ingest restore --from /mnt/backup/tram --verify-only
  tram-ingest restore --from /mnt/backup/tram --to data/restored
  tram-ingest restore --from /mnt/backup/tram/2026-03-01T02-00-00Z --to data/restored

The folder holds what the centre had when the backup was taken. What came in later is not there:
the nodes have forgotten what the old centre acknowledged and do not send it again, so each station
has a gap until its node connects to the restored centre. A node sends what it still holds by
itself. Engines fed by a sink may have what is missing.

The configuration in the backup is not put anywhere: compare it with the one you use.
Exit codes: 0 done, 2 a bad command line, 1 anything else; then nothing is left in the folder.";

/// Restores.
///
/// # Errors
/// [`Failure`] with what to do.
pub(crate) fn restore(asked: &Restore) -> Result<(), Failure> {
    let stop = Stop::listen();
    let from = backup::newest(&asked.from).map_err(|e| Failure::new(e.to_string(), ""))?;
    let Some(to) = asked.to.as_deref().filter(|_| !asked.verify_only) else {
        let (manifest, report) = check::of_backup(&from, false, &stop)?;
        let stations = restore::stations(&from).map_err(|e| unreadable(&from, &e))?;
        say(&from, &manifest, &stations);
        check::text(&from, &report);
        return check::verdict(&from, &report);
    };
    let mut progress = Progress::new(&stop);
    let prepared = restore::prepare(&from, to, &mut |work| progress.at(work));
    progress.end();
    let prepared = prepared.map_err(|e| failure(&from, &e))?;
    let rewound = align(&prepared)?;
    let mut progress = Progress::new(&stop);
    let report = prepared.check(false, &mut |work| progress.at(work));
    progress.end();
    let report = report.map_err(|e| check::failure(to, &e))?;
    let manifest = prepared.manifest().clone();
    if !report.sound() {
        check::text(&from, &report);
        if !asked.accept_damage {
            return Err(Failure::new(
                "what is in this backup is damaged; nothing was restored",
                "Take an older backup, or add --accept-damage to restore the rest of it",
            ));
        }
    }
    let stations = prepared.stations().map_err(|e| unreadable(to, &e))?;
    prepared.place().map_err(|e| failure(to, &e))?;
    say(&from, &manifest, &stations);
    if let Some(was) = rewound {
        println!(
            "The alarms had been evaluated up to entry {was}; they go on from entry {}, and what was announced is not announced again.",
            manifest.log.last_entry
        );
    }
    println!(
        "{} is ready: write it as `data` into the configuration and start the centre.",
        to.display()
    );
    if !manifest.left_out.is_empty() {
        println!("Not in the backup, and needed: {}", manifest.left_out.join(", "));
    }
    Ok(())
}

/// Brings the alarms in line with the log, which was copied before them.
fn align(prepared: &Prepared) -> Result<Option<u64>, Failure> {
    let Some(path) = prepared.alerts() else { return Ok(None) };
    let last = prepared.manifest().log.last_entry.unsigned_abs();
    tram_alerts::rewind(&path, last)
        .map_err(|e| Failure::new(format!("the alarms of the backup cannot be used: {e}"), ""))
}

/// Says of what time a backup is, and what is therefore missing.
fn say(from: &Path, manifest: &Manifest, stations: &[StationState]) {
    println!(
        "{}: taken {} by {}, {} files, {}",
        from.display(),
        manifest.begun_text(),
        manifest.program,
        manifest.files.len(),
        bytes(manifest.bytes())
    );
    let Some(received) = manifest.received_text() else {
        println!("Nothing had been received when it was taken.");
        return;
    };
    let age = clock::now().since(tram_wire::UnixMicros(manifest.begun));
    println!("It is the state of {received}, {} ago. Last heard of each station:", span(age));
    for station in stations {
        println!("  {:<32} {}", station.node.to_string(), rfc3339(station.received));
    }
    println!(
        "What came in after these times and was acknowledged is not here, and the nodes do not send it again: it stays a gap from there to the moment the node connects again."
    );
}

fn span(micros: i64) -> String {
    match micros / 1_000_000 {
        s @ ..120 => format!("{s} s"),
        s @ ..7_200 => format!("{} min", s / 60),
        s @ ..172_800 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}
