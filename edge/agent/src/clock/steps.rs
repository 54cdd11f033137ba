//! Steps of the clock: somebody has set it.

use super::Moment;

/// A change of the offset between two looks beyond this is a step. Slewing changes it by half a
/// thousandth of the time in between at most.
pub(crate) const STEP_US: i64 = 100_000;

/// Compares each look with the one before.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    offset: Option<i64>,
}

impl Steps {
    /// By how many microseconds the clock was set since the last look, if it was; negative is back.
    pub(crate) fn look(&mut self, now: Moment) -> Option<i64> {
        let offset = now.raw_offset();
        let by = offset.saturating_sub(self.offset.replace(offset).unwrap_or(offset));
        (by.saturating_abs() > STEP_US).then_some(by)
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::{ClockState, UnixMicros, UptimeMicros};

    use super::*;

    #[test]
    fn a_step_is_told_once_and_slewing_is_none() {
        let mut steps = Steps::default();
        let mut look = |unix, uptime| {
            let (unix, uptime) = (UnixMicros(unix), UptimeMicros(uptime));
            steps.look(Moment { unix, uptime, state: ClockState::Ntp })
        };
        assert_eq!(look(1_000_000_000, 0), None, "the first look");
        assert_eq!(look(1_000_200_100, 200_000), None);
        assert_eq!(look(1_003_400_100, 400_000), Some(3_000_000));
        assert_eq!(look(1_003_600_100, 600_000), None);
        assert_eq!(look(3_800_000, 800_000), Some(-1_000_000_100));
        assert_eq!(look(i64::MAX, u64::MAX), Some(-3_000_000), "the ends of the range do no harm");
    }
}
