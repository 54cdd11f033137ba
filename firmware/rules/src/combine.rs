//! How channels or stations of one rule are taken together.

use alloc::{borrow::Cow, format, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use tram_wire::{ChannelName, NodeId, Quantity};

use crate::{Decimal, Selector, Statistic, as_text, rule::quantity_name};

/// How many of them have to reach a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// One of them: the highest decides.
    Any,
    /// Every one: the lowest decides.
    All,
    /// So many of them.
    AtLeast(u8),
}

impl Need {
    /// How many of `all`.
    #[must_use]
    pub fn of(self, all: usize) -> usize {
        match self {
            Self::Any => 1,
            Self::All => all.max(1),
            Self::AtLeast(n) => usize::from(n.max(1)),
        }
    }
}

impl Serialize for Need {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => s.serialize_str("any"),
            Self::All => s.serialize_str("all"),
            Self::AtLeast(n) => s.serialize_u8(*n),
        }
    }
}

impl<'de> Deserialize<'de> for Need {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<'a> {
            Number(u8),
            Word(Cow<'a, str>),
        }
        match Written::deserialize(d)? {
            Written::Number(n) => Ok(Self::AtLeast(n)),
            Written::Word(word) => match &*word {
                "any" => Ok(Self::Any),
                "all" => Ok(Self::All),
                other => Err(D::Error::custom(format!(
                    "expected \"all\", \"any\" or a number, found \"{other}\""
                ))),
            },
        }
    }
}

/// What is taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// The channels of each station.
    Channels,
    /// The stations of the rule: they make one alarm together.
    Stations,
}

/// Taken together: a level holds while as many of them hold it as are needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Combine {
    /// What is taken together.
    pub of: Of,
    /// `"all"`, `"any"` or a number.
    pub need: Need,
    /// With `of = "stations"`, the name under which the alarm stands in a station's place.
    #[serde(default, with = "as_text::optional", skip_serializing_if = "Option::is_none")]
    pub name: Option<NodeId>,
}

/// A condition that has to hold as well, of other channels of the same station. It has one
/// threshold, and the rule's `for_s`, `hold_s` and `gap_s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// As many as the rule has, each for the one at the same place, or one for all of them.
    pub channels: Vec<Selector<ChannelName>>,
    /// What they measure.
    #[serde(with = "quantity_name")]
    pub quantity: Option<Quantity>,
    /// What is compared; one of readings, not of steps.
    #[serde(default)]
    pub statistic: Statistic,
    /// How far it looks back.
    #[serde(default)]
    pub window_s: Option<u32>,
    /// It holds at or below `raise`, not above.
    #[serde(default)]
    pub below: bool,
    /// From here on it holds.
    pub raise: Decimal,
    /// From here on it no longer holds.
    pub clear: Decimal,
}
