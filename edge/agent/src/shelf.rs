//! Drafts that are not safe on the disk yet: those appended and not committed, and those the disk
//! has refused. Bounded; what finds no room is handed out as lost.

use std::collections::VecDeque;

use tram_node::Draft;
use tram_spool::Lost;
use tram_wire::{LossCause, Seq};

use crate::lost::losses_of;

/// The most readings that wait for a disk that refuses: ten minutes of 50 a second, less than a
/// megabyte.
pub(crate) const MAX_WAITING_READINGS: usize = 32_768;

/// The drafts, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    appended: VecDeque<(Seq, Draft)>,
    waiting: VecDeque<Draft>,
}

impl Shelf {
    /// Takes a draft that waits for the disk; returns what found no room.
    pub(crate) fn put(&mut self, draft: Draft) -> Vec<Lost> {
        self.waiting.push_back(draft);
        self.make_room()
    }

    /// The next draft for the disk.
    pub(crate) fn next(&mut self) -> Option<Draft> {
        self.waiting.pop_front()
    }

    /// Takes back a draft that the disk has just refused.
    pub(crate) fn put_back(&mut self, draft: Draft) {
        self.waiting.push_front(draft);
    }

    /// Notes that a draft was appended under this number.
    pub(crate) fn appended(&mut self, seq: Seq, draft: Draft) {
        self.appended.push_back((seq, draft));
    }

    /// Whether there are drafts that the disk has refused so far.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The disk has given up the numbers from the first up to before the second: their drafts wait
    /// again. Returns what found no room.
    pub(crate) fn given_up(&mut self, (from, to): (Seq, Seq)) -> Vec<Lost> {
        let (gone, safe) = std::mem::take(&mut self.appended)
            .into_iter()
            .partition(|(seq, _)| (from..to).contains(seq));
        self.appended = safe;
        let gone: VecDeque<(Seq, Draft)> = gone;
        for (_, draft) in gone.into_iter().rev() {
            self.waiting.push_front(draft);
        }
        self.make_room()
    }

    /// Everything that was appended is safe now; hands it out, with its numbers.
    pub(crate) fn committed(&mut self) -> (Vec<Seq>, Vec<Draft>) {
        self.appended.drain(..).unzip()
    }

    /// At the end: what never got to the disk.
    pub(crate) fn give_up_all(&mut self) -> Vec<Lost> {
        let drafts = self.waiting.drain(..);
        drafts.flat_map(|d| losses_of(&d, LossCause::NotWritten).collect::<Vec<_>>()).collect()
    }

    fn make_room(&mut self) -> Vec<Lost> {
        let mut readings: usize = self.waiting.iter().map(Draft::readings).sum();
        let mut lost = Vec::new();
        while readings > MAX_WAITING_READINGS {
            let Some(oldest) = self.waiting.pop_front() else { break };
            readings -= oldest.readings();
            lost.extend(losses_of(&oldest, LossCause::NotWritten));
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::{ChannelNumber, ClockState, Column, Point, Quality, Quantity};

    use super::*;

    fn draft(from: i64, readings: i64) -> Draft {
        let mut column = Column::new(ChannelNumber(0), Quantity::Rain);
        for micros in from..from + readings {
            column.push(Point { micros, value: Some(1), quality: Quality::GOOD });
        }
        Draft { clock: ClockState::Ntp, columns: vec![column] }
    }

    fn waiting(shelf: &mut Shelf) -> Vec<i64> {
        std::iter::from_fn(|| shelf.next()).map(|d| d.times().0).collect()
    }

    #[test]
    fn what_a_failed_commit_gave_up_waits_before_what_came_later() {
        let mut shelf = Shelf::default();
        for (n, at) in (0..4).zip((0..).step_by(10)) {
            shelf.appended(Seq(n), draft(at, 1));
        }
        assert!(shelf.put(draft(40, 1)).is_empty());
        assert!(shelf.given_up((Seq(1), Seq(4))).is_empty());
        assert_eq!(waiting(&mut shelf), [10, 20, 30, 40]);
        assert_eq!(shelf.committed().0, [Seq(0)], "the first was safe already");
        assert!(!shelf.has_waiting());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_told_exactly() {
        let mut shelf = Shelf::default();
        let mut lost = 0;
        for n in 0..100_i64 {
            for l in shelf.put(draft(n * 1000, 1000)) {
                assert_eq!((l.from, l.to), (lost * 1000, lost * 1000 + 999));
                assert_eq!((l.readings, l.cause), (1000, LossCause::NotWritten));
                lost += 1;
            }
        }
        let kept = i64::try_from(shelf.waiting.len()).unwrap();
        assert_eq!(lost + kept, 100);
        assert_eq!(usize::try_from(kept).unwrap(), MAX_WAITING_READINGS / 1000);
        let rest: u64 = shelf.give_up_all().iter().map(|l| l.readings).sum();
        assert_eq!(i64::try_from(rest).unwrap(), kept * 1000);
    }
}
