//! Readings an engine would not take: counted, and kept in a file.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use tram_wire::UnixMicros;

use super::Refusal;
use crate::export::Time;

/// How many refused readings are kept in memory to be looked at; the oldest go first. All are
/// counted.
pub const MAX_REFUSED_KEPT: usize = 64;
/// The most bytes of the file a sink keeps its refused readings in. When it is full, it takes the
/// place of the one before, so twice as many are kept, and at least so many.
pub const MAX_REFUSED_FILE_BYTES: u64 = 8 << 20;
/// What of the file's end is read to show the last ones.
const TAIL_BYTES: u64 = 256 * 1024;

/// A reading an engine would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// What the engine said.
    pub reason: String,
    /// The line.
    pub line: String,
}

/// The last refused readings.
#[derive(Debug, Default)]
pub(super) struct Kept(VecDeque<Refused>);

impl Kept {
    pub(super) fn push(&mut self, refused: Refused) {
        if self.0.len() >= MAX_REFUSED_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(refused);
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Refused> {
        self.0.iter()
    }
}

/// The file a sink keeps its refused readings in: line protocol, before each line a comment with
/// the time and the reason. Once the cause is gone, it can be given to the engine as it stands.
#[derive(Debug)]
pub struct RefusedFile {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
}

impl RefusedFile {
    /// The file of a sink below `folder`; it is made when there is something to put into it.
    #[must_use]
    pub fn new(folder: &Path, sink: &str) -> Self {
        Self { path: refused_path(folder, sink), file: None, bytes: 0 }
    }

    /// Adds a reading; on disk when it returns.
    ///
    /// # Errors
    /// When it cannot be written; the reading is in the log's day files in any case.
    pub fn add(&mut self, at: UnixMicros, refused: &Refused) -> io::Result<()> {
        let reason = refused.reason.replace(['\r', '\n'], " ");
        let text = format!("# {} {}: {reason}\n{}\n", Time(at.0), refused.why.name(), refused.line);
        if self.bytes + text.len() as u64 > MAX_REFUSED_FILE_BYTES {
            self.file = None;
            std::fs::rename(&self.path, older(&self.path))?;
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        self.bytes += text.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    fn open(&mut self) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.bytes = file.metadata()?.len();
        Ok(file)
    }
}

/// Where a sink keeps its refused readings, below the centre's folder.
#[must_use]
pub fn refused_path(folder: &Path, sink: &str) -> PathBuf {
    folder.join("sinks").join(format!("{sink}.refused.lp"))
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("1.lp")
}

/// The last readings in such a file, newest first, at most `limit`: the comment and the line. None
/// when there is no file.
///
/// # Errors
/// When it cannot be read.
pub fn refused_last(path: &Path, limit: usize) -> io::Result<Vec<(String, String)>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let skipped = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    // From the end, so that a comment that was cut at the beginning does not matter.
    while let Some(line) = lines.pop() {
        let Some(comment) = lines.last().and_then(|l| l.strip_prefix("# ")) else { continue };
        if found.len() == limit {
            break;
        }
        if !line.starts_with('#') {
            found.push((comment.to_owned(), line.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Refused {
        let reason = "answered 400:\nno".to_owned();
        Refused { why: Refusal::BadRequest, reason, line: line.to_owned() }
    }

    #[test]
    fn what_was_refused_is_in_a_file_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = refused_path(folder.path(), "influx");
        assert_eq!(refused_last(&path, 9).unwrap(), []);
        for line in ["tram,station=a value=1 5", "tram,station=b value=2 6"] {
            RefusedFile::new(folder.path(), "influx").add(UnixMicros(0), &refused(line)).unwrap();
        }
        let comment = "1970-01-01T00:00:00Z bad-request: answered 400: no".to_owned();
        let last = refused_last(&path, 1).unwrap();
        assert_eq!(last, [(comment, "tram,station=b value=2 6".to_owned())]);
        assert_eq!(refused_last(&path, 9).unwrap().len(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().all(|l| l.starts_with("# ") || l.starts_with("tram,")), "{text}");
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = RefusedFile::new(folder.path(), "s");
        let line = "x".repeat(1 << 20);
        for _ in 0..20 {
            file.add(UnixMicros(0), &refused(&line)).unwrap();
        }
        let path = refused_path(folder.path(), "s");
        let sizes = [&path, &older(&path)].map(|p| std::fs::metadata(p).unwrap().len());
        assert!(sizes.iter().all(|s| *s <= MAX_REFUSED_FILE_BYTES), "{sizes:?}");
        assert_eq!(std::fs::read_dir(folder.path().join("sinks")).unwrap().count(), 2);
        assert!(sizes[1] > MAX_REFUSED_FILE_BYTES / 2, "the older one was full");
    }
}
