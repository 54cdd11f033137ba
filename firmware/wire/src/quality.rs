//! Quality of a reading: a QARTOD flag and the tests that fired.

/// The primary flag of IOOS QARTOD (Manual for Real-Time Oceanographic Data Quality Control
/// Flags, v1.2, table 2), also the numbers the HTTP interface shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Flag {
    /// 1: passed every test that was run.
    Good = 1,
    /// 2: no test was run.
    #[default]
    NotEvaluated = 2,
    /// 3: of questionable value; shown, marked, and not enough to raise a warning alone.
    Suspect = 3,
    /// 4: wrong; kept, never used in an aggregate or a rule.
    Fail = 4,
    /// 9: the sensor gave nothing; there is no value.
    Missing = 9,
}

impl Flag {
    /// The flag with this number, if there is one.
    #[must_use]
    pub fn from_number(n: u8) -> Option<Self> {
        Some(match n {
            1 => Self::Good,
            2 => Self::NotEvaluated,
            3 => Self::Suspect,
            4 => Self::Fail,
            9 => Self::Missing,
            _ => return None,
        })
    }
}

/// Which quality tests fired, one bit each, 12 bits in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tests(u16);

impl Tests {
    /// No test fired.
    pub const NONE: Self = Self(0);
    /// Outside what the sensor can measure or the place can have.
    pub const GROSS_RANGE: Self = Self(1);
    /// One reading far from both neighbours.
    pub const SPIKE: Self = Self(1 << 1);
    /// Changed faster than the quantity can.
    pub const RATE_OF_CHANGE: Self = Self(1 << 2);
    /// Has not moved for longer than the quantity can stand still.
    pub const FLAT_LINE: Self = Self(1 << 3);
    /// The reading before this one is missing or too old to compare with.
    pub const GAP: Self = Self(1 << 4);
    /// The sensor did not answer, or its checksum was wrong.
    pub const SENSOR_ERROR: Self = Self(1 << 5);
    /// Two measurements that must agree do not (the two speeds of a dual loop).
    pub const DISAGREEMENT: Self = Self(1 << 6);
    /// Pulses closer together than the part can make them; some were refused.
    pub const BOUNCE: Self = Self(1 << 7);
    /// No echo came back, or too few of the burst.
    pub const ECHO_LOSS: Self = Self(1 << 8);
    /// A quantity that this one is corrected with is missing (air temperature of an echo).
    pub const UNCORRECTED: Self = Self(1 << 9);

    const ALL: u16 = 0x03ff;
    const NAMES: [(Self, &'static str); 10] = [
        (Self::GROSS_RANGE, "gross_range"),
        (Self::SPIKE, "spike"),
        (Self::RATE_OF_CHANGE, "rate_of_change"),
        (Self::FLAT_LINE, "flat_line"),
        (Self::GAP, "gap"),
        (Self::SENSOR_ERROR, "sensor_error"),
        (Self::DISAGREEMENT, "disagreement"),
        (Self::BOUNCE, "bounce"),
        (Self::ECHO_LOSS, "echo_loss"),
        (Self::UNCORRECTED, "uncorrected"),
    ];

    /// The bits, or `None` when one is set that has no meaning in this version.
    #[must_use]
    pub fn from_bits(bits: u16) -> Option<Self> {
        (bits & !Self::ALL == 0).then_some(Self(bits))
    }

    /// The bits.
    #[must_use]
    pub fn bits(self) -> u16 {
        self.0
    }

    /// These tests and those of `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every test of `other` fired.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the tests that fired, in bit order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(t, _)| self.contains(*t)).map(|(_, n)| n)
    }
}

/// Quality of one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Quality {
    /// The primary flag.
    pub flag: Flag,
    /// The tests that fired.
    pub tests: Tests,
}

impl Quality {
    /// Passed every test.
    pub const GOOD: Self = Self { flag: Flag::Good, tests: Tests::NONE };
    /// No test was run, as for a reading of a third-party device.
    pub const NOT_EVALUATED: Self = Self { flag: Flag::NotEvaluated, tests: Tests::NONE };

    /// A missing reading, and why.
    #[must_use]
    pub fn missing(tests: Tests) -> Self {
        Self { flag: Flag::Missing, tests }
    }

    /// One number for both: the flag in the low four bits, the tests above. At most 14 bits.
    #[must_use]
    pub fn code(self) -> u16 {
        // Ten test bits moved by four stay within sixteen.
        (self.tests.0 << 4) | self.flag as u16
    }

    /// The quality with this [`code`](Self::code), if there is one.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        let flag = Flag::from_number(u8::try_from(code & 0xf).ok()?)?;
        Some(Self { flag, tests: Tests::from_bits(code >> 4)? })
    }

    /// Whether a rule or an aggregate may use the value: good, not evaluated or suspect.
    #[must_use]
    pub fn usable(self) -> bool {
        matches!(self.flag, Flag::Good | Flag::NotEvaluated | Flag::Suspect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back_and_no_other_is_accepted() {
        let mut accepted = 0;
        for code in 0..=u16::MAX {
            if let Some(q) = Quality::from_code(code) {
                assert_eq!(q.code(), code);
                accepted += 1;
            }
        }
        assert_eq!(accepted, 5 * 1024);
    }
}
