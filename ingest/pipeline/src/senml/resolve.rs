//! From records with base values to readings by datastream (RFC 8428 §4.6).

use std::collections::HashMap;

use tram_wire::{ChannelName, NodeId, Quality, QualityRun, UnixMicros};

use super::{Entry, SENML_VERSION, unit};
use crate::{
    DatastreamKey, Readings, Reason,
    decode::{MAX_VALUE, Refused},
};

/// Below this a time is relative to now, at or above it is Unix time (RFC 8428 §4.5.3).
const ABSOLUTE_FROM_SECONDS: f64 = 268_435_456.0;
/// Beyond this a time is not one; well within what microseconds can count.
const MAX_SECONDS: f64 = 1e12;

/// The readings of a pack.
#[derive(Debug, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) columns: Vec<Readings>,
    /// Whether no time depends on when the pack arrived.
    pub(crate) absolute: bool,
}

/// Base values in force.
#[derive(Default)]
struct Bases<'a> {
    name: &'a str,
    time: f64,
    unit: Option<&'a str>,
    value: f64,
}

/// Resolves a pack that was received at `now`.
pub(crate) fn resolve(
    entries: &[Entry],
    node: NodeId,
    now: UnixMicros,
) -> Result<Resolved, Refused> {
    let readings = entries.iter().filter(|e| e.has_value()).count();
    let mut sink = Sink { node, now, columns: Vec::new(), places: HashMap::new(), relative: false };
    let mut bases = Bases::default();
    for (i, entry) in entries.iter().enumerate() {
        sink.take(entry, &mut bases).map_err(|refused| {
            let detail = format!("record {}: {}", i + 1, refused.detail);
            Refused { detail, ..refused }.of(readings)
        })?;
    }
    if sink.columns.is_empty() {
        return Err(Refused::new(Reason::MalformedSenml, "the pack holds no value"));
    }
    Ok(Resolved { columns: sink.columns, absolute: !sink.relative })
}

impl Entry {
    fn has_value(&self) -> bool {
        self.value.is_some() || self.other_value.is_some()
    }

    /// Whether it only sets base values for what follows.
    fn only_bases(&self) -> bool {
        !self.has_value() && self.name.is_none() && self.unit.is_none() && self.time.is_none()
    }
}

/// Where the readings gather, one column for each datastream.
struct Sink {
    node: NodeId,
    now: UnixMicros,
    columns: Vec<Readings>,
    places: HashMap<DatastreamKey, usize>,
    relative: bool,
}

impl Sink {
    fn take<'a>(&mut self, entry: &'a Entry, bases: &mut Bases<'a>) -> Result<(), Refused> {
        if entry.base_version.is_some_and(|v| !(0.0..=SENML_VERSION).contains(&v)) {
            return Err(Refused::new(Reason::Version, "a version of SenML above 10"));
        }
        bases.name = entry.base_name.as_deref().unwrap_or(bases.name);
        bases.time = entry.base_time.unwrap_or(bases.time);
        bases.unit = entry.base_unit.as_deref().or(bases.unit);
        bases.value = entry.base_value.unwrap_or(bases.value);
        if entry.only_bases() {
            return Ok(());
        }
        if let Some(kind) = entry.other_value {
            let detail = format!("it holds {kind}; only numbers are stored");
            return Err(Refused::new(Reason::NotANumber, detail));
        }
        let Some(value) = entry.value else {
            return Err(Refused::new(Reason::MalformedSenml, "it has no value"));
        };
        let name = channel(bases.name, entry.name.as_deref().unwrap_or_default())?;
        let symbol = entry.unit.as_deref().or(bases.unit).unwrap_or_default();
        let (quantity, value) = counts(name, symbol, bases.value + value)?;
        let micros = self.time(bases.time, entry.time.unwrap_or(0.0))?;
        self.push(DatastreamKey { node: self.node, channel: name, quantity }, micros, value);
        Ok(())
    }

    fn time(&mut self, base: f64, time: f64) -> Result<i64, Refused> {
        let sum = base + time;
        if !sum.is_finite() || base.abs() > MAX_SECONDS || time.abs() > MAX_SECONDS {
            return Err(Refused::new(Reason::AbsurdTime, "its time is not one"));
        }
        // Rounded apart, since the sum of a large and a small double loses microseconds.
        let micros = micros(base) + micros(time);
        if sum >= ABSOLUTE_FROM_SECONDS {
            return Ok(micros);
        }
        self.relative = true;
        Ok(self.now.plus(micros).0)
    }

    fn push(&mut self, key: DatastreamKey, micros: i64, value: i64) {
        let next = self.columns.len();
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.columns.push(Readings {
                key,
                micros: Vec::new(),
                values: Vec::new(),
                quality: vec![QualityRun { quality: Quality::NOT_EVALUATED, len: 0 }],
            });
        }
        if let Some(column) = self.columns.get_mut(place) {
            column.micros.push(micros);
            column.values.push(Some(value));
            if let Some(run) = column.quality.first_mut() {
                run.len += 1;
            }
        }
    }
}

fn channel(base: &str, name: &str) -> Result<ChannelName, Refused> {
    let full = format!("{base}{name}");
    ChannelName::new(&full).map_err(|_| {
        let shown: String = full.chars().take(80).collect();
        let detail = format!(
            "the name {shown:?} is not 1 to 64 letters, digits and -:./_ that start with a letter or digit"
        );
        Refused::new(Reason::MalformedSenml, detail)
    })
}

/// The value as counts of the quantity that name and unit stand for.
fn counts(
    name: ChannelName,
    symbol: &str,
    value: f64,
) -> Result<(tram_wire::Quantity, i64), Refused> {
    let Some(conversion) = unit::conversion(name.as_str(), symbol) else {
        let shown: String = symbol.chars().take(32).collect();
        let detail = if shown.is_empty() {
            format!("{name} has no unit")
        } else {
            format!(
                "the unit {shown:?} of {name} is not stored here, or does not say what is measured: name the channel after a quantity, such as pm2_5"
            )
        };
        return Err(Refused::new(Reason::WrongUnit, detail));
    };
    if !value.is_finite() {
        return Err(Refused::new(Reason::NotANumber, format!("{name} is not a number")));
    }
    let counts = conversion.counts(value);
    #[expect(clippy::cast_precision_loss, reason = "2^53 is exact")]
    if counts.abs() > MAX_VALUE as f64 {
        return Err(Refused::new(Reason::AbsurdValue, format!("{name} reads {value:e}")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounded and below 2^53")]
    Ok((conversion.quantity, counts as i64))
}

/// Seconds to microseconds; at most [`MAX_SECONDS`] come in.
#[expect(clippy::cast_possible_truncation, reason = "10^18 fits; a float cast saturates")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}
