//! How late everything behind the log is.

use tram_store::LogId;

use super::{App, catalogue as c, page::Page, program::unix_seconds};
use crate::{clock, ledger::Inner};

/// Puts the times of commits, and how far each consumer of the log is.
pub(super) fn put(page: &mut Page, app: &App, picture: &Inner) {
    page.histogram(&c::COMMIT, &[], &picture.commit);
    page.histogram(&c::APPEND, &[], &picture.write);
    page.histogram(&c::ACK, &[], &picture.arrival_to_ack);
    page.put(&c::LAST_COMMIT, &[], picture.last_commit.map_or(0.0, unix_seconds));

    let (last, now) = (picture.log.last, clock::now());
    let consumers = consumers(app);
    for (name, position) in &consumers {
        let lag = last.0.saturating_sub(position.0).max(0);
        page.put(&c::LAG_ENTRIES, &[name], lag);
    }
    for (name, position) in &consumers {
        let lag = app.ledger.lag(*position, last, now);
        page.put(&c::LAG_SECONDS, &[name], lag.as_secs_f64());
    }
}

/// Every consumer of the log and how far it is.
fn consumers(app: &App) -> Vec<(String, LogId)> {
    let mut consumers = vec![
        ("seal".to_owned(), app.ledger.sealing().through),
        ("live".to_owned(), app.ledger.live()),
    ];
    if app.alarms.is_some() {
        let (position, _) = app.ledger.alerts();
        consumers.push(("alerts".to_owned(), position));
    }
    let sinks = app.sinks.iter().map(|s| (s.consumer.clone(), s.picture().written));
    consumers.extend(sinks);
    consumers
}
