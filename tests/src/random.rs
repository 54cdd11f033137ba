//! Repeatable chance.

/// A small generator (xorshift64*): the same seed draws the same numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator; any seed but 0 draws numbers, so the lowest bit is set.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Any number but 0 will do; neighbours must not begin alike.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number of 31 bits.
    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33
    }

    /// A number below `limit`; 0 for a limit of 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit.max(1)
    }

    /// A number from `-spread` to `spread`, roughly normal.
    pub fn around(&mut self, spread: i64) -> i64 {
        let one = |n: u64| i64::try_from(n).unwrap_or(0) % (2 * spread + 1) - spread;
        (0..4).map(|_| one(self.draw())).sum::<i64>() / 4
    }
}
