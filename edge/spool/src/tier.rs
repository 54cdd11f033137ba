//! How finely readings are kept.

/// From the readings themselves to one row a day. What is over the budget moves one step down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// Every reading.
    Raw,
    /// A summary of each channel for ten minutes.
    TenMinutes,
    /// A summary for an hour.
    Hours,
    /// A summary for a day.
    Days,
}

/// How many tiers there are.
pub(crate) const TIERS: usize = 4;

impl Tier {
    pub(crate) const ALL: [Self; TIERS] = [Self::Raw, Self::TenMinutes, Self::Hours, Self::Days];

    /// Its place in [`ALL`](Self::ALL) and its number on disk.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn from_number(n: u8) -> Option<Self> {
        Self::ALL.get(usize::from(n)).copied()
    }

    /// The tiers below it, the finest first.
    pub(crate) fn below(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().skip(self.index() + 1)
    }

    /// How much time one summary stands for, in microseconds.
    pub(crate) fn interval(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::TenMinutes => 600_000_000,
            Self::Hours => 3_600_000_000,
            Self::Days => 86_400_000_000,
        }
    }

    /// First letter of the names of its files.
    pub(crate) fn prefix(self) -> char {
        match self {
            Self::Raw => 'r',
            Self::TenMinutes => 'm',
            Self::Hours => 'h',
            Self::Days => 'd',
        }
    }
}
