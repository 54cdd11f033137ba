//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// Before the second attempt.
const SHORTEST: Duration = Duration::from_millis(500);
/// However often it failed.
const LONGEST: Duration = Duration::from_secs(60);

/// Doubles with every failure. The caller takes a random part of it, so that the nodes of a
/// province do not all knock at once when the broker comes back.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The longest to wait after one more failure.
    pub(crate) fn failed(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        SHORTEST.saturating_mul(factor).min(LONGEST)
    }

    /// A connection that worked starts the count anew.
    pub(crate) fn worked(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_to_a_minute_and_starts_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..9).map(|_| backoff.failed().as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
        backoff.worked();
        assert_eq!(backoff.failed(), SHORTEST);
    }
}
