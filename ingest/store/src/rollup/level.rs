//! The lengths of time that are rolled up.

use crate::{
    Keep, Policy,
    day::{DAY_MICROS, Day, Span},
};

/// How long the buckets of a rollup are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    Minute,
    Hour,
    Day,
}

impl Level {
    /// Every level, the finest first.
    pub(crate) const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Microseconds of a bucket.
    pub(crate) fn step(self) -> i64 {
        match self {
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
            Self::Day => DAY_MICROS,
        }
    }

    /// What of a policy it follows.
    pub(crate) fn keep(self, policy: Policy) -> Keep {
        match self {
            Self::Minute => policy.minute,
            Self::Hour => policy.hour,
            Self::Day => policy.day,
        }
    }

    /// What a file holds that holds this day.
    pub(crate) fn file(self, day: Day) -> Span {
        match self {
            Self::Minute => day.month(),
            Self::Hour | Self::Day => day.year(),
        }
    }

    /// What a row holds that holds this day: few enough buckets to be written again when a day is
    /// added, and enough to be compressed.
    pub(crate) fn row(self, day: Day) -> Span {
        match self {
            Self::Minute => day.span(),
            Self::Hour => day.month(),
            Self::Day => day.year(),
        }
    }

    /// The start of the bucket that `time` is in.
    pub(crate) fn floor(self, time: i64) -> i64 {
        time.div_euclid(self.step()).saturating_mul(self.step())
    }

    /// The first start of a bucket that is not before `time`.
    pub(crate) fn ceil(self, time: i64) -> i64 {
        let floor = self.floor(time);
        if floor == time { time } else { floor.saturating_add(self.step()) }
    }
}

/// Some of the levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Levels(u8);

impl Levels {
    pub(crate) fn with(self, level: Level) -> Self {
        Self(self.0 | 1 << level as u8)
    }

    pub(crate) fn has(self, level: Level) -> bool {
        self.0 & 1 << level as u8 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}
