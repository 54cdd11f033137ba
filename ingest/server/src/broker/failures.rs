//! How often an address has failed to prove who it is.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// The most failures of one address within [`WINDOW`]; after that it is refused unheard.
const MAX_FAILURES: u32 = 10;
/// The time failures are counted over.
const WINDOW: Duration = Duration::from_secs(60);
/// The most addresses that are remembered.
const MAX_ADDRESSES: usize = 4_096;

/// The failures of the last minute.
#[derive(Default)]
pub(crate) struct Failures {
    by_address: HashMap<IpAddr, (u32, Instant)>,
}

impl Failures {
    /// Whether this address has failed too often.
    pub(crate) fn too_many(&self, address: IpAddr, now: Instant) -> bool {
        self.by_address.get(&address).is_some_and(|(failures, since)| {
            *failures >= MAX_FAILURES && now.duration_since(*since) < WINDOW
        })
    }

    /// Counts a failure.
    pub(crate) fn count(&mut self, address: IpAddr, now: Instant) {
        if !self.by_address.contains_key(&address) && self.by_address.len() >= MAX_ADDRESSES {
            self.by_address.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
            if self.by_address.len() >= MAX_ADDRESSES {
                // Thousands of addresses at once: forgetting them all keeps the memory bounded,
                // and the number of verifications at once is bounded elsewhere.
                self.by_address.clear();
            }
        }
        let (failures, since) = self.by_address.entry(address).or_insert((0, now));
        if now.duration_since(*since) >= WINDOW {
            (*failures, *since) = (0, now);
        }
        *failures = failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_refused_for_the_rest_of_its_minute() {
        let start = crate::clock::instant();
        let [a, b] = [1, 2].map(|n| IpAddr::from([10, 0, 0, n]));
        let mut failures = Failures::default();
        for _ in 0..MAX_FAILURES {
            assert!(!failures.too_many(a, start));
            failures.count(a, start);
        }
        assert!(failures.too_many(a, start + WINDOW / 2));
        assert!(!failures.too_many(b, start));
        assert!(!failures.too_many(a, start + WINDOW));
        failures.count(a, start + WINDOW);
        assert!(!failures.too_many(a, start + WINDOW));
    }

    #[test]
    fn the_number_of_addresses_is_bounded() {
        let now = crate::clock::instant();
        let mut failures = Failures::default();
        for n in 0..u32::try_from(MAX_ADDRESSES * 3).unwrap() {
            failures.count(IpAddr::from(n.to_be_bytes()), now);
            assert!(failures.by_address.len() <= MAX_ADDRESSES);
        }
    }
}
