//! What is gone and has not been told yet.

use std::collections::VecDeque;

use tram_wire::{ChannelNumber, ClockState, LossCause};

/// The most losses that wait to be told; more are merged with others of the same channel and
/// cause.
pub const MAX_PENDING_LOSSES: usize = 1024;

/// Readings that will never arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Of which channel; `None` when nobody can tell any more, or of several.
    pub channel: Option<ChannelNumber>,
    /// The clock of `from` and `to`.
    pub clock: ClockState,
    /// Time of the first in microseconds.
    pub from: i64,
    /// Time of the last, not before `from`.
    pub to: i64,
    /// How many.
    pub readings: u64,
    /// Why they are gone.
    pub cause: LossCause,
}

impl Lost {
    fn same(&self, other: &Self) -> bool {
        (self.channel, self.cause, self.clock) == (other.channel, other.cause, other.clock)
    }

    fn absorb(&mut self, other: &Self) {
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.readings = self.readings.saturating_add(other.readings);
    }
}

/// A queue of losses, each with a number that counts up for ever, so that a record can say "told
/// up to here" and recovery can drop what was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    told: u32,
    pending: VecDeque<Pending>,
    /// Counts what was kept in between: two losses with something kept between them are two.
    fence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    lost: Lost,
    fence: u64,
}

impl Losses {
    pub(crate) fn new(told: u32, pending: impl IntoIterator<Item = Lost>) -> Self {
        let pending = pending.into_iter().map(|lost| Pending { lost, fence: 0 }).collect();
        Self { told, pending, fence: 1 }
    }

    /// Adds a loss; merges it with one of the same channel and cause when nothing was kept in
    /// between, when both were evicted (which is always the oldest there is), or when there are too
    /// many.
    pub(crate) fn push(&mut self, lost: Lost) {
        if lost.readings == 0 {
            return;
        }
        let full = self.pending.len() >= MAX_PENDING_LOSSES;
        let fence = self.fence;
        let joins = |p: &&mut Pending| {
            let next = p.fence == fence && lost.cause != LossCause::Corrupt;
            p.lost.same(&lost) && (full || next || lost.cause == LossCause::Evicted)
        };
        if let Some(p) = self.pending.iter_mut().rev().find(joins) {
            p.lost.absorb(&lost);
        } else if let Some(last) = self.pending.back_mut().filter(|_| full) {
            // A thousand different channels, clocks and causes: the total still comes out right.
            last.lost.channel = None;
            last.lost.absorb(&lost);
        } else {
            self.pending.push_back(Pending { lost, fence });
        }
    }

    /// Readings were kept: what is lost from now on is another loss than before.
    pub(crate) fn kept(&mut self) {
        self.fence = self.fence.wrapping_add(1);
    }

    pub(crate) fn pending(&self) -> impl ExactSizeIterator<Item = &Lost> {
        self.pending.iter().map(|p| &p.lost)
    }

    /// How many were told since the spool was made.
    pub(crate) fn told(&self) -> u32 {
        self.told
    }

    /// Takes the first `n` away as told.
    pub(crate) fn tell(&mut self, n: usize) -> Vec<Lost> {
        let n = n.min(self.pending.len());
        self.told = self.told.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        self.pending.drain(..n).map(|p| p.lost).collect()
    }

    /// Drops what a record found on disk had already told.
    pub(crate) fn told_through(&mut self, through: u32) {
        let n = through.saturating_sub(self.told);
        self.tell(usize::try_from(n).unwrap_or(usize::MAX));
        self.told = self.told.max(through);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(from: i64, readings: u64, cause: LossCause, channel: u16) -> Lost {
        let channel = Some(ChannelNumber(channel));
        Lost { channel, clock: ClockState::Ntp, from, to: from + 10, readings, cause }
    }

    #[test]
    fn neighbours_of_one_channel_and_cause_are_one_loss() {
        let mut losses = Losses::default();
        losses.push(lost(0, 3, LossCause::NotWritten, 1));
        losses.push(lost(0, 3, LossCause::NotWritten, 2));
        losses.push(lost(20, 4, LossCause::NotWritten, 1));
        losses.push(lost(40, 5, LossCause::Corrupt, 1));
        losses.push(lost(60, 5, LossCause::Corrupt, 1));
        losses.push(lost(60, 0, LossCause::Corrupt, 1));
        let all: Vec<_> = losses.pending().map(|l| (l.from, l.to, l.readings)).collect();
        assert_eq!(all, [(0, 30, 7), (0, 10, 3), (40, 50, 5), (60, 70, 5)]);
    }

    #[test]
    fn what_was_kept_in_between_is_no_part_of_a_loss() {
        let mut losses = Losses::default();
        losses.push(lost(0, 3, LossCause::NotWritten, 1));
        losses.push(lost(0, 3, LossCause::Evicted, 1));
        losses.kept();
        losses.push(lost(100, 3, LossCause::NotWritten, 1));
        losses.push(lost(100, 3, LossCause::Evicted, 1));
        let all: Vec<_> = losses.pending().map(|l| (l.from, l.to)).collect();
        assert_eq!(all, [(0, 10), (0, 110), (100, 110)]);
    }

    #[test]
    fn there_is_a_bound_and_no_reading_is_forgotten() {
        let mut losses = Losses::default();
        for i in 0..5000_u16 {
            losses.push(lost(i64::from(i), 1, LossCause::Corrupt, i));
            losses.kept();
        }
        assert_eq!(losses.pending().len(), MAX_PENDING_LOSSES);
        assert_eq!(losses.pending().map(|l| l.readings).sum::<u64>(), 5000);
    }

    #[test]
    fn what_was_told_is_told_once() {
        let mut losses = Losses::default();
        losses.push(lost(0, 3, LossCause::Evicted, 1));
        losses.push(lost(0, 3, LossCause::Corrupt, 1));
        losses.told_through(2);
        assert_eq!((losses.told(), losses.pending().len()), (2, 0));
        losses.told_through(1);
        assert_eq!(losses.told(), 2);
        // A record may tell of more than the state on disk knew.
        losses.told_through(7);
        assert_eq!(losses.told(), 7);
    }
}
