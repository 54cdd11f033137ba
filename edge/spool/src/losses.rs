//! What is gone and has not been told yet.

use std::collections::VecDeque;

use tram_wire::LossCause;

use crate::Span;

/// The most losses that wait to be told; more are merged into the last of the same cause. It is
/// also the most that one batch can carry.
pub const MAX_PENDING_LOSSES: usize = 64;

/// Readings that will never arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// When they were taken, on which clock, and how many there were. When a record's own header
    /// is unreadable the number is a lower bound: one for each missing record.
    pub span: Span,
    /// Why they are gone.
    pub cause: LossCause,
}

/// A queue of losses, each with a number that counts up for ever, so that a record can say "told
/// up to here" and recovery can drop what was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    told: u32,
    pending: VecDeque<Lost>,
}

impl Losses {
    pub(crate) fn new(told: u32, pending: impl IntoIterator<Item = Lost>) -> Self {
        Self { told, pending: pending.into_iter().collect() }
    }

    /// Adds a loss; merges it when it continues the last one or the queue is full.
    pub(crate) fn push(&mut self, lost: Lost) {
        if lost.span.readings == 0 {
            return;
        }
        let full = self.pending.len() >= MAX_PENDING_LOSSES;
        let same = |l: &&mut Lost| l.cause == lost.cause && l.span.clock == lost.span.clock;
        let mergeable = match self.pending.back_mut() {
            Some(last) if same(&last) => Some(last),
            _ if full => self.pending.iter_mut().rev().find(same),
            _ => None,
        };
        if let Some(l) = mergeable {
            l.span = l.span.hull(&lost.span);
        } else if full {
            // 64 different clocks or causes in a row: the total still has to come out right.
            if let Some(l) = self.pending.back_mut() {
                l.span.readings = l.span.readings.saturating_add(lost.span.readings);
            }
        } else {
            self.pending.push_back(lost);
        }
    }

    pub(crate) fn pending(&self) -> impl ExactSizeIterator<Item = &Lost> {
        self.pending.iter()
    }

    /// How many were told since the spool was made.
    pub(crate) fn told(&self) -> u32 {
        self.told
    }

    /// Takes the first `n` away as told.
    pub(crate) fn tell(&mut self, n: usize) -> Vec<Lost> {
        let n = n.min(self.pending.len());
        self.told = self.told.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        self.pending.drain(..n).collect()
    }

    /// Puts back what was told by a record that the disk then refused.
    pub(crate) fn untell(&mut self, told: Vec<Lost>) {
        self.told = self.told.saturating_sub(u32::try_from(told.len()).unwrap_or(0));
        for lost in told.into_iter().rev() {
            self.pending.push_front(lost);
        }
    }

    /// Drops what a record found on disk had already told.
    pub(crate) fn told_through(&mut self, through: u32) {
        let n = through.saturating_sub(self.told);
        self.tell(usize::try_from(n).unwrap_or(usize::MAX));
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::ClockState;

    use super::*;

    fn lost(from: i64, readings: u32, cause: LossCause, boot: u32) -> Lost {
        let clock = ClockState::Unsynchronised { boot };
        Lost { span: Span { clock, from, to: from + 10, readings }, cause }
    }

    #[test]
    fn neighbours_of_one_cause_are_one_loss_and_no_reading_is_forgotten() {
        let mut losses = Losses::default();
        losses.push(lost(0, 3, LossCause::Evicted, 1));
        losses.push(lost(20, 4, LossCause::Evicted, 1));
        losses.push(lost(40, 5, LossCause::Corrupt, 1));
        let all: Vec<_> = losses.pending().copied().collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].span.from, all[0].span.to, all[0].span.readings), (0, 30, 7));

        for i in 0..1000 {
            let cause = if i % 2 == 0 { LossCause::Evicted } else { LossCause::Corrupt };
            losses.push(lost(100 + i64::from(i), 1, cause, i));
        }
        assert_eq!(losses.pending().len(), MAX_PENDING_LOSSES);
        assert_eq!(losses.pending().map(|l| u64::from(l.span.readings)).sum::<u64>(), 1012);
    }

    #[test]
    fn what_was_told_and_refused_is_told_again() {
        let mut losses = Losses::default();
        losses.push(lost(0, 3, LossCause::Evicted, 1));
        losses.push(lost(0, 3, LossCause::Corrupt, 1));
        let before = losses.clone();
        let told = losses.tell(1);
        assert_eq!((told.len(), losses.told(), losses.pending().len()), (1, 1, 1));
        losses.untell(told);
        assert_eq!(losses, before);
        losses.told_through(2);
        assert_eq!((losses.told(), losses.pending().len()), (2, 0));
        losses.told_through(1);
        assert_eq!(losses.told(), 2);
    }
}
