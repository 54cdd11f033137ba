//! The file that holds the history.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{Change, Entry, Setting};

/// The file's name in the data folder.
pub(crate) const FILE: &str = "calibrations.jsonl";
/// The most entries that are read and written: two a week for ten years.
pub(crate) const MAX_ENTRIES: usize = 1024;
/// The largest file that is read; an entry has about 400 bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Every entry there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    file: PathBuf,
    entries: Vec<Entry>,
    damaged: Vec<usize>,
    unread: bool,
}

impl History {
    /// Reads the history of a data folder; without a file it is empty. A line that is not an
    /// entry is passed over and counted.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or is larger than a history can be.
    pub(crate) fn read(data: &Path) -> io::Result<Self> {
        let file = data.join(FILE);
        let mut text = String::new();
        match File::open(&file) {
            Ok(open) => {
                let mut bytes = Vec::new();
                open.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
                if u64::try_from(bytes.len()).is_ok_and(|n| n > MAX_FILE_BYTES) {
                    let why = format!("it has more than {MAX_FILE_BYTES} bytes");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let (mut entries, mut damaged) = (Vec::<Entry>::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty()) {
            let newest = entries.last().map_or(0, |e| e.id);
            match serde_json::from_str::<Entry>(line) {
                Ok(e) if e.sound() && e.id > newest && entries.len() < MAX_ENTRIES => {
                    entries.push(e);
                }
                Ok(_) | Err(_) => damaged.push(number),
            }
        }
        Ok(Self { file, entries, damaged, unread: false })
    }

    /// A history whose file cannot be read: empty, and nothing may be added to it.
    pub(crate) fn unread(data: &Path) -> Self {
        Self { file: data.join(FILE), unread: true, ..Self::default() }
    }

    /// Whether the file could not be read.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread
    }

    /// The entries, the oldest first.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Lines of the file that are no entries.
    pub(crate) fn damaged(&self) -> &[usize] {
        &self.damaged
    }

    /// The id of the next entry.
    pub(crate) fn next_id(&self) -> u32 {
        self.entries.last().map_or(1, |e| e.id.saturating_add(1))
    }

    /// The entry with this id.
    pub(crate) fn entry(&self, id: u32) -> Option<&Entry> {
        self.entries.iter().find(|e| e.id == id)
    }

    /// Whether an entry was taken back.
    pub(crate) fn undone(&self, id: u32) -> bool {
        self.entries
            .iter()
            .any(|e| matches!(&e.change, Change::Undone { entry, .. } if *entry == id))
    }

    /// The calibration of a part that holds: the newest of this key that was not taken back, since
    /// the part was replaced.
    pub(crate) fn in_force(&self, part: &str, key: &str) -> Option<(&Entry, Setting)> {
        let mut found = None;
        for entry in self.entries.iter().filter(|e| e.part == part && !self.undone(e.id)) {
            match &entry.change {
                Change::Calibrated { now, .. } if now.key() == key => found = Some((entry, *now)),
                Change::Replaced { .. } => found = None,
                Change::Calibrated { .. } | Change::Undone { .. } => {}
            }
        }
        found
    }

    /// Adds an entry, which is on the disk when this returns. Its id is given here.
    ///
    /// # Errors
    /// When the file cannot be written, or is full.
    pub(crate) fn add(&mut self, mut entry: Entry) -> io::Result<u32> {
        entry.id = self.next_id();
        self.take_over(entry)
    }

    /// Adds an entry that has its id already, as from a report.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub(crate) fn take_over(&mut self, entry: Entry) -> io::Result<u32> {
        if self.unread {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it cannot be read"));
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Err(io::Error::other(format!("there are {MAX_ENTRIES} entries already")));
        }
        if !entry.sound() || self.entries.last().is_some_and(|e| e.id >= entry.id) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the entry is not sound"));
        }
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(&self.file)?;
        // Whoever else is at it finishes first.
        file.lock()?;
        let mut line = serde_json::to_vec(&entry).map_err(io::Error::other)?;
        line.push(b'\n');
        if torn(&mut file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        let id = entry.id;
        self.entries.push(entry);
        Ok(id)
    }
}

/// Whether the last line was cut short when the power went.
fn torn(file: &mut File) -> io::Result<bool> {
    use std::io::{Seek as _, SeekFrom};
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::calibration::ClockWord;

    const PART: &str = "tipping bucket pin 17";

    fn entry(change: Change) -> Entry {
        Entry {
            id: 0,
            at: "2026-03-02T08:00:00Z".to_owned(),
            clock: ClockWord::Ntp,
            by: "Nguyễn Văn An".to_owned(),
            part: PART.to_owned(),
            change,
            note: String::new(),
        }
    }

    fn calibrated(now: f64) -> Entry {
        entry(Change::Calibrated {
            serial: "TB-0442".to_owned(),
            file: Setting::TipMm(0.2),
            was: Setting::TipMm(0.2),
            now: Setting::TipMm(now),
            measured: BTreeMap::from([("tips".to_owned(), 48.0)]),
        })
    }

    fn holds(h: &History) -> Option<Setting> {
        h.in_force(PART, "tip_mm").map(|(_, s)| s)
    }

    #[test]
    fn the_newest_holds_until_it_is_taken_back_or_the_part_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut h = History::read(folder.path()).unwrap();
        assert_eq!(holds(&h), None);
        assert_eq!(h.add(calibrated(0.21)).unwrap(), 1);
        assert_eq!(h.add(calibrated(0.22)).unwrap(), 2);
        assert_eq!(holds(&h), Some(Setting::TipMm(0.22)));
        let reason = "spilled".to_owned();
        h.add(entry(Change::Undone { entry: 2, reason })).unwrap();
        assert_eq!(holds(&h), Some(Setting::TipMm(0.21)));
        h.add(entry(Change::Replaced { serial: "TB-0500".to_owned() })).unwrap();
        assert_eq!(holds(&h), None);
        assert_eq!(h.in_force("another part", "tip_mm"), None);
        // It is all there when it is read again.
        let again = History::read(folder.path()).unwrap();
        assert_eq!(again.entries(), h.entries());
        assert_eq!(holds(&again), None);
    }

    #[test]
    fn a_line_cut_short_costs_itself_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut h = History::read(folder.path()).unwrap();
        h.add(calibrated(0.21)).unwrap();
        h.add(calibrated(0.22)).unwrap();
        let whole = fs::read(h.file()).unwrap();
        let first = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
        for cut in first..whole.len() {
            fs::write(h.file(), &whole[..cut]).unwrap();
            let mut torn = History::read(folder.path()).unwrap();
            // Only the newline is missing at the end: the entry is whole.
            let second = cut + 1 == whole.len();
            assert_eq!(torn.entries().len(), 1 + usize::from(second), "{cut}");
            assert_eq!(torn.damaged().len(), usize::from(!second && cut > first), "{cut}");
            torn.add(calibrated(0.23)).unwrap();
            let again = History::read(folder.path()).unwrap();
            assert_eq!(holds(&again), Some(Setting::TipMm(0.23)), "{cut}");
        }
    }

    #[test]
    fn what_no_part_can_have_is_refused_and_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut h = History::read(folder.path()).unwrap();
        assert!(h.add(calibrated(99.0)).is_err());
        assert!(!h.file().exists());
        h.add(calibrated(0.21)).unwrap();
        let text = fs::read_to_string(h.file()).unwrap();
        fs::write(h.file(), text.replace("0.21", "2100.0")).unwrap();
        let again = History::read(folder.path()).unwrap();
        assert_eq!((again.entries().len(), again.damaged()), (0, &[1][..]));
    }
}
