//! When each channel is due.

use alloc::vec::Vec;
use core::{fmt, time::Duration};

/// The most channels of a schedule.
pub const MAX_SCHEDULED: usize = 256;
/// The shortest interval.
pub const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// The longest interval.
pub const MAX_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// The intervals cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleError {
    /// More than [`MAX_SCHEDULED`] channels.
    TooMany,
    /// Shorter than [`MIN_INTERVAL`] or longer than [`MAX_INTERVAL`]: the channel's position.
    Interval(usize),
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "more than {MAX_SCHEDULED} channels"),
            Self::Interval(i) => write!(
                f,
                "the interval of channel {i} is not within {MIN_INTERVAL:?} and {MAX_INTERVAL:?}"
            ),
        }
    }
}

impl core::error::Error for ScheduleError {}

/// A channel is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its position in the schedule.
    pub index: usize,
    /// The instant it is due for, a multiple of its interval on the node's clock. Readings carry
    /// this time, so that they stay regular (and small on the wire) however late the caller is.
    pub at: i64,
    /// Instants before it that passed without a call: a gap, to be counted.
    pub missed: u64,
}

/// When each channel is due: at the multiples of its interval on the clock, so that an interval of
/// one minute is sampled on the minute and all stations of a province at once.
///
/// An instant that has been asked for is not given out again, unless the clock is set back.
#[derive(Debug, Clone)]
pub struct Schedule {
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    interval: i64,
    /// The next instant, once the clock has been seen.
    next: Option<i64>,
}

impl Slot {
    /// The first multiple of the interval at or after `t`.
    fn aligned(&self, t: i64) -> i64 {
        let past = t.rem_euclid(self.interval);
        if past == 0 { t } else { t.saturating_add(self.interval - past) }
    }
}

impl Schedule {
    /// A schedule of channels with these intervals.
    ///
    /// # Errors
    /// [`ScheduleError`] when there are too many or an interval is out of range.
    pub fn new(intervals: &[Duration]) -> Result<Self, ScheduleError> {
        if intervals.len() > MAX_SCHEDULED {
            return Err(ScheduleError::TooMany);
        }
        let slots = intervals
            .iter()
            .enumerate()
            .map(|(i, interval)| {
                let interval = micros(*interval).ok_or(ScheduleError::Interval(i))?;
                Ok(Slot { interval, next: None })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { slots })
    }

    /// Changes the interval of the channel at `index`, effective from the next call on.
    ///
    /// # Errors
    /// [`ScheduleError::Interval`] when it is out of range or there is no such channel.
    pub fn set_interval(&mut self, index: usize, interval: Duration) -> Result<(), ScheduleError> {
        let interval = micros(interval).ok_or(ScheduleError::Interval(index))?;
        let slot = self.slots.get_mut(index).ok_or(ScheduleError::Interval(index))?;
        *slot = Slot { interval, next: None };
        Ok(())
    }

    /// The next channel that is due at `now` (microseconds on the node's clock), the lowest
    /// position first; `None` when none is. To be called until it says so.
    pub fn due(&mut self, now: i64) -> Option<Due> {
        self.slots.iter_mut().enumerate().find_map(|(index, slot)| {
            let Slot { interval, .. } = *slot;
            let next = match slot.next {
                // The clock was set back: what was promised lies too far ahead.
                Some(next) if next.saturating_sub(now) > interval => slot.aligned(now),
                Some(next) => next,
                None => slot.aligned(now),
            };
            slot.next = Some(next);
            if next > now {
                return None;
            }
            let late = now.saturating_sub(next);
            let missed = late / interval;
            let at = now.saturating_sub(late % interval);
            slot.next = Some(at.saturating_add(interval));
            Some(Due { index, at, missed: u64::try_from(missed).unwrap_or(0) })
        })
    }

    /// The earliest instant at which [`due`](Self::due) may say something; `None` when the
    /// schedule is empty, `now` when it has not been asked yet.
    #[must_use]
    pub fn next(&self, now: i64) -> Option<i64> {
        self.slots.iter().map(|s| s.next.unwrap_or_else(|| s.aligned(now))).min()
    }
}

fn micros(interval: Duration) -> Option<i64> {
    if !(MIN_INTERVAL..=MAX_INTERVAL).contains(&interval) {
        return None;
    }
    i64::try_from(interval.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn all(schedule: &mut Schedule, now: i64) -> Vec<(usize, i64, u64)> {
        core::iter::from_fn(|| schedule.due(now)).map(|d| (d.index, d.at, d.missed)).collect()
    }

    fn schedule(seconds: &[u64]) -> Schedule {
        let intervals: Vec<_> = seconds.iter().map(|s| Duration::from_secs(*s)).collect();
        Schedule::new(&intervals).unwrap()
    }

    #[test]
    fn channels_are_due_at_multiples_of_their_intervals() {
        let mut s = schedule(&[10, 60]);
        assert_eq!(all(&mut s, 55 * SECOND), vec![]);
        assert_eq!(s.next(55 * SECOND), Some(60 * SECOND));
        assert_eq!(all(&mut s, 60 * SECOND + 3), vec![(0, 60 * SECOND, 0), (1, 60 * SECOND, 0)]);
        assert_eq!(all(&mut s, 60 * SECOND + 4), vec![]);
        assert_eq!(all(&mut s, 70 * SECOND), vec![(0, 70 * SECOND, 0)]);
    }

    #[test]
    fn what_was_slept_through_is_counted_and_not_made_up() {
        let mut s = schedule(&[10]);
        assert_eq!(all(&mut s, 0), vec![(0, 0, 0)]);
        assert_eq!(all(&mut s, 47 * SECOND), vec![(0, 40 * SECOND, 3)]);
        assert_eq!(all(&mut s, 50 * SECOND), vec![(0, 50 * SECOND, 0)]);
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_node() {
        let mut s = schedule(&[10]);
        let _ = all(&mut s, 1_000_000 * SECOND);
        assert_eq!(all(&mut s, 101 * SECOND), vec![]);
        assert_eq!(all(&mut s, 110 * SECOND), vec![(0, 110 * SECOND, 0)]);
    }

    #[test]
    fn intervals_out_of_range_are_refused() {
        for bad in [Duration::ZERO, Duration::from_millis(9), Duration::from_secs(86_401)] {
            let e = Schedule::new(&[MIN_INTERVAL, bad]).err();
            assert_eq!(e, Some(ScheduleError::Interval(1)));
        }
        let many = vec![MIN_INTERVAL; MAX_SCHEDULED + 1];
        assert_eq!(Schedule::new(&many).err(), Some(ScheduleError::TooMany));
        let mut s = schedule(&[10]);
        assert_eq!(s.set_interval(1, MIN_INTERVAL), Err(ScheduleError::Interval(1)));
        s.set_interval(0, Duration::from_secs(2)).unwrap();
        assert_eq!(all(&mut s, 4 * SECOND), vec![(0, 4 * SECOND, 0)]);
    }

    proptest! {
        /// Every instant between the first and the last call is either given out or counted.
        #[test]
        fn instants_given_out_and_missed_add_up(
            interval in 1_u64..100,
            steps in prop::collection::vec(0_i64..400 * SECOND, 1..60),
        ) {
            let mut s = schedule(&[interval]);
            let interval = i64::try_from(interval).unwrap() * SECOND;
            let (mut now, mut told, mut last) = (1_700_000_000 * SECOND, 0, None);
            let mut first = None;
            for step in steps {
                now += step;
                for d in core::iter::from_fn(|| s.due(now)) {
                    prop_assert_eq!(d.at % interval, 0);
                    prop_assert!(d.at <= now && now - d.at < interval);
                    told += d.missed + 1;
                    first.get_or_insert(d.at - i64::try_from(d.missed).unwrap() * interval);
                    last = Some(d.at);
                }
            }
            if let (Some(first), Some(last)) = (first, last) {
                prop_assert_eq!(told, u64::try_from((last - first) / interval).unwrap() + 1);
            }
        }

        #[test]
        fn no_clock_makes_it_panic(nows in prop::collection::vec(any::<i64>(), 1..20)) {
            let mut s = schedule(&[10, 7]);
            for now in nows {
                prop_assert!(core::iter::from_fn(|| s.due(now)).take(5).count() <= 2);
                prop_assert!(s.next(now).is_some());
            }
        }
    }
}
