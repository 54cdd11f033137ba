//! The pages of a database: the checksum of each, and how SQLite sees them together.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
};

use rusqlite::Connection;
use tram_pages::{State, look};

use super::{Affects, CheckError, RESTORE, Work, words};

/// How many faults SQLite lists of a file.
const MAX_FAULTS: u32 = 20;
/// How often a page is read again before it is called damaged: it may have been read while it was
/// written.
const READS: u32 = 5;
/// How much is read at once.
const BLOCK_BYTES: usize = 1 << 20;
/// What to do about a byte that was put right.
const HEAL: &str = "nothing is lost; look at the disk (dmesg, smartctl), and take a backup, in \
                    which the byte is right";

impl Work<'_, '_, '_> {
    /// Reads every page, and unless the check is quick lets SQLite go through them. Says whether
    /// all is well.
    pub(super) fn pages(
        &mut self,
        db: &Connection,
        name: &str,
        affects: &Affects,
    ) -> Result<bool, CheckError> {
        let damaged = match self.checksums(db, name, affects)? {
            Ok(damaged) => damaged,
            Err(error) => {
                let what = format!("it cannot be read to its end: {error}");
                self.report.damage(name, what, affects.clone(), RESTORE);
                1
            }
        };
        // What SQLite says of a tree with a page missing says less than the page.
        if damaged > 0 || self.depth.quick {
            return Ok(damaged == 0);
        }
        self.alive(name)?;
        let rows: rusqlite::Result<Vec<String>> = db
            .prepare(&format!("PRAGMA integrity_check({MAX_FAULTS})"))
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect());
        let faults = match rows {
            Ok(rows) => rows,
            Err(error) => vec![words(&crate::error::wrap(&self.dir.join(name), &error))],
        };
        let mut sound = true;
        for fault in faults.iter().filter(|f| *f != "ok") {
            sound = false;
            // SQLite writes some faults on several lines.
            let fault = fault.trim().replace('\n', "; ");
            let what = format!("its pages do not fit together: {fault}");
            self.report.damage(name, what, affects.clone(), RESTORE);
        }
        Ok(sound)
    }

    /// Looks at the checksum of each page; says how many are damaged. The inner error is of the
    /// file.
    fn checksums(
        &mut self,
        db: &Connection,
        name: &str,
        affects: &Affects,
    ) -> Result<io::Result<u32>, CheckError> {
        let path = self.dir.join(name);
        let page: i64 = db.pragma_query_value(None, "page_size", |r| r.get(0)).unwrap_or(4096);
        let page = usize::try_from(page).unwrap_or(4096).clamp(512, 65_536);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let (mut damaged, mut number, mut offset) = (0, 0, 0);
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let read = match fill(&file, &mut block, offset) {
                Ok(read) => read,
                Err(error) => return Ok(Err(error)),
            };
            let Some(pages) = block.get_mut(..read - read % page).filter(|p| !p.is_empty()) else {
                break;
            };
            for bytes in pages.chunks_mut(page) {
                number += 1;
                let at = u64::from(number - 1) * page as u64;
                match look_again(&file, bytes, number, at) {
                    State::Sound => {}
                    State::Mended { at } => self.report.damage(
                        name,
                        format!("byte {at} of page {number} was wrong and is put right each time it is read"),
                        affects.clone(),
                        HEAL,
                    ),
                    State::Damaged => {
                        damaged += 1;
                        self.report.damage(
                            name,
                            format!("page {number} is not what was written"),
                            affects.clone(),
                            RESTORE,
                        );
                    }
                }
            }
            offset += (read - read % page) as u64;
            self.report.seen.bytes += read as u64;
            self.meter.add(name, read as u64)?;
        }
        Ok(Ok(damaged))
    }
}

/// Looks at a page, and reads it again when it seems damaged.
fn look_again(file: &File, bytes: &mut [u8], number: u32, at: u64) -> State {
    let mut state = look(bytes, number);
    for _ in 1..READS {
        if state == State::Sound || file.read_exact_at(bytes, at).is_err() {
            break;
        }
        state = look(bytes, number);
    }
    state
}

/// Reads as much as fits; less only at the end of the file.
fn fill(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = block.get_mut(read..).filter(|r| !r.is_empty()) {
        match file.read_at(rest, offset + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}
