//! `tram-ingest backup`: a copy of everything the centre keeps, while it runs.

use std::path::{Path, PathBuf};

use clap::Args;
use tram_store::backup::{self, Backup, BackupError, Extra, Request};

use super::{bytes, check, progress::Progress, stop::Stop, unreadable};
use crate::{
    args::ConfigFile,
    clock,
    config::{self, Places},
    failure::Failure,
};

/// Where the files beside the data are in a backup.
const CONFIGURATION: &str = "configuration";
/// Where the secrets are, when they are in it.
const SECRETS: &str = "secrets";

/// Copies everything the centre keeps, while it runs.
///
/// Everything acknowledged before the command began is in the backup. Each backup is a folder of
/// its own, named by its time, complete by itself; days that have not changed since the backup
/// before are hard-linked, so that a daily backup costs what the day has brought. An interrupted
/// one is no backup: its folder ends in `.unfinished`, and the next one removes it.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Take {
    #[command(flatten)]
    config: ConfigFile,
    /// The folder that the backups are in; best on another disk, or on another machine.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Keep the newest N backups in DIR, this one among them, and remove older ones.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Copy every day anew, also those that have not changed.
    #[arg(long)]
    full: bool,
    /// Copy passwords, tokens and keys as well. Keep such a backup as you keep them.
    #[arg(long)]
    with_secrets: bool,
    /// Read the backup when it is written and check all of it.
    #[arg(long)]
    verify: bool,
}

const AFTER_HELP: &str = "\
Examples:
  tram-ingest backup --config config/ingest.toml --to /mnt/backup/tram
  tram-ingest backup --config config/ingest.toml --to /mnt/backup/tram --keep 14 --verify

Every night at two, with cron:
  0 2 * * *  tram-ingest backup --config /etc/tram/ingest.toml --to /mnt/backup/tram --keep 14

In a backup are log.db, series/, what is derived from them, alerts.db, the configuration with its
rules and certificates (configuration/), and manifest.json with the size and SHA-256 of each file.
Secrets are not in it unless --with-secrets says so; the manifest names those left out. Among them
is the file of the nodes' passwords: without it every node needs a new one after a restore.

Put it back with: tram-ingest restore --from DIR --to FOLDER
Exit codes: 0 done, 2 a bad command line or configuration, 1 anything else.";

/// Takes the backup.
///
/// # Errors
/// [`Failure`] with what to do.
pub(crate) fn take(asked: &Take) -> Result<(), Failure> {
    let places = config::places(&asked.config.config)?;
    let request = request(asked, &places);
    let stop = Stop::listen();
    let mut progress = Progress::new(&stop);
    let taken = backup::backup(&places.data, &asked.to, &request, &mut |work| progress.at(work));
    progress.end();
    let taken = taken.map_err(|e| failure(&places.data, &e))?;
    report(&taken);
    let damaged = taken.manifest.files.iter().filter(|f| f.damaged.is_some()).count();
    if asked.verify {
        check::backup_or_fail(&taken.path, false, &stop)?;
    }
    if damaged > 0 {
        return Err(Failure::new(
            format!("{damaged} files were damaged already and were copied as they are"),
            format!(
                "See what that affects with: tram-ingest check --config {}",
                asked.config.config.display()
            ),
        ));
    }
    Ok(())
}

fn request(asked: &Take, places: &Places) -> Request {
    let mut request = Request {
        begun: clock::now(),
        program: concat!("tram-ingest ", env!("CARGO_PKG_VERSION")).to_owned(),
        full: asked.full,
        keep: asked.keep.map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
        ..Request::default()
    };
    for path in &places.open {
        add(&mut request, CONFIGURATION, path);
    }
    for path in &places.secret {
        if asked.with_secrets {
            add(&mut request, SECRETS, path);
        } else {
            request.left_out.push(path.display().to_string());
        }
    }
    request
}

/// Adds a file beside the data under its own name; one that is not there is left out.
fn add(request: &mut Request, folder: &str, path: &Path) {
    let rules = path.parent().and_then(Path::file_name).is_some_and(|n| n == "rules");
    let inner = if rules { "rules/" } else { "" };
    let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|_| path.is_file()) else {
        request.left_out.push(path.display().to_string());
        return;
    };
    let taken = |name: &String| request.extra.iter().any(|e| e.name == *name);
    let mut full = format!("{folder}/{inner}{name}");
    // Two files of one name from two folders.
    let mut n = 2;
    while taken(&full) {
        full = format!("{folder}/{inner}{n}-{name}");
        n += 1;
    }
    request.extra.push(Extra { name: full, path: path.to_owned() });
}

fn report(taken: &Backup) {
    let manifest = &taken.manifest;
    println!("{}", taken.path.display());
    println!(
        "  {} files, {}: {} copied, {} files unchanged since the backup before",
        manifest.files.len(),
        bytes(manifest.bytes()),
        bytes(taken.copied_bytes),
        taken.linked
    );
    match manifest.received_text() {
        Some(time) => println!(
            "  everything received up to {time} (entry {} of the log)",
            manifest.log.last_entry
        ),
        None => println!("  nothing has been received yet"),
    }
    for file in &manifest.files {
        if let Some(detail) = &file.damaged {
            println!("  {} is damaged and was copied as it is: {detail}", file.path);
        }
    }
    if !manifest.left_out.is_empty() {
        println!("  not in it: {}", manifest.left_out.join(", "));
    }
    if taken.removed_unfinished > 0 {
        println!("  {} unfinished backups were removed", taken.removed_unfinished);
    }
    for path in &taken.removed {
        println!("  removed {}", path.display());
    }
}

/// What an error means.
pub(super) fn failure(data: &Path, error: &BackupError) -> Failure {
    match error {
        BackupError::Store(error) => unreadable(data, error),
        BackupError::NoRoom { path, needed, free } => Failure::new(
            format!(
                "{} has room for {}, and {} are needed; nothing was written",
                path.display(),
                bytes(*free),
                bytes(*needed)
            ),
            "Free some space, or choose a folder on another disk",
        ),
        BackupError::Full { path } => Failure::new(
            format!("the disk filled up at {}; what was written is removed", path.display()),
            "Free some space, or choose a folder on another disk",
        ),
        other => Failure::new(other.to_string(), ""),
    }
}
