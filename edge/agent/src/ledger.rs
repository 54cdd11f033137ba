//! What has gone over a metered link today, kept over restarts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tracing::warn;

/// So much may be forgotten by a crash: what is written down is worth writing.
const WRITE_EVERY_BYTES: u64 = 64 << 10;

/// A file with the day (since 1970, by UTC) and its bytes.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: PathBuf,
    written: (i64, u64),
}

impl Ledger {
    /// Opens the file, which need not be there.
    pub(crate) fn open(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        let mut fields = text.split_whitespace();
        let mut number = || fields.next().and_then(|n| n.parse::<u64>().ok());
        let day = number().and_then(|d| i64::try_from(d).ok()).unwrap_or(0);
        Self { file: file.to_owned(), written: (day, number().unwrap_or(0)) }
    }

    /// What it says.
    pub(crate) fn used(&self) -> (i64, u64) {
        self.written
    }

    /// Writes the numbers down when they have grown enough, or `now` because the program ends.
    pub(crate) fn note(&mut self, (day, used): (i64, u64), now: bool) {
        let (last_day, last) = self.written;
        let grown = day != last_day || used >= last.saturating_add(WRITE_EVERY_BYTES);
        if (day, used) == self.written || !(grown || now) {
            return;
        }
        self.written = (day, used);
        if let Err(e) = fs::write(&self.file, format!("{day} {used}\n")) {
            warn!("{} cannot be written: {e}", self.file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_goes_on_counting() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sent-today");
        let mut ledger = Ledger::open(&file);
        assert_eq!(ledger.used(), (0, 0));
        ledger.note((7, 100), false);
        ledger.note((7, 200), false);
        assert_eq!(Ledger::open(&file).used(), (7, 100), "a new day at once, then by the piece");
        ledger.note((7, 200), true);
        assert_eq!(Ledger::open(&file).used(), (7, 200));
        fs::write(&file, "nonsense").unwrap();
        assert_eq!(Ledger::open(&file).used(), (0, 0));
    }
}
