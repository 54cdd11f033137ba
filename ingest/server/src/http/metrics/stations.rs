//! The stations.

use tram_wire::{Health, NodeId, Storing};

use super::{App, catalogue as c, metric::Metric, page::Page, program::unix_seconds};
use crate::clock;

/// A number of a node's health.
type Told = (&'static Metric, fn(&Health) -> Option<f64>);

/// The most stations with a label of their own; the others are counted.
const MAX_LABELLED: usize = 1_000;

/// Puts how the stations are.
pub(super) fn put(page: &mut Page, app: &App) {
    let census = app.board.census(clock::now(), MAX_LABELLED);
    page.put(&c::STATIONS, &[], census.stations);
    for (state, n) in census.states() {
        page.put(&c::STATIONS_BY_STATE, &[state], n);
    }
    page.put(&c::STATIONS_ONLINE, &[], census.online);
    for (station, seen) in &census.last_seen {
        page.put(&c::STATION_LAST_SEEN, &[station.as_str()], unix_seconds(*seen));
    }
    for (clock, n) in census.clocks() {
        page.put(&c::STATIONS_CLOCK, &[clock], n);
    }
    health(page, &census.health);
    let unlabelled = census.stations.saturating_sub(MAX_LABELLED);
    page.put(&c::STATIONS_UNLABELLED, &[], unlabelled);
}

/// Every number that is put as it is told.
#[expect(clippy::cast_precision_loss, reason = "counts and bytes within 53 bits")]
const NUMBERS: [Told; 14] = [
    (&c::NODE_UPTIME, |h| h.uptime_s.map(|n| n as f64)),
    (&c::NODE_TEMPERATURE, |h| h.temperature.map(|t| f64::from(t) / 1000.0)),
    (&c::NODE_THROTTLED, |h| h.throttled.map(f64::from)),
    (&c::NODE_DISK_FREE, |h| h.disk_free.map(|n| n as f64)),
    (&c::NODE_STORING, |h| h.storing.map(|s| f64::from(u8::from(s == Storing::Kept)))),
    (&c::NODE_WAITING, |h| h.waiting.map(|n| n as f64)),
    (&c::NODE_OLDEST, |h| h.oldest_s.map(|n| n as f64)),
    (&c::NODE_WRITTEN, |h| h.written_a_day.map(|n| n as f64)),
    (&c::NODE_SIGNAL, |h| h.signal_dbm.map(f64::from)),
    (&c::NODE_CONNECTIONS, |h| h.connections.map(f64::from)),
    (&c::NODE_ACK, |h| h.ack_ms.map(|ms| f64::from(ms) / 1000.0)),
    (&c::NODE_FAILING, |h| h.failing.map(f64::from)),
    (&c::NODE_MISSED, |h| h.missed.map(|n| n as f64)),
    (&c::NODE_CLOCK_STEPS, |h| h.clock_steps.map(f64::from)),
];

/// Puts how the nodes say they are.
fn health(page: &mut Page, nodes: &[(NodeId, Health)]) {
    for (metric, number) in NUMBERS {
        for (node, health) in nodes {
            if let Some(number) = number(health) {
                page.put(metric, &[node.as_str()], number);
            }
        }
    }
    for (node, health) in nodes {
        for (kind, count) in health.errors.iter() {
            page.put(&c::NODE_ERRORS, &[node.as_str(), kind.name()], count);
        }
    }
}
