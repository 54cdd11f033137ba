//! The stations.

use super::{App, catalogue as c, page::Page, program::unix_seconds};
use crate::clock;

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
    let unlabelled = census.stations.saturating_sub(MAX_LABELLED);
    page.put(&c::STATIONS_UNLABELLED, &[], unlabelled);
}
