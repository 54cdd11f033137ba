//! What is known of the boots in which the clock was set late: their readings carry time since
//! boot and may wait in the spool for longer than the boot lasts.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::warn;
use tram_wire::MAX_EARLIER_BOOTS;

use super::Moment;
use crate::replace::replace;

/// The boots that are remembered, this one included.
const MAX_BOOTS: usize = MAX_EARLIER_BOOTS + 1;
/// An offset that is better by less than this is not worth a write.
const BETTER_BY_US: i64 = 1_000_000;
/// More than the file can ever be.
const MAX_FILE_BYTES: u64 = 4096;

/// Boots and their offsets, in a file: a line for each, the oldest first, with its number in
/// hexadecimal and its offset in microseconds, or `-` as long as nobody knows it.
#[derive(Debug)]
pub(crate) struct Boots {
    file: PathBuf,
    current: u32,
    known: Vec<(u32, Option<i64>)>,
    unsaved: bool,
    complained: bool,
}

/// Shared between the thread that writes and the task that tells the centre.
#[derive(Debug, Clone)]
pub(crate) struct SharedBoots(Arc<Mutex<Boots>>);

impl SharedBoots {
    /// Opens the file in the data folder, which need not be there.
    pub(crate) fn open(file: &Path, current: u32) -> Self {
        Self(Arc::new(Mutex::new(Boots::open(file, current))))
    }

    /// Takes note of how the clock stands, and writes that down when it matters.
    pub(crate) fn note(&self, now: Moment) {
        self.lock().note(now);
    }

    /// Unix time minus uptime of a boot, if it is known.
    pub(crate) fn offset(&self, boot: u32) -> Option<i64> {
        let boots = self.lock();
        boots.known.iter().find(|(known, _)| *known == boot).and_then(|(_, offset)| *offset)
    }

    /// The boots before this one whose offset is known, the oldest first.
    pub(crate) fn earlier(&self) -> Vec<(u32, i64)> {
        let boots = self.lock();
        let before = boots.known.iter().filter(|(boot, _)| *boot != boots.current);
        let mut earlier: Vec<_> =
            before.filter_map(|(boot, offset)| Some((*boot, (*offset)?))).collect();
        // Before this boot has a line, there may be one too many.
        earlier.drain(..earlier.len().saturating_sub(MAX_EARLIER_BOOTS));
        earlier
    }

    fn lock(&self) -> MutexGuard<'_, Boots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Boots {
    fn open(file: &Path, current: u32) -> Self {
        let small = fs::metadata(file).is_ok_and(|m| m.len() <= MAX_FILE_BYTES);
        let text = if small { fs::read_to_string(file).unwrap_or_default() } else { String::new() };
        let line = |line: &str| {
            let (boot, offset) = line.split_once(' ')?;
            Some((u32::from_str_radix(boot, 16).ok()?, offset.parse().ok()))
        };
        let mut known: Vec<(u32, Option<i64>)> = text.lines().filter_map(line).collect();
        known.drain(..known.len().saturating_sub(MAX_BOOTS));
        let file = file.to_owned();
        Self { file, current, known, unsaved: false, complained: false }
    }

    fn note(&mut self, now: Moment) {
        let at = self.known.iter().position(|(boot, _)| *boot == self.current);
        match (at.and_then(|at| self.known.get_mut(at)), now.offset()) {
            // The clock was right from the first look on: nothing depends on its offset.
            (None, Some(_)) => {}
            (None, None) => {
                if self.known.len() >= MAX_BOOTS {
                    self.known.remove(0);
                }
                self.known.push((self.current, None));
                self.unsaved = true;
            }
            (Some((_, known)), Some(offset)) => {
                let worse = |k: i64| k.saturating_sub(offset).saturating_abs() > BETTER_BY_US;
                if known.is_none_or(worse) {
                    *known = Some(offset);
                    self.unsaved = true;
                }
            }
            (Some(_), None) => {}
        }
        self.save();
    }

    fn save(&mut self) {
        if !self.unsaved {
            return;
        }
        let lines = self.known.iter().map(|(boot, offset)| {
            let offset = offset.map_or_else(|| "-".to_owned(), |o| o.to_string());
            format!("{boot:08x} {offset}\n")
        });
        match replace(&self.file, lines.collect::<String>().as_bytes()) {
            Ok(()) => (self.unsaved, self.complained) = (false, false),
            // Tried again with the next note.
            Err(e) if !std::mem::replace(&mut self.complained, true) => {
                warn!("{} cannot be written: {e}", self.file.display());
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::{ClockState, UnixMicros, UptimeMicros};

    use super::*;

    fn moment(boot: u32, offset: i64, set: bool) -> Moment {
        let state = if set { ClockState::Ntp } else { ClockState::Unsynchronised { boot } };
        Moment { unix: UnixMicros(offset + 500), uptime: UptimeMicros(500), state }
    }

    #[test]
    fn the_offset_of_a_boot_survives_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("boots");
        let first = SharedBoots::open(&file, 7);
        first.note(moment(7, 0, false));
        assert_eq!(first.offset(7), None);
        first.note(moment(7, 1_000_000_000, true));
        first.note(moment(7, 1_000_400_000, true));
        assert_eq!((first.offset(7), first.earlier()), (Some(1_000_000_000), vec![]));
        // A program that was started again in the same boot goes on where it was.
        let again = SharedBoots::open(&file, 7);
        again.note(moment(7, 1_009_000_000, true));
        let second = SharedBoots::open(&file, 8);
        second.note(moment(8, 0, false));
        assert_eq!(second.earlier(), [(7, 1_009_000_000)]);
        // A boot that ended without a clock has no offset.
        let third = SharedBoots::open(&file, 9);
        assert_eq!((third.earlier(), third.offset(8)), (vec![(7, 1_009_000_000)], None));
    }

    #[test]
    fn a_program_that_starts_after_the_clock_was_set_knows_of_the_time_before() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("boots");
        SharedBoots::open(&file, 7).note(moment(7, 0, false));
        SharedBoots::open(&file, 7).note(moment(7, 5_000_000, true));
        assert_eq!(SharedBoots::open(&file, 8).earlier(), [(7, 5_000_000)]);
    }

    #[test]
    fn a_boot_with_a_clock_costs_no_write_and_the_file_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("boots");
        SharedBoots::open(&file, 1).note(moment(1, 900, true));
        assert!(!file.exists());
        for boot in 0..100 {
            let boots = SharedBoots::open(&file, boot);
            boots.note(moment(boot, 0, false));
            boots.note(moment(boot, i64::from(boot), true));
        }
        let earlier = SharedBoots::open(&file, 100).earlier();
        assert_eq!(earlier.len(), MAX_EARLIER_BOOTS);
        assert_eq!(earlier.last(), Some(&(99, 99)));
        fs::write(&file, "nonsense\n7 8 9\nzz 3\n").unwrap();
        assert_eq!(SharedBoots::open(&file, 1).earlier(), []);
        // A folder that cannot be written is no reason to stop.
        let nowhere = SharedBoots::open(&dir.path().join("no/boots"), 3);
        nowhere.note(moment(3, 0, false));
        nowhere.note(moment(3, 77, true));
        assert_eq!(nowhere.offset(3), Some(77));
    }
}
