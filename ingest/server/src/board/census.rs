//! The stations, counted.

use tram_wire::{Health, NodeId, UnixMicros};

use super::{
    health::clock_name,
    station::{Entry, Freshness},
};

/// The stations, counted.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// How many there are.
    pub(crate) stations: usize,
    /// How many say that they are connected.
    pub(crate) online: usize,
    /// Of the first of them, the time of the newest reading.
    pub(crate) last_seen: Vec<(NodeId, UnixMicros)>,
    /// Of the first of them, how those that are connected say they are.
    pub(crate) health: Vec<(NodeId, Health)>,
    /// How many of all that are connected have a clock that stands so: unset, RTC, NTP.
    clocks: [usize; CLOCKS.len()],
    by_state: [usize; Freshness::ALL.len()],
}

/// How a clock may stand.
const CLOCKS: [&str; 3] = ["unset", "rtc", "ntp"];

impl Census {
    pub(super) fn of(stations: &[Entry], now: UnixMicros, named: usize) -> Self {
        let mut census = Self { stations: stations.len(), ..Self::default() };
        for (i, entry) in stations.iter().enumerate() {
            census.online += usize::from(entry.online);
            if let Some(n) = census.by_state.get_mut(entry.freshness(now) as usize) {
                *n += 1;
            }
            let health = entry.health.as_ref().filter(|_| entry.online).map(|told| told.1);
            let clock = health.and_then(|h| h.clock).map(clock_name);
            let clock =
                CLOCKS.iter().zip(&mut census.clocks).find(|(name, _)| Some(**name) == clock);
            if let Some((_, n)) = clock {
                *n += 1;
            }
            if i < named {
                let id = entry.station.id;
                census.last_seen.extend(entry.last_seen.map(|seen| (id, seen)));
                census.health.extend(health.map(|health| (id, health)));
            }
        }
        census
    }

    /// How many of the stations that are connected have a clock that stands so.
    pub(crate) fn clocks(&self) -> impl Iterator<Item = (&'static str, usize)> {
        CLOCKS.into_iter().zip(self.clocks)
    }

    /// How many stations are in each state.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&'static str, usize)> {
        Freshness::ALL.into_iter().map(Freshness::name).zip(self.by_state)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Station;

    use super::*;

    #[test]
    fn every_station_is_in_one_state() {
        let now = UnixMicros(1_000_000_000_000);
        let stations: Vec<Entry> = [None, Some(0), Some(now.0), Some(now.0)]
            .into_iter()
            .enumerate()
            .map(|(i, seen)| {
                let id = NodeId::new(&format!("s{i}")).unwrap();
                let mut entry = Entry::new(Station::registered(id));
                entry.last_seen = seen.map(UnixMicros);
                entry.online = i == 3;
                let clock = Some(tram_wire::ClockState::Rtc);
                entry.says(Health { clock, ..Health::default() }, now, 1);
                entry
            })
            .collect();
        let census = Census::of(&stations, now, 3);
        let states: Vec<_> = census.states().collect();
        assert_eq!(states, [("fresh", 2), ("late", 0), ("lost", 1), ("never", 1)]);
        assert_eq!((census.stations, census.online, census.last_seen.len()), (4, 1, 2));
        let clocks: Vec<_> = census.clocks().collect();
        assert_eq!(clocks, [("unset", 0), ("rtc", 1), ("ntp", 0)], "one is connected");
        assert!(census.health.is_empty(), "and has no label");
    }
}
