//! What a part feels: the world's truth, bent by the part's faults.

use std::collections::BTreeMap;

use tram_wire::ChannelName;

use crate::{Part, Signal, World, fault::Faults};

/// What time and misfortune have done to a part's senses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bias {
    /// Counts per hour, and since when.
    pub(crate) drift: Option<(i64, u64)>,
    /// Values that no longer move.
    pub(crate) stuck: Option<BTreeMap<Signal, f64>>,
}

/// A part's view of the world at one moment.
pub(crate) struct Sense<'a> {
    pub(crate) world: &'a World,
    pub(crate) part: &'a Part,
    pub(crate) bias: &'a Bias,
    pub(crate) faults: &'a Faults,
    /// The channel of the station's own thermometer: a part that feels the air only by the way,
    /// as an echo does, feels the same air.
    pub(crate) air: Option<&'a ChannelName>,
}

const HOUR_US: f64 = 3.6e9;

impl Sense<'_> {
    pub(crate) fn now(&self) -> u64 {
        self.world.elapsed()
    }

    /// What a conversion that ended at `conversion` found, in counts of the signal's resolution;
    /// `None` when the recording says that the sensor gave nothing.
    pub(crate) fn value(&self, signal: Signal, conversion: u64) -> Option<f64> {
        if let Some(stuck) = &self.bias.stuck {
            return stuck.get(&signal).copied();
        }
        let at = self.world.measured_at(conversion);
        let truth = match self.part.channel(signal) {
            Some(own) => self.world.value_at(signal, Some(own), at)?,
            None => {
                let shared = self.air.filter(|_| signal == Signal::AirTemperature);
                let there = self.world.value_at(signal, shared, at);
                there.or_else(|| self.world.value_at(signal, None, at))?
            }
        };
        let drift = self.bias.drift.map_or(0.0, |(counts_per_hour, since)| {
            counts_per_hour as f64 * at.saturating_sub(since) as f64 / HOUR_US
        });
        Some(truth + drift)
    }

    /// Whether the recording says that this part gave nothing now.
    pub(crate) fn absent(&self) -> bool {
        self.part.feeds.iter().any(|(signal, channel)| {
            let felt = self.part.kind.signals().contains(signal);
            felt && self.world.value(*signal, Some(channel)).is_none()
        })
    }
}
