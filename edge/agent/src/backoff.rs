//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// However often it failed.
const LONGEST: Duration = Duration::from_secs(60);

/// Spreads the nodes of a province over time, so that they do not all knock at once when the
/// broker comes back: the first attempt comes anywhere within the spread, and each one that fails
/// doubles the time within which the next one comes.
#[derive(Debug)]
pub(crate) struct Backoff {
    spread: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(spread: Duration) -> Self {
        Self { spread, failures: 0 }
    }

    /// How long to wait after one more failure or broken connection; `random` is drawn evenly from
    /// all numbers.
    pub(crate) fn wait(&mut self, random: u32) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let within = self.spread.saturating_mul(factor).min(LONGEST.max(self.spread));
        within.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// A connection that worked starts the count anew.
    pub(crate) fn worked(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPREAD: Duration = Duration::from_secs(5);
    const NODES: u32 = 1000;

    #[test]
    fn the_time_doubles_to_a_minute_and_starts_anew_after_a_success() {
        let mut backoff = Backoff::new(SPREAD);
        let waits: Vec<u64> = (0..6).map(|_| backoff.wait(u32::MAX).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
        backoff.worked();
        assert_eq!(backoff.wait(u32::MAX / 2).as_secs(), 2);
        assert_eq!(backoff.wait(0), Duration::ZERO);
    }

    /// Attempts in each second of a thousand nodes whose connections break at once, until the last
    /// one is through; the broker is away for so long.
    fn attempts(away: Duration) -> (Vec<u32>, Duration) {
        let mut seed: u32 = 12_345;
        let mut random = || {
            // A linear congruence: any even spread will do.
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed
        };
        let mut seconds = vec![0; 600];
        let mut last = Duration::ZERO;
        for _ in 0..NODES {
            let mut backoff = Backoff::new(SPREAD);
            let mut at = Duration::ZERO;
            loop {
                at += backoff.wait(random());
                seconds[usize::try_from(at.as_secs()).unwrap()] += 1;
                if at >= away {
                    break;
                }
            }
            last = last.max(at);
        }
        (seconds, last)
    }

    #[test]
    fn a_thousand_nodes_do_not_storm_a_broker_that_restarts() {
        let (seconds, last) = attempts(Duration::ZERO);
        assert!(seconds.iter().all(|n| *n <= NODES / 4), "{:?}", &seconds[..6]);
        assert!(seconds[..5].iter().all(|n| *n >= NODES / 7), "evenly: {:?}", &seconds[..6]);
        assert!(last <= SPREAD, "all are back after {last:?}");
    }

    #[test]
    fn a_thousand_nodes_do_not_storm_a_broker_that_was_away_for_minutes() {
        for minutes in [1, 3, 5] {
            let away = Duration::from_secs(60 * minutes);
            let (seconds, last) = attempts(away);
            let from = usize::try_from(away.as_secs()).unwrap();
            let worst = seconds[from..].iter().max().unwrap();
            assert!(*worst <= NODES / 16, "{worst} in a second after {minutes} minutes");
            let before = seconds[20..from].iter().max().unwrap();
            assert!(*before <= NODES / 8, "{before} in a second while it was away");
            assert!(last <= away + LONGEST, "all are back after {last:?}");
        }
    }
}
