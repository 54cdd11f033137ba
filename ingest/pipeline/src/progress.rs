//! What of a spool is settled.

use core::fmt;

use tram_wire::{Ack, MAX_ACK_RANGES, ReplicaId, Seq, SpoolId};

use crate::ranges::Ranges;

/// The most ranges above the watermark that the pipeline lets come into being for one spool.
pub const MAX_PROGRESS_RANGES: usize = 1024;

/// Everything of one spool that is settled: on disk here, on the disk of a replica that said so,
/// or let go by the node. All numbers below the watermark, and ranges above it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    watermark: u64,
    /// All above the watermark, at least one number apart from it.
    ranges: Ranges,
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
    /// Every number below this one is settled.
    #[must_use]
    pub fn watermark(&self) -> Seq {
        Seq(self.watermark)
    }

    /// The ranges above the watermark, first and last number inclusive, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        self.ranges.as_slice()
    }

    /// Whether nothing is settled yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.watermark == 0 && self.ranges.is_empty()
    }

    /// Whether `seq` is settled.
    #[must_use]
    pub fn covers(&self, seq: Seq) -> bool {
        seq.0 < self.watermark || self.ranges.covers(seq.0)
    }

    /// Whether adding `seq` needs no new range.
    #[must_use]
    pub fn touches(&self, seq: Seq) -> bool {
        seq.0 <= self.watermark || self.ranges.touches(seq.0)
    }

    /// Adds `seq`; says whether it was new. The last number of all, 2^64 - 1, is never new: no
    /// watermark could stand behind it.
    pub fn insert(&mut self, seq: Seq) -> bool {
        if seq.0 == u64::MAX || self.covers(seq) {
            return false;
        }
        self.ranges.insert(seq.0, seq.0);
        self.settle();
        true
    }

    /// Moves the watermark up to `to`: everything below is settled.
    pub fn raise(&mut self, to: Seq) {
        if to.0 > self.watermark {
            self.watermark = to.0;
            self.settle();
        }
    }

    /// Takes up what another replica says.
    pub fn hear(&mut self, ack: &Ack) {
        self.raise(ack.watermark);
        for (first, last) in ack.ranges.iter().chain(&ack.committed) {
            self.ranges.insert(first.0.max(self.watermark), last.0);
        }
        self.settle();
    }

    /// Takes up everything that is settled in `other`.
    pub fn merge(&mut self, other: &Self) {
        self.raise(other.watermark());
        for (first, last) in other.ranges() {
            self.ranges.insert((*first).max(self.watermark), *last);
        }
        self.settle();
    }

    /// Gives up the lowest gap, so that there is room for another; whatever it still lacks will
    /// be taken for a copy. Says where the watermark is now.
    pub fn give_up_lowest_gap(&mut self) -> Seq {
        if let Some((_, last)) = self.ranges.pop_lowest() {
            self.watermark = last.saturating_add(1);
            self.settle();
        }
        self.watermark()
    }

    /// The acknowledgement that says all this. When there are more ranges than it can carry, it
    /// says those that hold a number of `asked`, then from below, which is where a backlog comes
    /// in, and from above, which is where the newest come in, in turn. `committed` is told as it
    /// is.
    #[must_use]
    pub fn ack(
        &self,
        spool: SpoolId,
        replica: ReplicaId,
        asked: &[Seq],
        committed: &[(u64, u64)],
    ) -> Ack {
        let seqs = |ranges: &[(u64, u64)]| ranges.iter().map(|(a, b)| (Seq(*a), Seq(*b))).collect();
        let ranges = match self.ranges.len() {
            0..=MAX_ACK_RANGES => seqs(self.ranges.as_slice()),
            _ => seqs(&self.chosen(asked)),
        };
        let watermark = self.watermark();
        Ack { spool, replica, watermark, ranges, committed: seqs(committed) }
    }

    /// The ranges to tell when there are more than fit.
    fn chosen(&self, asked: &[Seq]) -> Vec<(u64, u64)> {
        let mut places: Vec<usize> = Vec::with_capacity(MAX_ACK_RANGES);
        let wanted = asked.iter().filter_map(|seq| self.ranges.find(seq.0).ok());
        let ends = (0..self.ranges.len()).zip((0..self.ranges.len()).rev());
        for place in wanted.chain(ends.flat_map(|(low, high)| [low, high])) {
            if places.len() == MAX_ACK_RANGES {
                break;
            }
            if let Err(at) = places.binary_search(&place) {
                places.insert(at, place);
            }
        }
        places.iter().filter_map(|place| self.ranges().get(*place)).copied().collect()
    }

    /// Its bytes on disk: watermark, then each range, as little-endian 64-bit numbers.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 16 * self.ranges.len());
        bytes.extend_from_slice(&self.watermark.to_le_bytes());
        for (first, last) in self.ranges() {
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
        let mut ranges = Ranges::default();
        while let Some(first) = words.next() {
            let last = words.next().ok_or(InvalidProgress)?;
            if first <= watermark || !ranges.push(first, last) {
                return Err(InvalidProgress);
            }
        }
        if rest.is_empty() { Ok(Self { watermark, ranges }) } else { Err(InvalidProgress) }
    }

    /// Lets the watermark swallow the ranges it has reached.
    fn settle(&mut self) {
        if let Some(last) = self.ranges.take_through(self.watermark) {
            self.watermark = self.watermark.max(last.saturating_add(1));
        }
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
        let ack = progress.ack(SpoolId(7), ReplicaId(1), &[Seq(3), Seq(60), Seq(3)], &[]);
        ack.encode().unwrap();
        let mut heard = Progress::default();
        heard.hear(&ack);
        assert_eq!(&heard, progress);
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
    fn with_too_many_gaps_what_was_asked_for_the_backlog_and_the_newest_are_acknowledged() {
        let mut progress = Progress::default();
        (1..=100).for_each(|n| assert!(progress.insert(Seq(2 * n))));
        let ack = progress.ack(SpoolId(1), ReplicaId(1), &[Seq(122), Seq(5), Seq(122)], &[(9, 9)]);
        assert_eq!(ack.ranges.len(), MAX_ACK_RANGES);
        assert!([2, 32, 122, 172, 200].iter().all(|n| ack.covers(Seq(*n))), "{ack:?}");
        assert!([34, 100, 120, 168].iter().all(|n| !ack.covers(Seq(*n))), "{ack:?}");
        assert_eq!(ack.committed, [(Seq(9), Seq(9))]);
        ack.encode().unwrap();
    }

    #[test]
    fn replicas_that_hear_each_other_know_the_same() {
        let (mut a, mut b) = (Progress::default(), Progress::default());
        for n in 0..60 {
            let (one, other) = if n % 2 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
            one.insert(Seq(n));
            other.hear(&one.ack(SpoolId(1), ReplicaId(n % 2), &[], &[(n, n)]));
        }
        assert_eq!((a.watermark(), a.ranges().len()), (Seq(60), 0));
        assert_eq!(a, b);
        let mut late = Progress::default();
        late.insert(Seq(70));
        late.merge(&a);
        assert_eq!((late.watermark(), late.ranges()), (Seq(60), &[(70, 70)][..]));
        assert_eq!(late.give_up_lowest_gap(), Seq(71));
        assert_eq!(late.give_up_lowest_gap(), Seq(71), "there is no gap any more");
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
