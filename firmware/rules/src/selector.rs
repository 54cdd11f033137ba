//! Which stations or channels a rule looks at.

use alloc::borrow::Cow;
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// One name, or `*` for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector<T> {
    /// Every one.
    All,
    /// This one.
    One(T),
}

impl<T: PartialEq> Selector<T> {
    /// Whether `name` is meant.
    #[must_use]
    pub fn selects(&self, name: &T) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == name,
        }
    }
}

impl<T: fmt::Display> Serialize for Selector<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => s.serialize_str("*"),
            Self::One(name) => s.collect_str(name),
        }
    }
}

impl<'de, T> Deserialize<'de> for Selector<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        if text == "*" {
            Ok(Self::All)
        } else {
            text.parse().map(Self::One).map_err(D::Error::custom)
        }
    }
}
