//! What of a spool is on disk.

use core::fmt;

use tram_wire::{Ack, MAX_ACK_RANGES, Seq, SpoolId};

/// The most ranges above the watermark that the pipeline lets come into being for one spool.
pub const MAX_PROGRESS_RANGES: usize = 1024;

/// Everything of one spool that is on disk: all numbers below the watermark, and ranges above it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    watermark: u64,
    /// First and last number inclusive, ascending, at least one number apart from each other and
    /// from the watermark.
    ranges: Vec<(u64, u64)>,
}

/// The bytes are not what [`Progress::to_bytes`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidProgress;

impl fmt::Display for InvalidProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ranges of a spool are damaged")
    }
}

impl core::error::Error for InvalidProgress {}

impl Progress {
    /// Every number below this one is on disk.
    #[must_use]
    pub fn watermark(&self) -> Seq {
        Seq(self.watermark)
    }

    /// The ranges above the watermark, first and last number inclusive, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Whether `seq` is on disk.
    #[must_use]
    pub fn covers(&self, seq: Seq) -> bool {
        seq.0 < self.watermark || self.find(seq.0).is_ok()
    }

    /// Whether adding `seq` needs no new range.
    #[must_use]
    pub fn touches(&self, seq: Seq) -> bool {
        if seq.0 <= self.watermark {
            return true;
        }
        match self.find(seq.0) {
            Ok(_) => true,
            Err(at) => {
                let below = at.checked_sub(1).and_then(|i| self.ranges.get(i));
                below.is_some_and(|(_, last)| last.saturating_add(1) == seq.0)
                    || self
                        .ranges
                        .get(at)
                        .is_some_and(|(first, _)| seq.0.saturating_add(1) == *first)
            }
        }
    }

    /// Adds `seq`; says whether it was new. The last number of all, 2^64 - 1, is never new: no
    /// watermark could stand behind it.
    pub fn insert(&mut self, seq: Seq) -> bool {
        let n = seq.0;
        if n == u64::MAX || self.covers(seq) {
            return false;
        }
        // `covers` has excluded `Ok`.
        let (Ok(at) | Err(at)) = self.find(n);
        let joins_above = self.ranges.get(at).is_some_and(|(first, _)| n + 1 == *first);
        let below = at.checked_sub(1).filter(|i| {
            self.ranges.get(*i).is_some_and(|(_, last)| last.checked_add(1) == Some(n))
        });
        match (below, joins_above) {
            (Some(i), true) => {
                let (_, last) = self.ranges.remove(at);
                if let Some(range) = self.ranges.get_mut(i) {
                    range.1 = last;
                }
            }
            (Some(i), false) => {
                if let Some(range) = self.ranges.get_mut(i) {
                    range.1 = n;
                }
            }
            (None, true) => {
                if let Some(range) = self.ranges.get_mut(at) {
                    range.0 = n;
                }
            }
            (None, false) => self.ranges.insert(at, (n, n)),
        }
        self.settle();
        true
    }

    /// Moves the watermark up to `to`: everything below is on disk or will never come.
    pub fn raise(&mut self, to: Seq) {
        if to.0 > self.watermark {
            self.watermark = to.0;
            self.settle();
        }
    }

    /// The acknowledgement that says all this. When there are more ranges than it can carry, it
    /// says the lower half from below, which is where a backlog comes in, and the upper half from
    /// above, which is where the newest come in.
    #[must_use]
    pub fn ack(&self, spool: SpoolId) -> Ack {
        let high = self.ranges.len().saturating_sub(MAX_ACK_RANGES / 2);
        let low = (MAX_ACK_RANGES / 2).min(high);
        let said = self.ranges.iter().take(low).chain(self.ranges.iter().skip(high));
        let ranges = said.map(|(a, b)| (Seq(*a), Seq(*b))).collect();
        Ack { spool, watermark: Seq(self.watermark), ranges }
    }

    /// Its bytes on disk: watermark, then each range, as little-endian 64-bit numbers.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 16 * self.ranges.len());
        bytes.extend_from_slice(&self.watermark.to_le_bytes());
        for (first, last) in &self.ranges {
            bytes.extend_from_slice(&first.to_le_bytes());
            bytes.extend_from_slice(&last.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`InvalidProgress`] when it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidProgress> {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut words = words.iter().map(|w| u64::from_le_bytes(*w));
        let watermark = words.next().ok_or(InvalidProgress)?;
        let mut ranges = Vec::with_capacity(words.len() / 2);
        let mut free = watermark;
        while let Some(first) = words.next() {
            let last = words.next().ok_or(InvalidProgress)?;
            if first <= free || last < first {
                return Err(InvalidProgress);
            }
            free = last.checked_add(1).ok_or(InvalidProgress)?;
            ranges.push((first, last));
        }
        if rest.is_empty() { Ok(Self { watermark, ranges }) } else { Err(InvalidProgress) }
    }

    /// The range that holds `n`, or where one would have to be inserted.
    fn find(&self, n: u64) -> Result<usize, usize> {
        self.ranges.binary_search_by(|(first, last)| {
            if *last < n {
                core::cmp::Ordering::Less
            } else if *first > n {
                core::cmp::Ordering::Greater
            } else {
                core::cmp::Ordering::Equal
            }
        })
    }

    /// Lets the watermark swallow the ranges it has reached.
    fn settle(&mut self) {
        let reached = self.ranges.iter().take_while(|(first, _)| *first <= self.watermark);
        let mut swallowed = 0;
        let mut watermark = self.watermark;
        for (_, last) in reached {
            watermark = watermark.max(last.saturating_add(1));
            swallowed += 1;
        }
        self.watermark = watermark;
        self.ranges.drain(..swallowed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The set model a progress must agree with.
    fn agree(progress: &Progress, set: &BTreeSet<u64>, raised: u64) {
        for n in 0..70 {
            assert_eq!(progress.covers(Seq(n)), n < raised || set.contains(&n), "{n} {progress:?}");
        }
        let again = Progress::from_bytes(&progress.to_bytes()).unwrap();
        assert_eq!(&again, progress);
        progress.ack(SpoolId(7)).encode().unwrap();
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(steps in prop::collection::vec((0_u64..64, prop::bool::weighted(0.05)), 0..200)) {
            let (mut progress, mut set, mut raised) = (Progress::default(), BTreeSet::new(), 0);
            for (n, raise) in steps {
                if raise {
                    progress.raise(Seq(n));
                    raised = raised.max(n);
                } else {
                    let touches = progress.touches(Seq(n));
                    let before = progress.ranges().len();
                    let new = progress.insert(Seq(n));
                    prop_assert_eq!(new, n >= raised && set.insert(n));
                    prop_assert!(!touches || progress.ranges().len() <= before);
                }
                agree(&progress, &set, raised);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(progress) = Progress::from_bytes(&bytes) {
                prop_assert_eq!(progress.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn with_too_many_gaps_the_backlog_and_the_newest_are_acknowledged() {
        let mut progress = Progress::default();
        for n in 1..=100 {
            progress.insert(Seq(2 * n));
        }
        let ack = progress.ack(SpoolId(7));
        assert_eq!(ack.ranges.len(), MAX_ACK_RANGES);
        assert!(ack.covers(Seq(2)) && ack.covers(Seq(200)) && !ack.covers(Seq(100)));
        ack.encode().unwrap();
    }

    #[test]
    fn the_ends_of_the_range_do_not_overflow() {
        let mut progress = Progress::default();
        assert!(!progress.insert(Seq(u64::MAX)));
        assert!(progress.insert(Seq(u64::MAX - 1)));
        assert!(progress.touches(Seq(u64::MAX)));
        progress.raise(Seq(u64::MAX - 1));
        assert_eq!(progress.watermark(), Seq(u64::MAX));
    }
}
