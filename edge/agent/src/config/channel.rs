//! A channel of a station: what the file says of it, and whether that makes sense.

use tram_node::{FlatLine, Limits, Span};
use tram_rules::Decimal;
use tram_wire::Text;

use super::{ChannelTable, Named, check::Check, seconds};
use crate::births::About;

/// Readings further apart than so many intervals are not compared with each other.
const GAP_INTERVALS: f64 = 5.0;

/// A channel with all that is said about it.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) about: About,
    pub(crate) limits: Limits,
    pub(crate) interval_s: f64,
}

impl Check<'_> {
    /// The channels with all that is said about them.
    pub(super) fn channels(&mut self) -> Vec<Channel> {
        let config = &self.document.value;
        for name in config.channel.keys() {
            if !self.named.iter().any(|(n, ..)| n.name.as_str() == name) {
                let known: Vec<_> = self.named.iter().map(|(n, ..)| n.name.as_str()).collect();
                let fix = format!("channels of this station: {}", known.join(", "));
                let message = format!("no part measures a channel `{name}`");
                self.found.push(self.document.mistake(&format!("channel.{name}"), message, fix));
            }
        }
        let named = self.named.clone();
        named.iter().map(|(n, place, interval)| self.channel(n, place, *interval)).collect()
    }

    fn channel(&mut self, named: &Named, place: &str, interval_s: f64) -> Channel {
        let document = self.document;
        let nothing = ChannelTable::default();
        let table = document.value.channel.get(named.name.as_str()).unwrap_or(&nothing);
        let key = format!("channel.{}", named.name);
        let position = self.short(&format!("{key}.position"), &table.position);
        let calibration = self.short(&format!("{key}.calibration"), &table.calibration);
        let sensor = Text::new(place).unwrap_or_else(|_| Text::new("").expect("empty fits"));
        let mut counts = |field: &str, value: Option<Decimal>| {
            let value = value?;
            let counts = value.counts(named.quantity);
            if counts.is_none() {
                let q = named.quantity;
                let fix = format!(
                    "write a number of {} with {} decimals at most",
                    q.unit(),
                    q.decimals()
                );
                self.mistake(&format!("{key}.{field}"), "the number is too fine or too large", fix);
            }
            counts
        };
        let low = counts("lowest", table.lowest);
        let high = counts("highest", table.highest);
        let spike = counts("spike", table.spike);
        let rate_per_hour = counts("change_per_hour", table.change_per_hour);
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            self.mistake(&format!("{key}.lowest"), "is above `highest`", "exchange the two");
        }
        let place = (low.is_some() || high.is_some())
            .then(|| Span { low: low.unwrap_or(i64::MIN), high: high.unwrap_or(i64::MAX) });
        let micros = |s: u32| i64::from(s) * 1_000_000;
        let flat = table.still_s.map(|s| FlatLine { within: 0, after_us: micros(s) });
        let gap = seconds((interval_s * GAP_INTERVALS).clamp(0.0, 1e6));
        let gap_us = i64::try_from(gap.as_micros()).ok();
        Channel {
            about: About {
                name: named.name,
                quantity: named.quantity,
                resolution: 0,
                sensor,
                position,
                calibration,
            },
            limits: Limits { sensor: None, place, spike, rate_per_hour, flat, gap_us },
            interval_s,
        }
    }

    fn short(&mut self, key: &str, text: &str) -> Text<64> {
        Text::new(text).unwrap_or_else(|_| {
            self.mistake(key, "the text is too long", "write 64 bytes at most");
            Text::new("").expect("an empty text fits")
        })
    }
}
