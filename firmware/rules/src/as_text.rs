//! Types of the wire contract as text in TOML and in a saved state.

use alloc::{borrow::Cow, string::ToString};
use core::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// For `#[serde(serialize_with)]`.
pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(value)
}

/// For `#[serde(deserialize_with)]`.
pub(crate) fn deserialize<'de, T, D>(d: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: Display,
    D: Deserializer<'de>,
{
    let text = Cow::<'de, str>::deserialize(d)?;
    text.parse().map_err(|e: T::Err| D::Error::custom(e.to_string()))
}

/// The same for a value that may be absent.
pub(crate) mod optional {
    use core::fmt::Display;

    use serde::{Serialize, Serializer};

    struct Shown<'a, T>(&'a T);

    impl<T: Display> Serialize for Shown<'_, T> {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.collect_str(self.0)
        }
    }

    pub(crate) use super::deserialize_optional as deserialize;

    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(v) => s.serialize_some(&Shown(v)),
            None => s.serialize_none(),
        }
    }
}

pub(crate) fn deserialize_optional<'de, T, D>(d: D) -> Result<Option<T>, D::Error>
where
    T: FromStr,
    T::Err: Display,
    D: Deserializer<'de>,
{
    Option::<Cow<'de, str>>::deserialize(d)?
        .map(|text| text.parse().map_err(|e: T::Err| D::Error::custom(e.to_string())))
        .transpose()
}
