//! What is asked of the history.

use serde::Deserialize;
use tram_pipeline::DatastreamKey;
use tram_store::export::Function;
use tram_wire::{ChannelName, UnixMicros};
use utoipa::IntoParams;

use crate::{
    http::{App, Refusal, gaps::GapRow},
    time,
};

/// How far back to look when the question does not say: one day.
const DEFAULT_SPAN_MICROS: i64 = 86_400_000_000;
/// The longest step: 366 days.
const MAX_STEP_S: u64 = 366 * 86_400;

/// The question as it is written in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Question {
    /// The station.
    station: String,
    /// The channel within the station.
    channel: String,
    /// From this time on, RFC 3339; a day before `to` when absent.
    from: Option<String>,
    /// Up to before this time, RFC 3339; now when absent.
    to: Option<String>,
    /// Aggregate by steps: a number with `s`, `m`, `h` or `d`, such as `60s`. Where readings are gone
    /// by their age and only coarser rollups are left, a row covers more than the step and says how
    /// much (`span_s`).
    step: Option<String>,
    /// Which aggregates, separated by commas: `mean`, `min`, `max`, `last`, `sum`, `count`; all
    /// when absent.
    #[serde(rename = "fn")]
    functions: Option<String>,
    /// `json` (default), `csv` or `parquet`.
    format: Option<String>,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
    Parquet,
}

/// A question that can be answered.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) key: DatastreamKey,
    pub(super) from: UnixMicros,
    pub(super) to: UnixMicros,
    /// Microseconds; `None` for the readings themselves.
    pub(super) step: Option<i64>,
    pub(super) functions: Vec<Function>,
    pub(super) format: Format,
    /// What is missing, once it has been looked up.
    pub(super) gaps: Vec<GapRow>,
}

impl Question {
    pub(super) fn check(&self, app: &App, now: UnixMicros) -> Result<Checked, Refusal> {
        let node = app.station(&self.station)?;
        let key = ChannelName::new(&self.channel).ok().and_then(|c| app.store.find(&node, &c));
        let key = key.ok_or_else(|| {
            Refusal::not_found(
                format!("the station `{node}` has no channel `{}`", self.channel),
                format!("GET /api/v1/latest?station={node} lists its channels"),
            )
        })?;
        let (from, to) = time_span(self.from.as_deref(), self.to.as_deref(), now)?;
        let step = self.step.as_deref().map(step).transpose()?;
        if step.is_none() && self.functions.is_some() {
            return Err(Refusal::bad("`fn` goes with `step` only", "add step=60s, or remove fn"));
        }
        Ok(Checked {
            key,
            from,
            to,
            step,
            functions: functions(self.functions.as_deref())?,
            format: format(self.format.as_deref())?,
            gaps: Vec::new(),
        })
    }
}

/// Reads the span of time that is asked for.
pub(in crate::http) fn time_span(
    from: Option<&str>,
    to: Option<&str>,
    now: UnixMicros,
) -> Result<(UnixMicros, UnixMicros), Refusal> {
    let to = to.map_or(Ok(now), |t| time_of("to", t))?;
    let from = match from {
        Some(text) => time_of("from", text)?,
        None => to.plus(-DEFAULT_SPAN_MICROS),
    };
    if from >= to {
        return Err(Refusal::bad("`from` is not before `to`", "exchange them"));
    }
    Ok((from, to))
}

fn time_of(name: &str, text: &str) -> Result<UnixMicros, Refusal> {
    // In a query, a plus sign that was not escaped arrives as a space.
    time::parse(&text.replace(' ', "+")).map_err(|e| {
        Refusal::bad(
            format!("`{name}={text}` is not a time: {e}"),
            "write it as 2026-03-01T00:00:00Z",
        )
    })
}

/// Reads the length of a step, in microseconds.
pub(crate) fn step(text: &str) -> Result<i64, Refusal> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("" | "s") => Some(1),
        Some("m") => Some(60),
        Some("h") => Some(3_600),
        Some("d") => Some(86_400),
        _ => None,
    };
    let seconds = digits.parse::<u64>().ok().zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
    seconds
        .filter(|s| (1..=MAX_STEP_S).contains(s))
        .and_then(|s| i64::try_from(s).ok())
        .map(|s| s * 1_000_000)
        .ok_or_else(|| {
            Refusal::bad(
                format!("`step={text}` is no length of time from 1 s to 366 d"),
                "write a number with s, m, h or d, such as step=60s",
            )
        })
}

/// Reads which aggregates are asked for; all of them when nothing says.
pub(crate) fn functions(text: Option<&str>) -> Result<Vec<Function>, Refusal> {
    let mut functions = Vec::new();
    for name in text.unwrap_or("mean,min,max,last,sum,count").split(',') {
        let function = match name.trim() {
            "mean" => Function::Mean,
            "min" => Function::Min,
            "max" => Function::Max,
            "last" => Function::Last,
            "sum" => Function::Sum,
            "count" => Function::Count,
            other => {
                return Err(Refusal::bad(
                    format!("there is no aggregate `{other}`"),
                    "choose from mean, min, max, last, sum, count",
                ));
            }
        };
        if !functions.contains(&function) {
            functions.push(function);
        }
    }
    Ok(functions)
}

fn format(text: Option<&str>) -> Result<Format, Refusal> {
    match text {
        None | Some("json") => Ok(Format::Json),
        Some("csv") => Ok(Format::Csv),
        Some("parquet") => Ok(Format::Parquet),
        Some(other) => Err(Refusal::bad(
            format!("there is no format `{other}`"),
            "choose from json, csv, parquet",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_number_with_a_unit() {
        for (text, seconds) in [("60s", 60), ("1", 1), ("5m", 300), ("2h", 7_200), ("1d", 86_400)] {
            assert_eq!(step(text).unwrap(), seconds * 1_000_000, "{text}");
        }
        for text in ["", "s", "0s", "-1s", "1w", "1.5h", "367d", "99999999999999999999s", "é"] {
            assert!(step(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_aggregate_is_taken_once_and_in_order() {
        let asked = functions(Some("max, min,max")).unwrap();
        assert_eq!(asked, [Function::Max, Function::Min]);
        assert_eq!(functions(None).unwrap().len(), 6);
        assert!(functions(Some("median")).is_err());
    }

    #[test]
    fn a_plus_sign_survives_the_address() {
        assert_eq!(time_of("from", "1970-01-01T07:00:00 07:00").unwrap(), UnixMicros(0));
    }
}
