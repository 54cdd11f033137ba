//! Which channels of which stations a rule follows, and how their levels make one.
//!
//! Each is a track with a number: for one station after the other, first the rule's `channels`,
//! then those of each condition in `also`, with as many places as the rule has channels.

use tram_wire::{ChannelName, NodeId, Quantity};

use crate::{Also, Need, Of, Rule, Selector};

/// How the tracks of a rule are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Channels of a station.
    channels: usize,
    /// Conditions in `also`; those with one channel for all, as bits.
    also: usize,
    shared: u8,
    stations: usize,
    channels_needed: usize,
    stations_needed: usize,
}

/// What a track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) station: usize,
    /// 0 for the rule's own channels, then the conditions.
    pub(crate) part: usize,
    pub(crate) channel: usize,
}

impl Layout {
    pub(crate) fn new(rule: &Rule) -> Self {
        let needed = |of, all| match &rule.combine {
            Some(combine) if combine.of == of => combine.need.of(all),
            _ => Need::Any.of(all),
        };
        let channels = rule.channels.len().max(1);
        let stations = rule.group().map_or(1, |_| rule.stations.len().max(1));
        let shared = rule.also.iter().zip(0..8_u8);
        Self {
            channels,
            also: rule.also.len(),
            shared: shared
                .fold(0, |bits, (also, n)| bits | u8::from(also.channels.len() < channels) << n),
            stations,
            channels_needed: needed(Of::Channels, channels),
            stations_needed: needed(Of::Stations, stations),
        }
    }

    fn of_station(&self) -> usize {
        self.channels.saturating_mul(self.also + 1)
    }

    /// How many tracks there are.
    pub(crate) fn len(&self) -> usize {
        self.stations.saturating_mul(self.of_station())
    }

    /// What the track `number` is.
    pub(crate) fn place(&self, number: usize) -> Place {
        let within = number % self.of_station();
        Place {
            station: number / self.of_station(),
            part: within / self.channels,
            channel: within % self.channels,
        }
    }

    fn number(&self, place: Place) -> usize {
        place.station * self.of_station() + place.part * self.channels + place.channel
    }

    /// The level that all tracks together make, given the level of each.
    pub(crate) fn level(&self, track: impl Fn(usize) -> u8) -> u8 {
        let channel = |station: usize, channel: usize| {
            let held = (0..self.also).all(|also| {
                let shared = self.shared >> also & 1 == 1;
                let channel = if shared { 0 } else { channel };
                track(self.number(Place { station, part: also + 1, channel })) > 0
            });
            if held { track(self.number(Place { station, part: 0, channel })) } else { 0 }
        };
        let station = |station: usize| {
            let levels = (0..self.channels).map(|n| channel(station, n));
            reached_by(self.channels_needed, levels)
        };
        reached_by(self.stations_needed, (0..self.stations).map(station))
    }
}

/// The highest level that at least `needed` of `levels` have reached.
fn reached_by(needed: usize, levels: impl Iterator<Item = u8> + Clone) -> u8 {
    if needed == 1 {
        return levels.max().unwrap_or(0);
    }
    let reached = |level: &u8| levels.clone().filter(|l| l >= level).count() >= needed;
    (1..=5).rev().find(reached).unwrap_or(0)
}

impl Rule {
    /// The tracks that a reading of this channel belongs to; none when there are no levels.
    pub(crate) fn tracks<'a>(
        &'a self,
        station: &NodeId,
        channel: &'a ChannelName,
        quantity: Option<Quantity>,
    ) -> impl Iterator<Item = u8> + 'a {
        let layout = Layout::new(self);
        let named = Selector::One(*station);
        let station = match self.group() {
            Some(_) => self.stations.iter().position(|s| *s == named).unwrap_or(usize::MAX),
            None => 0,
        };
        let own = self.channels.iter().enumerate().map(|(n, c)| (0, n, c));
        let also = self.also.iter().enumerate().flat_map(|(part, also): (usize, &Also)| {
            also.channels.iter().enumerate().map(move |(n, c)| (part + 1, n, c))
        });
        let none = self.levels.is_empty() || station == usize::MAX;
        own.chain(also)
            .filter(move |(part, n, c)| {
                let measures = self.quantity_of(*part, *n);
                let other = quantity.is_some_and(|q| measures.is_some_and(|m| m != q));
                !none && !other && **c == Selector::One(*channel)
            })
            .filter_map(move |(part, channel, _)| {
                u8::try_from(layout.number(Place { station, part, channel })).ok()
            })
    }

    /// What a channel of the rule measures: of its own, or of a condition in `also`.
    fn quantity_of(&self, part: usize, channel: usize) -> Option<Quantity> {
        match part.checked_sub(1) {
            Some(also) => self.also.get(also).and_then(|also| also.quantity),
            None => self.quantities.get(channel).copied().or(self.quantity),
        }
    }

    /// What the rule takes a channel to measure, where its file says so.
    #[must_use]
    pub fn channel_quantity(&self, channel: &ChannelName) -> Option<Quantity> {
        let named = Selector::One(*channel);
        let own = self.channels.iter().position(|c| *c == named).map(|n| (0, n));
        let also = || {
            self.also.iter().enumerate().find_map(|(part, also)| {
                also.channels.iter().position(|c| *c == named).map(|n| (part + 1, n))
            })
        };
        own.or_else(also).and_then(|(part, n)| self.quantity_of(part, n))
    }

    /// The name of a track's channel.
    pub(crate) fn channel_of(&self, track: u8) -> Option<ChannelName> {
        let place = Layout::new(self).place(usize::from(track));
        let channels = match place.part.checked_sub(1) {
            Some(also) => &self.also.get(also)?.channels,
            None => &self.channels,
        };
        match channels.get(place.channel)? {
            Selector::One(name) => Some(*name),
            Selector::All => None,
        }
    }

    /// Whether a reading of this quantity on this channel is one the rule looks at.
    pub(crate) fn wants(&self, channel: &ChannelName, quantity: Quantity) -> bool {
        let own = self.channels.iter().enumerate().map(|(n, c)| (0, n, c));
        let also = self.also.iter().enumerate().flat_map(|(part, also)| {
            also.channels.iter().enumerate().map(move |(n, c)| (part + 1, n, c))
        });
        own.chain(also).any(|(part, n, c)| {
            c.selects(channel) && self.quantity_of(part, n).is_none_or(|q| q == quantity)
        })
    }
}
