//! Numbers that may have been sent.

use tram_wire::Seq;

/// The most ranges that are told apart; beyond, the two that are closest become one, which only
/// makes the set larger.
pub(crate) const MAX_RANGES: usize = 16;
/// So many numbers behind the one that is sent are noted with it, so that the disk is written once
/// for many.
const AHEAD: u64 = 256;

/// A set of numbers that holds every one that was sent and not released, and few others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    /// First and one behind the last, ascending, not touching each other.
    ranges: Vec<(u64, u64)>,
}

impl Ranges {
    pub(crate) fn contains(&self, seq: Seq) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..*to).contains(&seq.0))
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.ranges.iter().copied()
    }

    /// Adds a number that is about to be sent and those behind it; says whether it was new.
    pub(crate) fn note(&mut self, seq: Seq) -> bool {
        if self.contains(seq) {
            return false;
        }
        self.add(seq.0, seq.0.saturating_add(AHEAD));
        true
    }

    /// Adds the numbers from `from` up to before `to`.
    pub(crate) fn add(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        let (mut from, mut to) = (from, to);
        self.ranges.retain(|(a, b)| {
            let apart = *b < from || to < *a;
            if !apart {
                (from, to) = (from.min(*a), to.max(*b));
            }
            apart
        });
        let at = self.ranges.partition_point(|(a, _)| *a < from);
        self.ranges.insert(at, (from, to));
        if self.ranges.len() > MAX_RANGES {
            let gap = |w: &[(u64, u64)]| if let [a, b] = w { b.0 - a.1 } else { u64::MAX };
            let closest = self.ranges.windows(2).enumerate().min_by_key(|(_, w)| gap(w));
            if let Some(i) = closest.map(|(i, _)| i) {
                let (_, end) = self.ranges.remove(i + 1);
                if let Some(range) = self.ranges.get_mut(i) {
                    range.1 = end;
                }
            }
        }
    }

    /// Forgets the numbers below `low`, of which none is held any more.
    pub(crate) fn forget_below(&mut self, low: Seq) {
        self.ranges.retain(|(_, to)| *to > low.0);
        if let Some(first) = self.ranges.first_mut() {
            first.0 = first.0.max(low.0);
        }
    }

    /// Forgets the numbers from `high` on, which were never given to a record.
    pub(crate) fn forget_from(&mut self, high: Seq) {
        self.ranges.retain(|(from, _)| *from < high.0);
        if let Some(last) = self.ranges.last_mut() {
            last.1 = last.1.min(high.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_whatever_was_noted_and_stays_small(
            seqs in prop::collection::vec(0_u64..100_000, 1..80), low in 0_u64..50_000,
        ) {
            let mut ranges = Ranges::default();
            let noted: BTreeSet<u64> = seqs.iter().copied().collect();
            for seq in &seqs {
                ranges.note(Seq(*seq));
                prop_assert!(!ranges.note(Seq(*seq)));
                prop_assert!(ranges.iter().len() <= MAX_RANGES);
            }
            prop_assert!(noted.iter().all(|s| ranges.contains(Seq(*s))));
            let order: Vec<u64> = ranges.iter().flat_map(|(a, b)| [a, b]).collect();
            prop_assert!(order.windows(2).all(|w| w[0] < w[1]), "{:?}", ranges);
            ranges.forget_below(Seq(low));
            prop_assert!(noted.iter().all(|s| ranges.contains(Seq(*s)) == (*s >= low)));
            ranges.forget_from(Seq(low));
            prop_assert_eq!(ranges.iter().len(), 0);
        }
    }

    #[test]
    fn what_is_sent_in_order_is_noted_once_for_many() {
        let mut ranges = Ranges::default();
        let notes = (0..1000).filter(|n| ranges.note(Seq(*n))).count();
        assert_eq!(notes, 4);
        assert_eq!(ranges.iter().len(), 1);
    }
}
