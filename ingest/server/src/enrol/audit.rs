//! Who was given what, and who took it back: a line of JSON each, in `audit.log`. Who was refused is
//! in `refused.log`, so that nobody can push out of the first what others did.

use serde::Serialize;
use tram_wire::UnixMicros;

use super::files::Folder;
use crate::time::rfc3339;

/// The file.
const GIVEN: &str = "audit.log";
/// That of refusals.
const REFUSED: &str = "refused.log";
/// When a file has this size, the next is begun; the one before it is kept, with `.1` at its end.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// What happened.
#[derive(Debug, Default, Serialize)]
pub(super) struct Line<'a> {
    pub(super) what: &'a str,
    pub(super) node: &'a str,
    /// Whether somebody was refused.
    #[serde(skip)]
    pub(super) refusal: bool,
    /// The person, by the name the system knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// The network address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) serial: Option<String>,
    /// When what was given ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<String>,
}

#[derive(Serialize)]
struct Dated<'a> {
    time: String,
    #[serde(flatten)]
    line: &'a Line<'a>,
}

/// Writes a line. What cannot be written is in the log of the program instead.
pub(super) fn note(folder: &Folder, now: UnixMicros, line: &Line<'_>) {
    let dated = Dated { time: rfc3339(now), line };
    let written = serde_json::to_vec(&dated).map_err(std::io::Error::from).and_then(|mut text| {
        text.push(b'\n');
        let name = if line.refusal { REFUSED } else { GIVEN };
        let path = folder.file(name);
        if std::fs::metadata(&path).is_ok_and(|m| m.len() >= MAX_FILE_BYTES) {
            std::fs::rename(&path, folder.file(&format!("{name}.1")))?;
        }
        folder.append(name, &text)
    });
    if let Err(error) = written {
        tracing::error!(%error, ?line, "the audit log cannot be written");
    }
}

/// The person at the keyboard, as far as the system tells.
pub(super) fn person() -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|v: &String| !v.is_empty());
    set("SUDO_USER").or_else(|| set("LOGNAME")).or_else(|| set("USER"))
}
