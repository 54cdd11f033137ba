//! What is in a backup, written beside it.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::BackupError;
use crate::{export::Time, schema::FORMAT};

/// The manifest's name in a backup.
pub const MANIFEST: &str = "manifest.json";
/// Holds the manifest's own checksum, as `sha256sum` writes it.
const CHECKSUM: &str = "manifest.json.sha256";
/// The longest manifest that is read.
const MAX_BYTES: u64 = 64 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of these keys.
    pub manifest: u32,
    /// Who wrote it.
    pub program: String,
    /// The format of the databases.
    pub format: i64,
    /// When it began, Unix microseconds.
    #[serde(rename = "begun_unix_us")]
    pub begun: i64,
    /// How the log stood.
    pub log: LogState,
    /// The files, in the order in which they were copied.
    pub files: Vec<Stored>,
    /// Files that are deliberately not in it.
    pub left_out: Vec<String>,
}

/// How a copied log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogState {
    /// The last entry.
    pub last_entry: i64,
    /// Entries up to this one are in the files of their days.
    pub sealed_entry: i64,
    /// When the last message was received, Unix microseconds; `None` when there was none.
    #[serde(rename = "received_unix_us")]
    pub received: Option<i64>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Its name in the backup, with `/` between folders.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
    /// Its checksum, 64 hexadecimal digits.
    pub sha256: String,
    /// What the file it was copied from looked like, when that was settled.
    pub source: Option<Stamp>,
    /// What was wrong with the database when it was copied, byte by byte then.
    pub damaged: Option<String>,
}

/// By what a file that has changed is told from one that has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// How long it was.
    pub bytes: u64,
    /// When it was written last, Unix microseconds.
    #[serde(rename = "modified_unix_us")]
    pub modified: i64,
    /// Its number in the file system.
    pub inode: u64,
}

impl Manifest {
    pub(super) const VERSION: u32 = 1;

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes).sum()
    }

    /// When it began, as RFC 3339.
    #[must_use]
    pub fn begun_text(&self) -> String {
        Time(self.begun).to_string()
    }

    /// When the last message in it was received, as RFC 3339.
    #[must_use]
    pub fn received_text(&self) -> Option<String> {
        self.log.received.map(|t| Time(t).to_string())
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(MANIFEST);
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|e| BackupError::Io { path: path.clone(), detail: e.to_string() })?;
        text.push('\n');
        let sum = format!("{}  {MANIFEST}\n", hexadecimal(&Sha256::digest(&text)));
        for (name, text) in [(MANIFEST, &text), (CHECKSUM, &sum)] {
            let path = folder.join(name);
            let written = File::create_new(&path)
                .and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all()));
            written.map_err(|e| BackupError::io(&path, &e))?;
        }
        Ok(())
    }

    /// Reads the manifest of a finished backup.
    ///
    /// # Errors
    /// [`BackupError::NoBackup`] when there is none, [`BackupError::Damaged`] when it is not what
    /// was written, [`BackupError::Version`] when this version cannot read the backup.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let damaged =
            |detail: &str| BackupError::Damaged { path: path.clone(), detail: detail.to_owned() };
        let text = match fs::metadata(&path) {
            Ok(meta) if meta.len() > MAX_BYTES => return Err(damaged("it is too long")),
            Ok(_) => fs::read(&path).map_err(|e| BackupError::io(&path, &e))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(BackupError::NoBackup { path: folder.to_owned() });
            }
            Err(e) => return Err(BackupError::io(&path, &e)),
        };
        let sum = fs::read_to_string(folder.join(CHECKSUM)).unwrap_or_default();
        let expected = format!("{}  {MANIFEST}\n", hexadecimal(&Sha256::digest(&text)));
        if sum != expected {
            return Err(damaged("it does not match manifest.json.sha256"));
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(|e| damaged(&e.to_string()))?;
        if manifest.format != FORMAT {
            return Err(BackupError::Version {
                path: folder.to_owned(),
                found: manifest.format,
                known: FORMAT,
                program: manifest.program,
            });
        }
        let plain = |path: &str| {
            let mut parts = Path::new(path).components();
            !path.is_empty() && parts.all(|p| matches!(p, std::path::Component::Normal(_)))
        };
        if !manifest.files.iter().all(|f| plain(&f.path)) {
            return Err(damaged("a file in it would be outside of the folder"));
        }
        Ok(manifest)
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, b| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{b:02x}");
        text
    })
}
