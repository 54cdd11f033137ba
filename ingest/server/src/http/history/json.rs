//! The history as JSON, row by row.

use std::io::{self, Write};

use serde::Serialize;
use tram_store::{
    Bucket, Reading,
    export::{ExportError, Function},
};
use tram_wire::{Quantity, UnixMicros};
use utoipa::ToSchema;

use super::question::Checked;
use crate::{board::in_units, http::gaps::GapRow, time::rfc3339};

/// What the answer says before its rows. For the description of the interface: the answer has
/// `readings` without `step`, and `step_s` and `rows` with it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryAnswer {
    /// The station.
    station: String,
    /// The channel.
    channel: String,
    /// What it measures.
    quantity: &'static str,
    /// The unit of the values.
    unit: &'static str,
    /// From this time on.
    from: String,
    /// Up to before this time.
    to: String,
    /// Length of a step in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    step_s: Option<i64>,
    /// What is missing in this time and why, in order of time; at most 10000.
    gaps: Vec<GapRow>,
    /// The readings in order of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    readings: Option<Vec<ReadingRow>>,
    /// The steps that hold a reading, in order of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<BucketRow>>,
    /// Where readings are damaged, or rollups are and what they were made of is gone, when there is
    /// such a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<MissingRow>>,
}

/// A time of which nothing is known any more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MissingRow {
    /// From this time on.
    from: String,
    /// Up to before this time.
    to: String,
}

/// A reading.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadingRow {
    /// Event time.
    time: String,
    /// The value; null when the sensor gave none.
    value: Option<f64>,
    /// QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing.
    quality: u8,
}

/// A step of time. Only usable values enter (good, not evaluated, suspect).
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct BucketRow {
    /// Its start.
    time: String,
    /// Arithmetic mean; of directions that of their vectors, null when they cancel each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<Option<f64>>,
    /// Smallest value; null for directions.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Option<f64>>,
    /// Largest value; null for directions.
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Option<f64>>,
    /// Value with the latest time.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Option<f64>>,
    /// Sum; null for directions.
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<Option<f64>>,
    /// How many seconds the row covers, when that is more than the step: where readings are gone
    /// by their age and only coarser rollups are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    span_s: Option<i64>,
    /// How many values entered.
    count: u64,
    /// How many of them are good.
    good: u64,
}

/// Writes the readings.
pub(super) fn readings(
    out: &mut impl Write,
    asked: &Checked,
    mut history: super::Readings,
) -> Result<(), ExportError> {
    let quantity = asked.key.quantity;
    open(out, asked, "readings")?;
    for (i, reading) in history.by_ref().enumerate() {
        row(out, i, &ReadingRow::new(quantity, &reading?))?;
    }
    close(out, history.missing())
}

/// Writes the steps.
pub(super) fn buckets(
    out: &mut impl Write,
    asked: &Checked,
    mut aggregates: super::Steps,
) -> Result<(), ExportError> {
    let quantity = asked.key.quantity;
    open(out, asked, "rows")?;
    let step = asked.step.unwrap_or_default();
    for (i, bucket) in aggregates.by_ref().enumerate() {
        row(out, i, &BucketRow::new(quantity, &bucket?, step, &asked.functions))?;
    }
    close(out, aggregates.missing())
}

/// Writes everything behind the last row.
fn close(out: &mut impl Write, missing: &[(UnixMicros, UnixMicros)]) -> Result<(), ExportError> {
    out.write_all(b"]")?;
    if !missing.is_empty() {
        out.write_all(b",\"missing\":[")?;
        for (i, (from, to)) in missing.iter().enumerate() {
            row(out, i, &MissingRow { from: rfc3339(*from), to: rfc3339(*to) })?;
        }
        out.write_all(b"]")?;
    }
    out.write_all(b"}")?;
    Ok(())
}

/// Writes everything before the first row.
fn open(out: &mut impl Write, asked: &Checked, rows: &str) -> Result<(), ExportError> {
    let head = HistoryAnswer {
        station: asked.key.node.to_string(),
        channel: asked.key.channel.to_string(),
        quantity: asked.key.quantity.name(),
        unit: asked.key.quantity.unit(),
        from: rfc3339(asked.from),
        to: rfc3339(asked.to),
        step_s: asked.step.map(|s| s / 1_000_000),
        gaps: asked.gaps.clone(),
        readings: None,
        rows: None,
        missing: None,
    };
    let mut text = serde_json::to_string(&head).map_err(io::Error::from)?;
    // The closing brace comes after the rows.
    text.pop();
    write!(out, "{text},\"{rows}\":[")?;
    Ok(())
}

fn row(out: &mut impl Write, i: usize, row: &impl Serialize) -> Result<(), ExportError> {
    if i > 0 {
        out.write_all(b",")?;
    }
    serde_json::to_writer(out, row).map_err(io::Error::from)?;
    Ok(())
}

impl ReadingRow {
    fn new(quantity: Quantity, reading: &Reading) -> Self {
        Self {
            time: rfc3339(reading.time),
            value: reading.value.map(|v| in_units(quantity, v)),
            quality: reading.quality.flag as u8,
        }
    }
}

impl BucketRow {
    fn new(quantity: Quantity, bucket: &Bucket, step: i64, functions: &[Function]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a sum or mean is rounded anyway")]
        let (scale, sum) = (quantity.scale() as f64, bucket.sum.map(|sum| sum as f64));
        let mut row = Self {
            time: rfc3339(bucket.start),
            span_s: (bucket.span > step).then_some(bucket.span / 1_000_000),
            count: bucket.count,
            good: bucket.good,
            ..Self::default()
        };
        let units = |counts: Option<i64>| counts.map(|v| in_units(quantity, v));
        for function in functions {
            match function {
                Function::Mean => row.mean = Some(bucket.mean().map(|m| m / scale)),
                Function::Min => row.min = Some(units(bucket.min)),
                Function::Max => row.max = Some(units(bucket.max)),
                Function::Last => row.last = Some(units(bucket.last)),
                Function::Sum => row.sum = Some(sum.map(|sum| sum / scale)),
                // Always there.
                Function::Count => {}
            }
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::UnixMicros;

    use super::*;

    #[test]
    fn a_step_shows_what_was_asked_for() {
        let bucket = Bucket {
            start: UnixMicros(0),
            span: 60_000_000,
            count: 2,
            good: 1,
            total: 3,
            min: Some(1_500),
            max: Some(2_500),
            last: Some(2_500),
            sum: Some(4_000),
            vector: None,
        };
        let row = |functions: &[Function]| {
            let row = BucketRow::new(Quantity::WaterLevel, &bucket, 60_000_000, functions);
            serde_json::to_string(&row).unwrap()
        };
        assert_eq!(
            row(&[Function::Mean, Function::Sum]),
            r#"{"time":"1970-01-01T00:00:00.000Z","mean":2.0,"sum":4.0,"count":2,"good":1}"#
        );
        assert_eq!(
            row(&[Function::Min, Function::Max, Function::Last]),
            r#"{"time":"1970-01-01T00:00:00.000Z","min":1.5,"max":2.5,"last":2.5,"count":2,"good":1}"#
        );
        let day = Bucket { span: 86_400_000_000, ..bucket };
        let row = BucketRow::new(Quantity::WaterLevel, &day, 60_000_000, &[Function::Max]);
        assert!(serde_json::to_string(&row).unwrap().contains(r#""max":2.5,"span_s":86400,"#));
        let empty = Bucket { count: 0, good: 0, min: None, sum: None, ..bucket };
        let shown = serde_json::to_string(&BucketRow::new(
            Quantity::Rain,
            &empty,
            60_000_000,
            &[Function::Min, Function::Sum],
        ));
        assert!(shown.unwrap().contains(r#""min":null,"sum":null"#));
    }
}
