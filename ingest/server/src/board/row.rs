//! Rows of the board in the shape the interface answers with.

use std::io::Write;

use serde::Serialize;
use tram_pipeline::DatastreamKey;
use tram_wire::{Point, Quantity, UnixMicros};
use utoipa::ToSchema;

use super::{
    health::HealthRow,
    station::{Entry, Freshness},
};
use crate::time::{age_s, rfc3339};

/// A station and how it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct StationRow {
    /// Its name on the wire.
    pub(crate) id: String,
    /// What people call it.
    name: String,
    /// What people call it in English.
    name_en: String,
    /// The commune it stands in; empty when not told.
    commune: String,
    /// Latitude in degrees; null for a device that registered itself.
    lat: Option<f64>,
    /// Longitude in degrees.
    lon: Option<f64>,
    /// How old the newest reading is.
    state: Freshness,
    /// Event time of the newest reading.
    last_seen: Option<String>,
    /// Its age in seconds.
    age_s: Option<f64>,
    /// Whether the node is connected, as far as it says.
    online: bool,
    /// The highest level of its alarms, 0 when there is none.
    alarm_level: u8,
    /// How the node said last that it is; null when it never has.
    health: Option<HealthRow>,
}

impl StationRow {
    pub(super) fn new(entry: &Entry, now: UnixMicros) -> Self {
        let station = &entry.station;
        Self {
            id: station.id.to_string(),
            name: station.name.clone(),
            name_en: station.name_en.clone(),
            commune: station.commune.clone(),
            lat: station.position.map(|p| p.0),
            lon: station.position.map(|p| p.1),
            state: entry.freshness(now),
            last_seen: entry.last_seen.map(rfc3339),
            age_s: entry.last_seen.map(|t| age_s(t, now)),
            online: entry.online,
            alarm_level: entry.alarm_level,
            health: entry.health.as_deref().map(|(at, health)| HealthRow::new(health, *at, now)),
        }
    }
}

/// The latest reading of a datastream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LatestRow {
    /// The station.
    station: String,
    /// The channel within the station.
    channel: String,
    /// What it measures.
    quantity: &'static str,
    /// The unit of the value.
    unit: &'static str,
    /// The value; null when the sensor gave none.
    value: Option<f64>,
    /// Event time.
    time: String,
    /// QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing.
    quality: u8,
    /// The quality tests that fired.
    tests: Vec<&'static str>,
    /// Its age in seconds.
    age_s: f64,
}

impl LatestRow {
    pub(super) fn new(key: &DatastreamKey, point: &Point, now: UnixMicros) -> Self {
        let time = UnixMicros(point.micros);
        Self {
            station: key.node.to_string(),
            channel: key.channel.to_string(),
            quantity: key.quantity.name(),
            unit: key.quantity.unit(),
            value: point.value.map(|v| in_units(key.quantity, v)),
            time: rfc3339(time),
            quality: point.quality.flag as u8,
            tests: point.quality.tests.names().collect(),
            age_s: age_s(time, now),
        }
    }
}

/// A row as JSON up to its age, the only part that changes by itself.
pub(super) fn stem(key: &DatastreamKey, point: &Point) -> Box<str> {
    let row = LatestRow::new(key, point, UnixMicros(point.micros));
    // Text and finite numbers can always be written.
    let mut text = serde_json::to_string(&row).unwrap_or_default();
    let stem = text.strip_suffix("0.0}").unwrap_or_default().len();
    text.truncate(stem);
    text.into_boxed_str()
}

/// Writes the age of a reading behind the stem of its row, and ends the row.
pub(super) fn finish(out: &mut Vec<u8>, stem: &str, time: UnixMicros, now: UnixMicros) {
    out.extend_from_slice(stem.as_bytes());
    // Writing to memory cannot fail.
    let _ = write!(out, "{:?}}}", age_s(time, now));
}

/// Counts of a quantity in its unit. A count of at most fifteen digits, and no sensor has more,
/// becomes the double nearest to the decimal number, which prints as that very number.
pub(crate) fn in_units(quantity: Quantity, counts: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts stay within 53 bits")]
    let (counts, scale) = (counts as f64, quantity.scale() as f64);
    counts / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_prints_as_the_decimal_number_it_is() {
        for (quantity, counts, text) in [
            (Quantity::WaterLevel, 86_910, "86.91"),
            (Quantity::Temperature, -5, "-0.005"),
            (Quantity::Rain, 20, "0.2"),
            (Quantity::Pressure, 101_325, "101325"),
            (Quantity::Temperature, 999_999_999_999_999, "999999999999.999"),
        ] {
            assert_eq!(in_units(quantity, counts).to_string(), text);
        }
    }
}
