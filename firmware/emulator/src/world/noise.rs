//! Randomness that depends on the seed and the time alone, never on how often it is asked.

/// SplitMix64 (Steele, Lea and Flood 2014): a sequence of 64-bit numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A sequence of its own for each pair.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(mix(seed ^ mix(stream)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 up to, not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `low` up to, not including, `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
}

/// Smooth noise from −1 to 1 that takes a new random value every `period` microseconds.
pub(crate) fn smooth(seed: u64, stream: u64, at: u64, period: u64) -> f64 {
    let cell = at / period;
    let value = |cell: u64| {
        let mut random = Random::new(seed ^ mix(stream), cell);
        random.between(-1.0, 1.0)
    };
    let x = (at % period) as f64 / period as f64;
    let weight = x * x * (3.0 - 2.0 * x);
    value(cell) * (1.0 - weight) + value(cell.wrapping_add(1)) * weight
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence_comes_out() {
        // The reference implementation (prng.di.unimi.it/splitmix64.c) started at 1234567.
        let mut random = Random(1_234_567);
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn smooth_noise_is_bounded_continuous_and_not_flat() {
        let samples: Vec<f64> = (0..2_000).map(|i| smooth(3, 1, i * 1_000, 100_000)).collect();
        assert!(samples.iter().all(|s| s.abs() <= 1.0));
        assert!(samples.windows(2).all(|w| (w[1] - w[0]).abs() < 0.05));
        let (low, high) = samples.iter().fold((1.0, -1.0), |(l, h), s| (s.min(l), s.max(h)));
        assert!(high - low > 0.5, "{low} {high}");
    }
}
