//! Whether the centre knows what the node has let go.

use std::time::Duration;

use tram_wire::Seq;

/// A centre that does not know after this time what the node has let go is told. Replicas of a
/// centre hear it from each other, mostly within milliseconds.
const LAG_TOLERATED: Duration = Duration::from_secs(5);

/// How far the spool had been released some time ago.
pub(crate) struct Released {
    /// At least [`LAG_TOLERATED`] ago.
    before: Seq,
    sample: (Duration, Seq),
}

impl Released {
    pub(crate) fn new(held_from: Seq) -> Self {
        Self { before: Seq(0), sample: (Duration::ZERO, held_from) }
    }

    /// Whether whoever says `watermark` waits for numbers that went long ago.
    pub(crate) fn unknown_to(&mut self, watermark: Seq, held_from: Seq, now: Duration) -> bool {
        if now.saturating_sub(self.sample.0) >= LAG_TOLERATED {
            self.before = self.sample.1;
            self.sample = (now, held_from);
        }
        watermark < self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_centre_is_told_only_what_it_has_not_learnt_for_some_time() {
        let s = Duration::from_secs;
        let mut released = Released::new(Seq(10));
        // What was let go before this connection, the birth at its start has told.
        assert!(!released.unknown_to(Seq(0), Seq(10), s(1)));
        assert!(released.unknown_to(Seq(9), Seq(40), s(6)), "10 for five seconds");
        assert!(!released.unknown_to(Seq(10), Seq(50), s(7)), "a replica that lags a little");
        assert!(!released.unknown_to(Seq(39), Seq(60), s(10)));
        assert!(released.unknown_to(Seq(39), Seq(70), s(11)), "40 since the sixth second");
        assert!(!released.unknown_to(Seq(40), Seq(70), s(12)));
    }
}
