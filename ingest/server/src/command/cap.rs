//! `tram-ingest cap check`: anybody's CAP messages against the standard.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use tram_alerts::{CapFault, FaultKind, MAX_CAP_BYTES, check_cap, read_cap};

use crate::failure::Failure;

/// Looks at messages of the Common Alerting Protocol (CAP 1.2).
#[derive(Debug, Subcommand)]
pub(crate) enum Cap {
    Check(Check),
}

/// Checks CAP 1.2 messages, ours and anybody's, and says what is wrong with each, in which line.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Check {
    /// The messages; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Refuse also what only readers' profiles want otherwise.
    #[arg(long)]
    strict: bool,
}

const AFTER_HELP: &str = "\
Examples:
  tram-ingest cap check warning.xml
  curl -s https://example.gov.vn/cap/latest.xml | tram-ingest cap check -

A fault is one of four kinds:
  xml       it cannot be read as XML: not well-formed, not UTF-8, larger than 1 MiB, nested deeper
            than 16, or with a document type, whose entities are never expanded
  schema    an element is missing, misplaced, unknown or holds what it may not (CAP 1.2 §3.4)
  standard  the text of the standard forbids it: a polygon that is not closed, a reference to
            itself, an Update that refers to nothing
  profile   readers want it otherwise, such as Google's public alerts: no web address, a headline
            of more than 140 characters. Only advice, unless --strict

Exit codes: 0 every message is sound, 1 one is not or cannot be read, 2 a bad command line.";

/// Checks every file, and says what was found.
///
/// # Errors
/// [`Failure`] when a message is not sound or cannot be read.
pub(crate) fn cap(asked: &Cap) -> Result<(), Failure> {
    let Cap::Check(asked) = asked;
    let mut unsound = 0;
    for path in &asked.files {
        let bytes = read(path).map_err(|e| {
            Failure::new(format!("{} cannot be read: {e}", path.display()), "Name a file that can")
        })?;
        let faults = check_cap(&bytes);
        for fault in &faults {
            println!("{}", line(path, fault));
        }
        let refused = |fault: &&CapFault| asked.strict || fault.kind != FaultKind::Profile;
        match faults.iter().filter(refused).count() {
            0 => println!("{}: sound{}", path.display(), summary(&bytes)),
            _ => unsound += 1,
        }
    }
    match unsound {
        0 => Ok(()),
        1 => Err(Failure::new("1 message is not sound", "")),
        n => Err(Failure::new(format!("{n} messages are not sound"), "")),
    }
}

/// At most one byte more than is looked at: what is larger is refused, not read.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let most = MAX_CAP_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn line(path: &Path, fault: &CapFault) -> String {
    let kind = match fault.kind {
        FaultKind::Xml => "xml",
        FaultKind::Schema => "schema",
        FaultKind::Standard => "standard",
        FaultKind::Profile => "profile",
    };
    let line = fault.line.map_or_else(String::new, |line| format!("{line}:"));
    format!("{}:{line} {kind}: {fault}", path.display())
}

/// What a sound message is.
fn summary(bytes: &[u8]) -> String {
    let Ok(alert) = read_cap(bytes) else { return String::new() };
    let languages: Vec<&str> = alert.infos.iter().map(|info| info.language.as_str()).collect();
    format!(", {} {} {} [{}]", alert.status, alert.msg_type, alert.identifier, languages.join(" "))
}
