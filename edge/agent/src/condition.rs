//! How the threads are, for whoever looks after them: the watchdog, and what the node tells of its
//! health. Counters and marks only; nobody waits for anybody here.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tram_wire::{SensorErrorKind, SensorErrors, UptimeMicros};

/// What the threads leave behind for others to see.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    /// Uptime of the sampler's last look at its parts, 0 before the first.
    sampled: AtomicU64,
    /// Uptime of the keeper's last turn: the disk has taken or refused what there was.
    stored: AtomicU64,
    /// The disk refuses.
    refused: AtomicBool,
    pub(crate) readings_total: AtomicU64,
    /// Due times that passed while the sampler was held up.
    pub(crate) missed_total: AtomicU64,
    /// Parts that give no value now.
    pub(crate) failing: AtomicU32,
    /// Times the clock was set.
    pub(crate) clock_steps: AtomicU32,
    errors: [AtomicU64; SensorErrorKind::ALL.len()],
}

impl Condition {
    /// The sampler has looked at its parts.
    pub(crate) fn sampled(&self, now: UptimeMicros) {
        self.sampled.store(now.0, Ordering::Relaxed);
    }

    /// The keeper has turned.
    pub(crate) fn stored(&self, now: UptimeMicros) {
        self.stored.store(now.0, Ordering::Relaxed);
    }

    /// When the sampler and the keeper were last heard of.
    pub(crate) fn last(&self) -> (UptimeMicros, UptimeMicros) {
        let at = |mark: &AtomicU64| UptimeMicros(mark.load(Ordering::Relaxed));
        (at(&self.sampled), at(&self.stored))
    }

    /// The disk refuses, or takes what it is given again.
    pub(crate) fn refused(&self, refused: bool) {
        self.refused.store(refused, Ordering::Relaxed);
    }

    /// Whether the disk refuses.
    pub(crate) fn refuses(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// A part was asked and gave no value.
    pub(crate) fn failed(&self, kind: SensorErrorKind) {
        if let Some(count) = self.errors.get(kind as usize - 1) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often parts gave no value, by kind.
    pub(crate) fn errors(&self) -> SensorErrors {
        let mut errors = SensorErrors::default();
        for (kind, count) in SensorErrorKind::ALL.into_iter().zip(&self.errors) {
            errors.set(kind, count.load(Ordering::Relaxed));
        }
        errors
    }

    /// How often parts gave no value.
    pub(crate) fn failed_total(&self) -> u64 {
        self.errors.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_their_kind() {
        let condition = Condition::default();
        for kind in [SensorErrorKind::NoAnswer, SensorErrorKind::Line, SensorErrorKind::NoAnswer] {
            condition.failed(kind);
        }
        let told: Vec<_> = condition.errors().iter().collect();
        assert_eq!(told, [(SensorErrorKind::NoAnswer, 2), (SensorErrorKind::Line, 1)]);
        assert_eq!(condition.failed_total(), 3);
    }
}
