//! How long readings and their rollups are kept.

use std::{collections::BTreeMap, fmt};

use tram_wire::Quantity;

use crate::day::DAY_MICROS;

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Keep {
    /// For so many days behind the end of what a file holds.
    Days(u32),
    /// Nothing is deleted.
    Forever,
}

impl Keep {
    /// Whether what ended at `end` may go at `now`, both in microseconds.
    pub(crate) fn over(self, end: i64, now: i64) -> bool {
        match self {
            Self::Forever => false,
            Self::Days(days) => {
                end.saturating_add(i64::from(days).saturating_mul(DAY_MICROS)) <= now
            }
        }
    }

    /// Reads what is written in a file's name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "forever" => Some(Self::Forever),
            _ => text.strip_suffix('d')?.parse().ok().map(Self::Days),
        }
    }
}

/// As in a file's name: `90d`, `forever`.
impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Forever => f.write_str("forever"),
        }
    }
}

/// How long the readings of a quantity are kept, and the rollups that stand for them. A coarser
/// one is never kept shorter than a finer one; [`Retention`] sees to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The readings themselves.
    pub raw: Keep,
    /// Rollups of one minute.
    pub minute: Keep,
    /// Rollups of one hour.
    pub hour: Keep,
    /// Rollups of one day, in UTC.
    pub day: Keep,
}

impl Policy {
    /// Nothing is ever deleted.
    pub const FOREVER: Self =
        Self { raw: Keep::Forever, minute: Keep::Forever, hour: Keep::Forever, day: Keep::Forever };

    fn lifted(self) -> Self {
        let minute = self.minute.max(self.raw);
        let hour = self.hour.max(minute);
        Self { raw: self.raw, minute, hour, day: self.day.max(hour) }
    }
}

/// What is kept how long, by quantity. Without anything said, everything is kept for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    default: Policy,
    quantities: BTreeMap<Quantity, Policy>,
}

impl Retention {
    /// One policy for all, and others for single quantities. What would be kept shorter than
    /// something finer is kept as long as that.
    #[must_use]
    pub fn new(default: Policy, quantities: BTreeMap<Quantity, Policy>) -> Self {
        let quantities = quantities.into_iter().map(|(q, p)| (q, p.lifted())).collect();
        Self { default: default.lifted(), quantities }
    }

    /// The policy of what has none of its own.
    #[must_use]
    pub fn default_policy(&self) -> Policy {
        self.default
    }

    /// The policy of a quantity.
    #[must_use]
    pub fn policy(&self, quantity: Quantity) -> Policy {
        self.quantities.get(&quantity).copied().unwrap_or(self.default)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::new(Policy::FOREVER, BTreeMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_coarser_is_kept_at_least_as_long() {
        let short = Policy {
            raw: Keep::Days(30),
            minute: Keep::Days(7),
            hour: Keep::Days(400),
            day: Keep::Days(1),
        };
        let retention = Retention::new(short, [(Quantity::Rain, Policy::FOREVER)].into());
        let lifted = retention.policy(Quantity::Tilt);
        assert_eq!(lifted.minute, Keep::Days(30));
        assert_eq!((lifted.hour, lifted.day), (Keep::Days(400), Keep::Days(400)));
        assert_eq!(retention.policy(Quantity::Rain), Policy::FOREVER);
        assert_eq!(retention.default_policy(), lifted);
    }

    #[test]
    fn the_last_moment_counts_from_the_end() {
        assert!(!Keep::Days(2).over(DAY_MICROS, 3 * DAY_MICROS - 1));
        assert!(Keep::Days(2).over(DAY_MICROS, 3 * DAY_MICROS));
        assert!(!Keep::Forever.over(0, i64::MAX));
        assert!(!Keep::Days(u32::MAX).over(i64::MAX, i64::MAX - 1));
    }
}
