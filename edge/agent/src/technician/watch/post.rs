//! The parts while somebody watches: each is read when its time has come, none waits for another.

use std::{collections::HashMap, time::Duration};

use tram_node::{Measured, Qc};
use tram_wire::{ChannelName, MilliCelsius, Tests, UptimeMicros};

use super::gauge::Gauge;
use crate::{
    clock::Moment,
    sensor::{Ask, Mounted, Reading},
};

/// A reading takes this long at most.
const READING_US: u64 = 2_000_000;

/// One part.
pub(super) struct Post {
    mounted: Mounted,
    /// For each key, the position of its channel.
    channels: Vec<(&'static str, usize)>,
    every_us: u64,
    due: UptimeMicros,
    until: Option<UptimeMicros>,
    /// Why the last reading failed.
    pub(super) trouble: Option<String>,
}

/// The channels, with what judges them.
pub(super) struct Watched {
    pub(super) gauges: Vec<Gauge>,
    pub(super) qcs: Vec<Qc>,
    /// For parts that are corrected with the temperature of the air.
    pub(super) latest: HashMap<ChannelName, i64>,
}

impl Post {
    pub(super) fn new(
        mounted: Mounted,
        channels: Vec<(&'static str, usize)>,
        every: Duration,
        now: UptimeMicros,
    ) -> Self {
        let every_us = u64::try_from(every.as_micros()).unwrap_or(u64::MAX);
        Self { mounted, channels, every_us, due: now, until: None, trouble: None }
    }

    /// The part and its place.
    pub(super) fn place(&self) -> &str {
        &self.mounted.place
    }

    /// The positions of its channels.
    pub(super) fn positions(&self) -> impl Iterator<Item = usize> {
        self.channels.iter().map(|(_, position)| *position)
    }

    /// Looks at the part; `true` when there is a new reading.
    pub(super) fn look(&mut self, now: Moment, watched: &mut Watched) -> bool {
        let uptime = now.uptime;
        if let Err(e) = self.mounted.source.poll(uptime) {
            self.trouble = Some(e.to_string());
        }
        if self.until.is_none() && uptime >= self.due {
            self.due = uptime.plus(self.every_us);
            self.until = Some(uptime.plus(READING_US));
            self.mounted.source.begin();
        }
        let Some(until) = self.until else { return false };
        let last_chance = uptime >= until;
        let air = self.mounted.air_from.and_then(|from| watched.latest.get(&from));
        let air = air.and_then(|t| i32::try_from(*t).ok()).map(MilliCelsius);
        let values = match self.mounted.source.read(Ask { uptime, last_chance, air }) {
            Reading::Later if !last_chance => return false,
            Reading::Later => Err("the part did not finish in time".to_owned()),
            Reading::Values(values) => Ok(values),
            // A part that was just switched on fails once or twice.
            Reading::Failed(_) if !last_chance => return false,
            Reading::Failed(failure) => Err(failure.to_string()),
        };
        self.until = None;
        self.trouble = values.as_ref().err().cloned();
        let values = values.unwrap_or_default();
        for (key, channel) in &self.channels {
            let value = values.iter().find(|(k, _)| k == key).map(|(_, m)| *m);
            watched.take(*channel, value, now);
        }
        true
    }
}

impl Watched {
    fn take(&mut self, channel: usize, value: Option<Measured<i64>>, now: Moment) {
        let value = value.unwrap_or_else(|| Measured::missing(Tests::SENSOR_ERROR));
        let (Some(gauge), Some(qc)) = (self.gauges.get_mut(channel), self.qcs.get_mut(channel))
        else {
            return;
        };
        let quality = qc.check(now.micros(), value.value, value.quality);
        gauge.take(value, quality);
        if let Some(value) = value.value.filter(|_| quality.usable()) {
            self.latest.insert(gauge.name, value);
        }
    }
}
