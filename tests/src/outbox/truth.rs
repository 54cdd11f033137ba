//! What was really sampled.

use std::collections::{BTreeMap, BTreeSet};

/// Readings by channel and second, and alarms by number.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Whether each reading was promised to be safe.
    readings: BTreeMap<(u16, i64), bool>,
    /// Those that the next success of a commit promises.
    open: Vec<(u16, i64)>,
    /// Losses that were noted and are safe with the next record or commit.
    noted: Vec<(u16, i64)>,
    alarms: BTreeSet<u64>,
}

impl Truth {
    /// Notes readings that were appended, or told to be lost, and are safe with the next commit.
    pub fn append(&mut self, channels: std::ops::Range<u16>, times: impl Iterator<Item = i64>) {
        self.open.append(&mut self.noted);
        for t in times {
            for channel in channels.clone() {
                self.readings.insert((channel, t), false);
                self.open.push((channel, t));
            }
        }
    }

    /// Notes readings of a channel that are told to be lost, and that nobody may forget once a later
    /// reading is kept.
    pub fn lose(&mut self, channel: u16, times: impl Iterator<Item = i64>) {
        for t in times {
            self.readings.insert((channel, t), false);
            self.noted.push((channel, t));
        }
    }

    /// A commit has succeeded.
    pub fn commit(&mut self) {
        self.open.append(&mut self.noted);
        for key in std::mem::take(&mut self.open) {
            self.readings.insert(key, true);
        }
    }

    /// The program was killed: what was only in its memory is gone.
    pub fn killed(&mut self) {
        self.noted.clear();
    }

    /// The power went: nobody knows any more what became of the others.
    pub fn power_cut(&mut self) {
        self.open.clear();
    }

    /// An alarm is safe.
    pub fn alarm(&mut self, seq: u64) {
        self.alarms.insert(seq);
    }

    pub(super) fn alarms(&self) -> impl Iterator<Item = u64> {
        self.alarms.iter().copied()
    }

    pub(super) fn taken(&self, channel: u16, t: i64) -> bool {
        self.readings.contains_key(&(channel, t))
    }

    pub(super) fn sure(&self, channel: u16) -> impl Iterator<Item = i64> {
        self.of(channel, true)
    }

    pub(super) fn maybe(&self, channel: u16) -> impl Iterator<Item = i64> {
        self.of(channel, false)
    }

    fn of(&self, channel: u16, sure: bool) -> impl Iterator<Item = i64> {
        let of_channel = self.readings.range((channel, i64::MIN)..=(channel, i64::MAX));
        of_channel.filter(move |(_, is)| **is == sure).map(|((_, t), _)| *t)
    }
}
