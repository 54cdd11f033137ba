//! SenML packs (RFC 8428) of third-party devices, in JSON and CBOR.
//!
//! Numbers become counts of one of our quantities; text, data and booleans in a pack are refused
//! with it. A pack is read into entries first, whatever its encoding, and then resolved.

mod cbor;
mod json;
mod resolve;
mod unit;

pub(crate) use cbor::cbor;
pub(crate) use json::json;
pub(crate) use resolve::{Resolved, resolve};

use crate::Form;

/// The longest SenML pack in bytes.
pub const MAX_SENML_BYTES: usize = 65_536;
/// The most records in a SenML pack.
pub const MAX_SENML_RECORDS: usize = 4096;
/// The version of SenML read here (RFC 8428 §4.4, "bver").
const SENML_VERSION: f64 = 10.0;

/// One record as it stands in the pack. A number that is not one is NaN.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Entry {
    base_name: Option<String>,
    base_time: Option<f64>,
    base_unit: Option<String>,
    base_value: Option<f64>,
    base_version: Option<f64>,
    name: Option<String>,
    unit: Option<String>,
    value: Option<f64>,
    time: Option<f64>,
    /// A string, boolean, data or sum value, none of which is a reading here.
    other_value: Option<&'static str>,
}

/// How a pack is encoded, by its `content-type`; JSON without one. `None` for another type.
pub(crate) fn form(content_type: Option<&str>) -> Option<Form> {
    let Some(full) = content_type else { return Some(Form::SenmlJson) };
    let media_type = full.split(';').next().unwrap_or_default().trim();
    let is = |known: &[&str]| known.iter().any(|k| media_type.eq_ignore_ascii_case(k));
    if is(&["", "application/senml+json", "application/json"]) {
        Some(Form::SenmlJson)
    } else if is(&["application/senml+cbor", "application/cbor"]) {
        Some(Form::SenmlCbor)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
