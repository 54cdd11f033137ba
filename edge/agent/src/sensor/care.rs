//! What is done about a part that fails: tried again, reset, and in the end asked rarely, so that it
//! does not hold up the others. No clock and no hardware here.

use tram_wire::UptimeMicros;

/// A reading is tried so often.
const TRIES: u32 = 3;
/// So long after a try that failed comes the next.
const AGAIN_AFTER_US: u64 = 200_000;
/// After so many readings in a row that failed the part is reset, and again after twice as many.
const RESET_AFTER: u32 = 3;
/// After so many it is asked rarely: a bus that hangs costs a second each time, and the other parts
/// wait for it.
const RARELY_AFTER: u32 = 10;
/// Rarely is once in this time. A part that is plugged in again is back within it.
const RARELY_US: u64 = 30_000_000;

/// How a part has behaved.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Care {
    /// Readings in a row that failed.
    failed: u32,
    tries: u32,
    not_before: UptimeMicros,
    asked: UptimeMicros,
}

impl Care {
    /// Whether the part gives no value.
    pub(crate) fn failing(&self) -> bool {
        self.failed > 0
    }

    /// A reading is due. Whether the part is asked for it at all.
    pub(crate) fn begin(&mut self, now: UptimeMicros) -> bool {
        self.tries = 0;
        self.not_before = now;
        let asks = self.failed < RARELY_AFTER || now.since(self.asked) >= RARELY_US;
        if asks {
            self.asked = now;
        }
        asks
    }

    /// Whether it may be asked now.
    pub(crate) fn may_ask(&self, now: UptimeMicros) -> bool {
        now >= self.not_before
    }

    /// It was asked and failed. Whether there will be another try for this reading. A part that has
    /// failed for long gets none.
    pub(crate) fn tries_again(&mut self, now: UptimeMicros) -> bool {
        self.tries += 1;
        self.not_before = now.plus(AGAIN_AFTER_US);
        self.tries < TRIES && self.failed < RESET_AFTER
    }

    /// The reading has ended, with a value or without. Whether the part should be reset now.
    pub(crate) fn ended(&mut self, value: bool) -> bool {
        if value {
            *self = Self::default();
            return false;
        }
        self.failed = self.failed.saturating_add(1);
        let times = self.failed / RESET_AFTER;
        self.failed.is_multiple_of(RESET_AFTER) && times.is_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> UptimeMicros {
        UptimeMicros(ms * 1_000)
    }

    #[test]
    fn a_try_that_fails_is_followed_by_two_more_a_moment_later() {
        let mut care = Care::default();
        assert!(care.begin(at(0)) && care.may_ask(at(0)));
        assert!(care.tries_again(at(0)));
        assert!(!care.may_ask(at(199)) && care.may_ask(at(200)));
        assert!(care.tries_again(at(200)));
        assert!(!care.tries_again(at(400)));
        assert!(!care.ended(false) && care.failing());
        assert!(care.begin(at(1_000)) && care.may_ask(at(1_000)), "the next reading begins anew");
        assert!(!care.ended(true) && !care.failing());
    }

    #[test]
    fn a_part_that_stays_away_is_reset_ever_less_often_and_asked_rarely() {
        let mut care = Care::default();
        let (mut resets, mut asked) = (Vec::new(), 0);
        for reading in 1..=120_u64 {
            let now = at(reading * 1_000);
            if care.begin(now) {
                asked += 1;
                while care.tries_again(now) {}
            }
            if care.ended(false) {
                resets.push(reading);
            }
        }
        assert_eq!(resets, [3, 6, 12, 24, 48, 96]);
        assert_eq!(asked, 10 + 3, "each of the first ten seconds, then every 30");
        // Back again.
        assert!(care.begin(at(131_000)));
        care.ended(true);
        assert!(care.begin(at(132_000)), "asked as often as ever");
    }
}
