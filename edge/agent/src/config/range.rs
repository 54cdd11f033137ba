//! What the parts of a station can measure at all: the ranges of their data sheets.

use std::collections::HashMap;

use tram_drivers::{dps310, rain_gauge::Contact, tmp105};
use tram_node::Span;
use tram_wire::{ChannelName, Fixed, Quantity};

use super::{Config, Named, Parts, fixed};
use crate::hal::range as echoes;

/// Half a turn in microradians: no slope tilts further.
const HALF_TURN: i64 = 3_141_593;

/// A channel of the station: what it measures, how often, and within what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here {
    pub(super) name: ChannelName,
    pub(super) quantity: Quantity,
    pub(super) interval_s: f64,
    /// In counts of the quantity; the ends of `i64` where the part knows no limit.
    pub(super) range: Span,
}

/// Every channel of a station.
pub(super) fn channels(config: &Config) -> Vec<Here> {
    let limits = limits(config);
    let mut all = Vec::new();
    let mut add = |named: Vec<Named>, interval_s: f64| {
        all.extend(named.into_iter().map(|n| {
            let unlimited = Span { low: i64::MIN, high: i64::MAX };
            let range = limits.get(&n.name).copied().unwrap_or(unlimited);
            Here { name: n.name, quantity: n.quantity, interval_s, range }
        }));
    };
    macro_rules! each {
        ($($table:ident)*) => {$(
            for p in &config.$table {
                add(p.channels(), p.interval_s());
            }
        )*};
    }
    each!(dps310 tmp105 sht4x sen5x adxl355 rain_gauge dual_loop ultrasonic);
    all
}

fn limits(config: &Config) -> HashMap<ChannelName, Span> {
    let mut all = HashMap::new();
    let mut set = |name: Option<ChannelName>, low: i64, high: i64| {
        all.extend(name.map(|name| (name, Span { low, high })));
    };
    let raw =
        |(low, high): (tram_wire::MilliCelsius, tram_wire::MilliCelsius)| (low.raw(), high.raw());
    for p in &config.dps310 {
        let (low, high) = dps310::PRESSURE_RANGE;
        set(p.pressure, low.raw(), high.raw());
        let (low, high) = raw(dps310::TEMPERATURE_RANGE);
        set(p.temperature, low, high);
    }
    for p in &config.tmp105 {
        let (low, high) = raw(tmp105::RANGE);
        set(Some(p.temperature), low, high);
    }
    for p in &config.sht4x {
        // Sensirion SHT4x data sheet, version 6, tables 1 and 2.
        set(p.temperature, -40_000, 125_000);
        set(p.humidity, 0, 100_000);
    }
    for p in &config.sen5x {
        // Sensirion SEN5x data sheet, version 2, table 1: 0 to 1000 µg/m³.
        for name in [p.pm1, p.pm2_5, p.pm4, p.pm10] {
            set(name, 0, 10_000);
        }
        set(p.temperature, -10_000, 50_000);
        set(p.humidity, 0, 100_000);
    }
    for p in &config.adxl355 {
        set(p.tilt_x, -HALF_TURN, HALF_TURN);
        set(p.tilt_y, -HALF_TURN, HALF_TURN);
    }
    for p in &config.rain_gauge {
        let between_us = Contact::default().minimum_interval_us;
        let between_s = u32::try_from(between_us).map_or(1.0, f64::from) / 1e6;
        let tips = (p.interval_s / between_s).ceil().clamp(1.0, 1e6);
        set(p.rain, 0, i64::from(fixed(p.tip_mm * tips, 100.0)));
        set(p.intensity, 0, i64::MAX);
    }
    for p in &config.dual_loop {
        set(p.count, 0, i64::MAX);
        set(p.speed, 0, i64::MAX);
        set(p.occupancy, 0, 1_000);
    }
    for p in &config.ultrasonic {
        let (range, datum) = (echoes(p), i64::from(fixed(p.datum_m, 1000.0)));
        let level = |distance: tram_wire::Millimetre| datum.saturating_sub(distance.raw());
        set(Some(p.water_level), level(range.farthest), level(range.nearest));
    }
    all
}
