//! A set of numbers as ranges.

use core::cmp::Ordering;

/// Ranges of numbers, first and last inclusive, ascending, at least one number apart. The last
/// number of all, 2^64 - 1, is in none: nothing could stand behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(crate) fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The range that holds `n`, or where one would have to be inserted.
    pub(crate) fn find(&self, n: u64) -> Result<usize, usize> {
        self.0.binary_search_by(|(first, last)| match () {
            () if *last < n => Ordering::Less,
            () if *first > n => Ordering::Greater,
            () => Ordering::Equal,
        })
    }

    pub(crate) fn covers(&self, n: u64) -> bool {
        self.find(n).is_ok()
    }

    /// Whether adding `n` needs no new range.
    pub(crate) fn touches(&self, n: u64) -> bool {
        match self.find(n) {
            Ok(_) => true,
            Err(at) => self.ends_before(at, n) || self.begins_behind(at, n),
        }
    }

    /// Whether the range before place `at` ends right before `n`.
    fn ends_before(&self, at: usize, n: u64) -> bool {
        let below = at.checked_sub(1).and_then(|i| self.0.get(i));
        below.is_some_and(|(_, last)| last.checked_add(1) == Some(n))
    }

    /// Whether the range at place `at` begins right behind `n`.
    fn begins_behind(&self, at: usize, n: u64) -> bool {
        self.0.get(at).is_some_and(|(first, _)| n.checked_add(1) == Some(*first))
    }

    /// Adds the numbers from `first` to `last`, both inclusive.
    pub(crate) fn insert(&mut self, first: u64, last: u64) {
        let last = last.min(u64::MAX - 1);
        if first > last {
            return;
        }
        // Every range that overlaps or touches becomes part of the new one.
        let from = self.0.partition_point(|(_, l)| l.saturating_add(1) < first);
        let to = self.0.partition_point(|(f, _)| *f <= last.saturating_add(1));
        let taken = self.0.get(from..to).unwrap_or_default();
        let first = taken.first().map_or(first, |(f, _)| first.min(*f));
        let last = taken.last().map_or(last, |(_, l)| last.max(*l));
        self.0.splice(from..to, [(first, last)]);
    }

    /// Removes and returns the lowest range.
    pub(crate) fn pop_lowest(&mut self) -> Option<(u64, u64)> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Takes away the ranges that begin at or below `n`; says up to where they go, if there are
    /// any.
    pub(crate) fn take_through(&mut self, n: u64) -> Option<u64> {
        let below = self.0.partition_point(|(first, _)| *first <= n);
        self.0.drain(..below).next_back().map(|(_, last)| last)
    }

    /// Adds a range that lies above all others, as it is read from disk; says whether it does.
    pub(crate) fn push(&mut self, first: u64, last: u64) -> bool {
        let apart = self.0.last().is_none_or(|(_, l)| l.saturating_add(1) < first);
        if apart && first <= last && last < u64::MAX {
            self.0.push((first, last));
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_set(steps in prop::collection::vec((0_u64..60, 0_u64..4), 0..60)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (first, more) in steps {
                let (touches, before) = (ranges.touches(first), ranges.len());
                ranges.insert(first, first + more);
                set.extend(first..=first + more);
                prop_assert!(!touches || ranges.len() <= before);
                for n in 0..70 {
                    prop_assert_eq!(ranges.covers(n), set.contains(&n), "{} {:?}", n, ranges);
                }
                let mut again = Ranges::default();
                prop_assert!(ranges.as_slice().iter().all(|(a, b)| again.push(*a, *b)));
                prop_assert_eq!(&again, &ranges);
            }
        }
    }

    #[test]
    fn the_ends_do_not_overflow() {
        let mut ranges = Ranges::default();
        ranges.insert(u64::MAX, u64::MAX);
        assert!(ranges.is_empty());
        ranges.insert(u64::MAX - 1, u64::MAX);
        ranges.insert(0, 0);
        assert_eq!(ranges.as_slice(), [(0, 0), (u64::MAX - 1, u64::MAX - 1)]);
        assert_eq!(ranges.take_through(0), Some(0));
        assert_eq!(ranges.pop_lowest(), Some((u64::MAX - 1, u64::MAX - 1)));
        assert_eq!(ranges.pop_lowest(), None);
    }
}
