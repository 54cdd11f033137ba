//! How fast the backlog goes, and how much may go on a day. No network and no clock here.

use std::time::Duration;

/// What a message costs besides its payload: topic, properties, MQTT, TLS and TCP.
pub(crate) const MESSAGE_BYTES: u64 = 120;
/// The backlog may use this part of a day's bytes, so that there is always something left for what
/// is measured now.
const BACKLOG_SHARE: u64 = 2;
/// At least so much may go at once, however slow: the largest batch.
const BURST_BYTES: u64 = 64 << 10;

/// How urgent a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Alarms, and what the connection needs: goes whatever it costs.
    Always,
    /// What is measured now, and what is lost.
    Live,
    /// What has waited.
    Backlog,
}

/// The limits; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of backlog in a second.
    pub(crate) backlog_bytes_per_s: u64,
    /// Bytes in a day, counted by UTC.
    pub(crate) day_bytes: u64,
}

/// What has been sent, against the limits.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    limits: Limits,
    /// Bytes of backlog that may go, as of `filled`; below 0 after a large batch.
    tokens: i64,
    filled: Duration,
    day: i64,
    used: u64,
}

impl Pace {
    /// Of a program that has already used so many bytes on this day.
    pub(crate) fn new(limits: Limits, (day, used): (i64, u64)) -> Self {
        Self { limits, tokens: burst(limits), filled: Duration::ZERO, day, used }
    }

    /// The day and what went on it.
    pub(crate) fn used(&self) -> (i64, u64) {
        (self.day, self.used)
    }

    /// Whether a message may go now; if not, after how long it is worth asking again. `now` counts
    /// from whenever, and `day` is the day by UTC.
    pub(crate) fn may(
        &mut self,
        urgency: Urgency,
        now: Duration,
        day: i64,
    ) -> Result<(), Duration> {
        /// Midnight comes without a bell.
        const LOOK_AGAIN: Duration = Duration::from_secs(60);
        if day != self.day {
            (self.day, self.used) = (day, 0);
        }
        let share = match urgency {
            Urgency::Always => return Ok(()),
            Urgency::Live => 1,
            Urgency::Backlog => BACKLOG_SHARE,
        };
        if self.limits.day_bytes > 0 && self.used >= self.limits.day_bytes / share {
            return Err(LOOK_AGAIN);
        }
        if urgency == Urgency::Live || self.limits.backlog_bytes_per_s == 0 {
            return Ok(());
        }
        self.fill(now);
        if self.tokens > 0 {
            return Ok(());
        }
        let missing = self.tokens.unsigned_abs().saturating_add(1);
        let rate = self.limits.backlog_bytes_per_s;
        Err(Duration::from_millis(missing.saturating_mul(1000).div_ceil(rate)))
    }

    /// Notes a message that went.
    pub(crate) fn sent(&mut self, urgency: Urgency, payload: usize) {
        let bytes = (payload as u64).saturating_add(MESSAGE_BYTES);
        self.used = self.used.saturating_add(bytes);
        if urgency == Urgency::Backlog {
            self.tokens = self.tokens.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled);
        let rate = u128::from(self.limits.backlog_bytes_per_s);
        let new = i64::try_from(passed.as_micros() * rate / 1_000_000).unwrap_or(i64::MAX);
        // What is less than a byte is kept for the next time.
        if new > 0 {
            self.filled = now;
            self.tokens = self.tokens.saturating_add(new).min(burst(self.limits));
        }
    }
}

fn burst(limits: Limits) -> i64 {
    i64::try_from(limits.backlog_bytes_per_s.max(BURST_BYTES)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 20_000;

    /// How many bytes of backlog go in `seconds`, asked as often as allowed.
    fn drained(pace: &mut Pace, payload: usize, seconds: u64) -> u64 {
        let (mut now, mut bytes) = (Duration::ZERO, 0);
        while now < Duration::from_secs(seconds) {
            match pace.may(Urgency::Backlog, now, DAY) {
                Ok(()) => {
                    pace.sent(Urgency::Backlog, payload);
                    bytes += payload as u64 + MESSAGE_BYTES;
                }
                Err(wait) => now += wait,
            }
        }
        bytes
    }

    #[test]
    fn the_backlog_goes_at_its_rate_whatever_the_size_of_a_batch() {
        for payload in [100, 1500, 60_000] {
            let limits = Limits { backlog_bytes_per_s: 10_000, day_bytes: 0 };
            let mut pace = Pace::new(limits, (DAY, 0));
            let bytes = drained(&mut pace, payload, 600);
            let expected = 600 * 10_000 + BURST_BYTES;
            assert!(bytes.abs_diff(expected) < 70_000, "{bytes} of {expected}");
        }
    }

    #[test]
    fn what_is_measured_now_does_not_wait_for_the_backlog() {
        let limits = Limits { backlog_bytes_per_s: 1, day_bytes: 0 };
        let mut pace = Pace::new(limits, (DAY, 0));
        pace.sent(Urgency::Backlog, 1 << 20);
        assert!(pace.may(Urgency::Backlog, Duration::ZERO, DAY).is_err());
        assert_eq!(pace.may(Urgency::Live, Duration::ZERO, DAY), Ok(()));
    }

    #[test]
    fn a_day_has_so_many_bytes_of_which_the_backlog_may_use_half() {
        let limits = Limits { backlog_bytes_per_s: 0, day_bytes: 100_000 };
        let mut pace = Pace::new(limits, (DAY, 0));
        assert!(drained(&mut pace, 880, 3600) < 51_000);
        let now = Duration::from_secs(3600);
        let mut live = 0;
        while pace.may(Urgency::Live, now, DAY).is_ok() {
            pace.sent(Urgency::Live, 880);
            live += 1;
        }
        assert_eq!(live, 50);
        assert_eq!(pace.used(), (DAY, 100_000));
        assert_eq!(pace.may(Urgency::Always, now, DAY), Ok(()), "an alarm goes all the same");
        // A restart does not begin the day anew; midnight does.
        let mut again = Pace::new(limits, pace.used());
        assert!(again.may(Urgency::Live, now, DAY).is_err());
        assert_eq!(again.may(Urgency::Live, now, DAY + 1), Ok(()));
        assert_eq!(again.may(Urgency::Backlog, now, DAY + 1), Ok(()));
    }

    #[test]
    fn without_limits_nothing_waits() {
        let mut pace = Pace::new(Limits { backlog_bytes_per_s: 0, day_bytes: 0 }, (DAY, 0));
        for _ in 0..1000 {
            assert_eq!(pace.may(Urgency::Backlog, Duration::ZERO, DAY), Ok(()));
            pace.sent(Urgency::Backlog, 60_000);
        }
    }
}
