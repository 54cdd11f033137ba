//! A pack in JSON (RFC 8428 §5).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{Entry, MAX_SENML_RECORDS};
use crate::{Reason, decode::Refused};

/// Reads a pack.
pub(crate) fn json(payload: &[u8]) -> Result<Vec<Entry>, Refused> {
    serde_json::from_slice::<Pack>(payload).map(|pack| pack.0).map_err(|e| {
        let reason = match e.classify() {
            serde_json::error::Category::Data => Reason::MalformedSenml,
            _ => Reason::MalformedJson,
        };
        Refused::new(reason, e.to_string())
    })
}

struct Pack(Vec<Entry>);

impl<'de> Deserialize<'de> for Pack {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_seq(PackVisitor).map(Self)
    }
}

struct PackVisitor;

impl<'de> Visitor<'de> for PackVisitor {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SenML pack, which is an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Entry>, A::Error> {
        let mut entries = Vec::new();
        while let Some(Record(entry)) = seq.next_element()? {
            if entries.len() >= MAX_SENML_RECORDS {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_SENML_RECORDS} records"
                )));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

struct Record(Entry);

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(RecordVisitor).map(Self)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SenML record, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let mut entry = Entry::default();
        while let Some(label) = map.next_key::<Label>()? {
            match label {
                Label::BaseName => once(&mut entry.base_name, map.next_value()?, "bn")?,
                Label::BaseTime => number(&mut entry.base_time, &mut map, "bt")?,
                Label::BaseUnit => once(&mut entry.base_unit, map.next_value()?, "bu")?,
                Label::BaseValue => number(&mut entry.base_value, &mut map, "bv")?,
                Label::BaseVersion => number(&mut entry.base_version, &mut map, "bver")?,
                Label::Name => once(&mut entry.name, map.next_value()?, "n")?,
                Label::Unit => once(&mut entry.unit, map.next_value()?, "u")?,
                Label::Value => number(&mut entry.value, &mut map, "v")?,
                Label::Time => number(&mut entry.time, &mut map, "t")?,
                Label::Other(kind) => {
                    map.next_value::<IgnoredAny>()?;
                    entry.other_value = Some(kind);
                }
                Label::Ignored => {
                    map.next_value::<IgnoredAny>()?;
                }
                Label::Required(label) => {
                    return Err(A::Error::custom(format_args!(
                        "the record needs `{label}` to be understood, which is not known here"
                    )));
                }
            }
        }
        Ok(entry)
    }
}

fn once<T, E: Error>(slot: &mut Option<T>, value: T, label: &'static str) -> Result<(), E> {
    if slot.replace(value).is_some() { Err(E::duplicate_field(label)) } else { Ok(()) }
}

fn number<'de, A: MapAccess<'de>>(
    slot: &mut Option<f64>,
    map: &mut A,
    label: &'static str,
) -> Result<(), A::Error> {
    let Number(value) = map.next_value()?;
    once(slot, value, label)
}

/// A label of RFC 8428 table 1 and 2, or what to do with another.
enum Label {
    BaseName,
    BaseTime,
    BaseUnit,
    BaseValue,
    BaseVersion,
    Name,
    Unit,
    Value,
    Time,
    Other(&'static str),
    Ignored,
    /// Ends with `_`: must be understood (§4.4).
    Required(String),
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(LabelVisitor)
    }
}

struct LabelVisitor;

impl Visitor<'_> for LabelVisitor {
    type Value = Label;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SenML label")
    }

    fn visit_str<E: Error>(self, label: &str) -> Result<Label, E> {
        Ok(match label {
            "bn" => Label::BaseName,
            "bt" => Label::BaseTime,
            "bu" => Label::BaseUnit,
            "bv" => Label::BaseValue,
            "bver" => Label::BaseVersion,
            "n" => Label::Name,
            "u" => Label::Unit,
            "v" => Label::Value,
            "t" => Label::Time,
            "vs" => Label::Other("a text"),
            "vb" => Label::Other("a boolean"),
            "vd" => Label::Other("data"),
            "s" | "bs" => Label::Other("a sum"),
            other if other.ends_with('_') => Label::Required(other.chars().take(32).collect()),
            _ => Label::Ignored,
        })
    }
}

/// A number, or NaN for anything else that stands in its place.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NumberVisitor).map(Self)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, v: f64) -> Result<f64, E> {
        Ok(v)
    }

    #[expect(clippy::cast_precision_loss, reason = "SenML numbers are doubles (RFC 8428 §4.3)")]
    fn visit_i64<E>(self, v: i64) -> Result<f64, E> {
        Ok(v as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "SenML numbers are doubles (RFC 8428 §4.3)")]
    fn visit_u64<E>(self, v: u64) -> Result<f64, E> {
        Ok(v as f64)
    }

    fn visit_str<E>(self, _: &str) -> Result<f64, E> {
        Ok(f64::NAN)
    }

    fn visit_bool<E>(self, _: bool) -> Result<f64, E> {
        Ok(f64::NAN)
    }

    fn visit_unit<E>(self) -> Result<f64, E> {
        Ok(f64::NAN)
    }
}
