//! Readings of one channel, summed up step by step.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// The most steps that are kept: four days of ten minutes, and the one in progress.
pub(crate) const MAX_BINS: usize = 4 * 144 + 1;
/// Readings beyond ± this many counts are taken for this many, so that no sum overflows.
const MOST: i64 = 1_000_000_000_000;

type Packed = (i64, i64, u32, i64, u32);

/// A sum and how many readings it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sum {
    pub(crate) sum: i64,
    pub(crate) n: u32,
}

impl Sum {
    fn add(&mut self, value: i64) {
        self.sum = self.sum.saturating_add(value.clamp(-MOST, MOST));
        self.n = self.n.saturating_add(1);
    }

    /// The mean, exact.
    #[expect(clippy::cast_precision_loss, reason = "sums of physical readings are below 2^53")]
    pub(crate) fn mean(self) -> f64 {
        self.sum as f64 / f64::from(self.n.max(1))
    }
}

/// The readings of one step, with the suspect ones and without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub(crate) struct Bin {
    /// It covers the time after `index` lengths up to and including `index + 1` lengths.
    pub(crate) index: i64,
    all: Sum,
    firm: Sum,
}

impl From<Packed> for Bin {
    fn from((index, all, n, firm, firm_n): Packed) -> Self {
        Self { index, all: Sum { sum: all, n }, firm: Sum { sum: firm, n: firm_n } }
    }
}

impl From<Bin> for Packed {
    fn from(b: Bin) -> Self {
        (b.index, b.all.sum, b.all.n, b.firm.sum, b.firm.n)
    }
}

impl Bin {
    /// Its readings, with the suspect ones when `all`.
    pub(crate) fn sum(&self, all: bool) -> Sum {
        if all { self.all } else { self.firm }
    }
}

/// The steps of one channel, in order; a step without anything to add up is not there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Bins(Vec<Bin>);

/// The step of length `length` that a reading taken at `at` belongs to: it speaks of the time
/// before it.
pub(crate) fn index(at: i64, length: i64) -> i64 {
    at.saturating_sub(1).div_euclid(length.max(1))
}

/// The last step of length `length` that is over at `at`.
pub(crate) fn over(at: i64, length: i64) -> i64 {
    at.div_euclid(length.max(1)).saturating_sub(1)
}

impl Bins {
    /// Takes a reading, in the order of time, and forgets all but the newest `keep` steps.
    pub(crate) fn add(&mut self, index: i64, value: i64, suspect: bool, keep: i64) {
        if self.0.last().is_none_or(|last| last.index < index) {
            self.0.push(Bin { index, all: Sum::default(), firm: Sum::default() });
        }
        if let Some(bin) = self.0.last_mut() {
            bin.all.add(value);
            if !suspect {
                bin.firm.add(value);
            }
        }
        self.forget(index.saturating_sub(keep));
        let excess = self.0.len().saturating_sub(MAX_BINS);
        self.0.drain(..excess);
    }

    /// Forgets the steps up to `index`.
    pub(crate) fn forget(&mut self, index: i64) {
        let old = self.0.iter().take_while(|bin| bin.index <= index).count();
        self.0.drain(..old);
    }

    /// The newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Bin> {
        self.0.iter().rev()
    }

    /// The step `index`, if anything was added up in it.
    pub(crate) fn get(&self, index: i64) -> Option<&Bin> {
        self.0.binary_search_by_key(&index, |bin| bin.index).ok().and_then(|i| self.0.get(i))
    }

    /// What the steps after `after` up to `to` add up to.
    pub(crate) fn between(&self, after: i64, to: i64, all: bool) -> i64 {
        let inside = self.newest_first().skip_while(|bin| bin.index > to);
        let inside = inside.take_while(|bin| bin.index > after);
        inside.fold(0_i64, |sum, bin| sum.saturating_add(bin.sum(all).sum))
    }

    /// Moves the time by whole steps.
    pub(crate) fn shift(&mut self, micros: i64, length: i64) {
        let steps = micros / length.max(1);
        self.0.iter_mut().for_each(|bin| bin.index = bin.index.saturating_add(steps));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_at_the_end_of_a_step_belongs_to_it() {
        assert_eq!((index(600, 600), index(601, 600), index(1, 600), index(0, 600)), (0, 1, 0, -1));
        assert_eq!((over(600, 600), over(599, 600), over(1200, 600)), (0, -1, 1));
    }

    #[test]
    fn sums_reach_from_one_step_to_another() {
        let mut bins = Bins::default();
        for (index, value, suspect) in [(1, 5, false), (1, 6, true), (3, 7, false), (9, 8, false)] {
            bins.add(index, value, suspect, 100);
        }
        assert_eq!((bins.between(0, 9, true), bins.between(0, 9, false)), (26, 20));
        assert_eq!((bins.between(1, 8, true), bins.between(3, 9, true)), (7, 8));
        assert_eq!(bins.get(1).map(|b| b.sum(true).n), Some(2));
        bins.add(12, 1, false, 5);
        assert_eq!(bins.newest_first().map(|b| b.index).collect::<Vec<_>>(), [12, 9]);
        bins.add(i64::MAX, i64::MAX, false, 1);
        assert_eq!(bins.newest_first().count(), 1);
    }
}
