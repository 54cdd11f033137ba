//! How a node says it is, in the shape the interface answers with.

use std::collections::BTreeMap;

use serde::Serialize;
use tram_wire::{ClockState, Health, UnixMicros};
use utoipa::ToSchema;

use crate::time::{age_s, rfc3339};

/// How a node says it is. What it does not tell is null; counts are since its program began.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct HealthRow {
    /// When the centre heard it.
    heard: String,
    /// How long ago that was, in seconds.
    age_s: f64,
    /// When the node said it, by its own clock.
    said: Option<String>,
    /// Seconds since its kernel booted.
    uptime_s: Option<u64>,
    /// How its clock stands: `unset`, `rtc` or `ntp`.
    clock: Option<&'static str>,
    /// Times its clock was set by more than a tenth of a second.
    clock_steps: Option<u32>,
    /// Temperature of its processor in °C.
    temperature_c: Option<f64>,
    /// What is wrong with power and temperature now: `under_voltage`, `frequency_capped`,
    /// `throttled`, `soft_temperature_limit`.
    power_now: Option<Vec<&'static str>>,
    /// The same since it booted.
    power_since_boot: Option<Vec<&'static str>>,
    /// Bytes free on the disk of its data folder.
    disk_free_bytes: Option<u64>,
    /// Size of that disk.
    disk_size_bytes: Option<u64>,
    /// What becomes of its readings: `kept`, `refused` by its disk, or `in_memory`.
    storing: Option<&'static str>,
    /// Messages that wait in its spool.
    waiting: Option<u64>,
    /// Bytes of its spool.
    spool_bytes: Option<u64>,
    /// Age of the oldest message that waits, in seconds.
    oldest_s: Option<u64>,
    /// Bytes it writes to its card in a day.
    written_bytes_a_day: Option<u64>,
    /// Signal of its wireless link in dBm.
    signal_dbm: Option<i16>,
    /// Its connections to the broker so far.
    connections: Option<u32>,
    /// From a message to the centre's acknowledgement, in seconds.
    ack_s: Option<f64>,
    /// Parts that give no value now.
    failing: Option<u16>,
    /// Times parts gave no value, by kind.
    errors: BTreeMap<&'static str, u64>,
    /// Readings that were due while it was held up.
    missed: Option<u64>,
}

/// The firmware's bits, from the lowest.
const POWER: [&str; 4] =
    ["under_voltage", "frequency_capped", "throttled", "soft_temperature_limit"];

impl HealthRow {
    pub(super) fn new(health: &Health, heard: UnixMicros, now: UnixMicros) -> Self {
        let power = |bits: u32| {
            let set = POWER.into_iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
            set.map(|(_, name)| name).collect()
        };
        let said = health.said_at.map(|s| rfc3339(UnixMicros(s.saturating_mul(1_000_000))));
        Self {
            heard: rfc3339(heard),
            age_s: age_s(heard, now),
            said,
            uptime_s: health.uptime_s,
            clock: health.clock.map(clock_name),
            clock_steps: health.clock_steps,
            temperature_c: health.temperature.map(|t| f64::from(t) / 1000.0),
            power_now: health.throttled.map(power),
            power_since_boot: health.throttled.map(|bits| power(bits >> 16)),
            disk_free_bytes: health.disk_free,
            disk_size_bytes: health.disk_size,
            storing: health.storing.map(tram_wire::Storing::name),
            waiting: health.waiting,
            spool_bytes: health.spool_bytes,
            oldest_s: health.oldest_s,
            written_bytes_a_day: health.written_a_day,
            signal_dbm: health.signal_dbm,
            connections: health.connections,
            ack_s: health.ack_ms.map(|ms| f64::from(ms) / 1000.0),
            failing: health.failing,
            errors: health.errors.iter().map(|(kind, n)| (kind.name(), n)).collect(),
            missed: health.missed,
        }
    }
}

/// How a clock stands, as it is called in answers and metrics.
pub(crate) fn clock_name(clock: ClockState) -> &'static str {
    match clock {
        ClockState::Unsynchronised { .. } => "unset",
        ClockState::Rtc => "rtc",
        ClockState::Ntp => "ntp",
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::SensorErrorKind;

    use super::*;

    #[test]
    fn what_the_firmware_says_of_power_has_names() {
        let mut health = Health { throttled: Some(0x5_0001), ..Health::default() };
        health.errors.set(SensorErrorKind::NoAnswer, 3);
        let row = HealthRow::new(&health, UnixMicros(0), UnixMicros(2_000_000));
        let row = serde_json::to_value(row).unwrap();
        assert_eq!(row["power_now"], serde_json::json!(["under_voltage"]));
        assert_eq!(row["power_since_boot"], serde_json::json!(["under_voltage", "throttled"]));
        assert_eq!(row["errors"], serde_json::json!({ "no_answer": 3 }));
        assert_eq!((&row["age_s"], &row["clock"]), (&2.0.into(), &serde_json::Value::Null));
    }
}
