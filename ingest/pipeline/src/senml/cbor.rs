//! A pack in CBOR (RFC 8428 §6).

use minicbor::{
    Decoder,
    data::{IanaTag, Type},
    decode::Error,
};

use super::{Entry, MAX_SENML_RECORDS};
use crate::{Reason, decode::Refused};

/// How deep an item that is skipped may be nested.
const MAX_SKIP_DEPTH: usize = 8;

/// Reads a pack.
pub(crate) fn cbor(payload: &[u8]) -> Result<Vec<Entry>, Refused> {
    let d = &mut Decoder::new(payload);
    let entries = take_pack(d).map_err(|fault| match fault {
        Fault::Cbor(e) => Refused::new(Reason::MalformedCbor, e.to_string()),
        Fault::Senml(detail) => Refused::new(Reason::MalformedSenml, detail),
    })?;
    if d.position() == payload.len() {
        Ok(entries)
    } else {
        Err(Refused::new(Reason::MalformedCbor, "bytes follow the pack"))
    }
}

enum Fault {
    Cbor(Error),
    Senml(String),
}

impl From<Error> for Fault {
    fn from(e: Error) -> Self {
        Self::Cbor(e)
    }
}

fn senml<T>(detail: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Senml(detail.into()))
}

fn take_pack(d: &mut Decoder<'_>) -> Result<Vec<Entry>, Fault> {
    if !matches!(d.datatype()?, Type::Array | Type::ArrayIndef) {
        return senml("a SenML pack is an array of records");
    }
    let len = d.array()?;
    let mut entries = Vec::new();
    while more(d, len, entries.len())? {
        if entries.len() >= MAX_SENML_RECORDS {
            return senml(format!("more than {MAX_SENML_RECORDS} records"));
        }
        entries.push(take_record(d)?);
    }
    Ok(entries)
}

/// Whether a container of `len` elements (`None`: up to its break) has one behind `taken`.
fn more(d: &mut Decoder<'_>, len: Option<u64>, taken: usize) -> Result<bool, Fault> {
    if let Some(len) = len {
        return Ok((taken as u64) < len);
    }
    if d.datatype()? == Type::Break {
        d.set_position(d.position() + 1);
        return Ok(false);
    }
    Ok(true)
}

fn take_record(d: &mut Decoder<'_>) -> Result<Entry, Fault> {
    if !matches!(d.datatype()?, Type::Map | Type::MapIndef) {
        return senml("a SenML record is a map");
    }
    let len = d.map()?;
    let mut entry = Entry::default();
    let mut taken = 0;
    while more(d, len, taken)? {
        take_field(d, &mut entry)?;
        taken += 1;
    }
    Ok(entry)
}

/// One label and its value; the labels are numbers by RFC 8428 table 4, or text.
fn take_field(d: &mut Decoder<'_>, entry: &mut Entry) -> Result<(), Fault> {
    let label = take_label(d)?;
    match label {
        -2 => once(&mut entry.base_name, take_text(d)?, "base name"),
        -3 => once(&mut entry.base_time, take_number(d)?, "base time"),
        -4 => once(&mut entry.base_unit, take_text(d)?, "base unit"),
        -5 => once(&mut entry.base_value, take_number(d)?, "base value"),
        -1 => once(&mut entry.base_version, take_number(d)?, "base version"),
        0 => once(&mut entry.name, take_text(d)?, "name"),
        1 => once(&mut entry.unit, take_text(d)?, "unit"),
        2 => once(&mut entry.value, take_number(d)?, "value"),
        6 => once(&mut entry.time, take_number(d)?, "time"),
        other => {
            entry.other_value = match other {
                3 => Some("a text"),
                4 => Some("a boolean"),
                5 | -6 => Some("a sum"),
                8 => Some("data"),
                _ => entry.other_value,
            };
            skip(d, MAX_SKIP_DEPTH)
        }
    }
}

fn once<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<(), Fault> {
    if slot.replace(value).is_some() {
        return senml(format!("a record has its {what} twice"));
    }
    Ok(())
}

/// The number of a label; a text one gets the number of the same label, or one of none.
fn take_label(d: &mut Decoder<'_>) -> Result<i64, Fault> {
    const NONE: i64 = i64::MAX;
    if d.datatype()? != Type::String {
        return Ok(d.i64()?);
    }
    Ok(match d.str()? {
        "bn" => -2,
        "bt" => -3,
        "bu" => -4,
        "bv" => -5,
        "bs" => -6,
        "bver" => -1,
        "n" => 0,
        "u" => 1,
        "v" => 2,
        "vs" => 3,
        "vb" => 4,
        "s" => 5,
        "t" => 6,
        "vd" => 8,
        other if other.ends_with('_') => {
            let label: String = other.chars().take(32).collect();
            return senml(format!("the record needs `{label}` to be understood"));
        }
        _ => NONE,
    })
}

fn take_text(d: &mut Decoder<'_>) -> Result<String, Fault> {
    if d.datatype()? != Type::String {
        return senml("a name or unit is not text");
    }
    Ok(d.str()?.to_owned())
}

/// A number: integer, float of any width, or decimal fraction; NaN for anything else.
#[expect(clippy::cast_precision_loss, reason = "SenML numbers are doubles (RFC 8428 §4.3)")]
fn take_number(d: &mut Decoder<'_>) -> Result<f64, Fault> {
    Ok(match d.datatype()? {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => d.u64()? as f64,
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => d.i64()? as f64,
        Type::F16 => take_half(d)?,
        Type::F32 => f64::from(d.f32()?),
        Type::F64 => d.f64()?,
        Type::Tag => take_decimal(d)?,
        _ => {
            skip(d, MAX_SKIP_DEPTH)?;
            f64::NAN
        }
    })
}

/// Half-precision float (RFC 8949 appendix D).
fn take_half(d: &mut Decoder<'_>) -> Result<f64, Fault> {
    let at = d.position();
    let Some(&[_, high, low]) = d.input().get(at..at + 3).and_then(|b| b.first_chunk()) else {
        return Err(Error::end_of_input().into());
    };
    d.set_position(at + 3);
    let half = u16::from_be_bytes([high, low]);
    let exponent = i32::from((half >> 10) & 0x1f);
    let mantissa = f64::from(half & 0x3ff);
    let magnitude = match exponent {
        0 => mantissa * 2_f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2_f64.powi(exponent - 25),
    };
    Ok(if half & 0x8000 == 0 { magnitude } else { -magnitude })
}

/// Decimal fraction: tag 4, `[exponent, mantissa]` (RFC 8949 §3.4.4).
#[expect(clippy::cast_precision_loss, reason = "SenML numbers are doubles (RFC 8428 §4.3)")]
fn take_decimal(d: &mut Decoder<'_>) -> Result<f64, Fault> {
    if d.tag()? != IanaTag::Decimal.tag() || d.array()? != Some(2) {
        return senml("a number has a tag that is not known here");
    }
    let exponent = i32::from(d.i16()?);
    let mantissa = d.i64()? as f64;
    // Dividing by an exact power is exact where multiplying by its inverse is not.
    Ok(if exponent < 0 {
        mantissa / 10_f64.powi(-exponent)
    } else {
        mantissa * 10_f64.powi(exponent)
    })
}

/// Skips one item, no deeper than `depth`.
fn skip(d: &mut Decoder<'_>, depth: usize) -> Result<(), Fault> {
    let Some(depth) = depth.checked_sub(1) else {
        return senml("a value is nested too deeply");
    };
    let (len, per) = match d.datatype()? {
        Type::Array | Type::ArrayIndef => (d.array()?, 1),
        Type::Map | Type::MapIndef => (d.map()?, 2),
        Type::F16 => return take_half(d).map(drop),
        Type::Tag => {
            d.tag()?;
            return skip(d, depth);
        }
        _ => return Ok(d.skip()?),
    };
    let mut taken = 0;
    while more(d, len, taken)? {
        for _ in 0..per {
            skip(d, depth)?;
        }
        taken += 1;
    }
    Ok(())
}
