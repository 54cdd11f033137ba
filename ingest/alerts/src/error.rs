//! What can go wrong, by what the caller can do about it.

use std::path::PathBuf;

use rusqlite::{ErrorCode, ffi};
use tram_wire::EpisodeId;

use crate::ConfigMistake;

/// Why the alert engine did not do what it was asked. After any of these from
/// [`apply`](crate::Alerts::apply) or [`tick`](crate::Alerts::tick), the engine stands where its
/// file stands: feed the log again from [`position`](crate::Alerts::position).
#[derive(Debug, thiserror::Error)]
pub enum AlertsError {
    /// The disk is full: make room; nothing is lost, evaluation goes on where it stopped.
    #[error("the disk that holds the alarms is full")]
    Full,
    /// The file or its folder cannot be written.
    #[error("the alarm file cannot be written")]
    ReadOnly,
    /// Another process holds the file.
    #[error("another process is using the alarm file")]
    Busy,
    /// The file is damaged: put it aside and restore a backup.
    #[error("the alarm file is damaged: {0}")]
    Corrupt(String),
    /// The file was written by another version of this program.
    #[error(
        "the alarm file has version {found}, this program reads version {known}; run the version of tram-ingest that wrote it, or move the file away"
    )]
    Version {
        /// The file's version.
        found: i64,
        /// The one known here.
        known: i64,
    },
    /// The file cannot be opened.
    #[error("the alarm file {path} cannot be opened: {reason}")]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The configuration cannot be used.
    #[error("alerts.{}: {}; {}", .0.key_path, .0.message, .0.fix)]
    Config(ConfigMistake),
    /// There is no alarm of this id.
    #[error("there is no alarm {0}")]
    Unknown(EpisodeId),
    /// What a person asked for cannot be done as they sent it; the text says what to send.
    #[error("{0}")]
    Invalid(&'static str),
    /// This person may not do it; the text says who may.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It cannot be done as things stand now; the text says how they stand.
    #[error("{0}")]
    Conflict(&'static str),
    /// A rule has other thresholds or times under the version it had.
    #[error("the rule `{0}` has changed under the same version; count its `version` up")]
    SameVersion(String),
    /// More of something than a documented limit.
    #[error("{0}")]
    Limit(&'static str),
    /// Anything else SQLite says.
    #[error("the alarm file: {0}")]
    Other(String),
}

impl From<rusqlite::Error> for AlertsError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_DATA) {
            let place = tram_pages::last_damage().map(|place| place.to_string());
            let what = place.unwrap_or_else(|| "a page".to_owned());
            return Self::Corrupt(format!("{what} is not what was written"));
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for AlertsError {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}
