//! The engines elsewhere.

use tram_store::sink::{self, SinkCounters};

use super::{App, catalogue as c, metric::Metric, page::Page};
use crate::ledger::Inner;

/// Takes one of a sink's counters.
type Count = fn(&SinkCounters) -> u64;

/// Puts how far each engine is and what it did not take.
pub(super) fn put(page: &mut Page, app: &App, picture: &Inner) {
    let last = picture.log.last;
    let sinks: Vec<_> = app.sinks.iter().map(|s| (s.name.as_str(), s.picture())).collect();
    for (name, picture) in &sinks {
        let lag = last.0.saturating_sub(picture.written.0).max(0);
        page.put(&c::SINK_LAG, &[name], lag);
    }
    for (name, picture) in &sinks {
        page.put(&c::SINK_UP, &[name], u64::from(picture.up));
    }
    for (name, picture) in &sinks {
        for why in sink::Refusal::ALL {
            page.put(&c::SINK_REFUSED, &[name, why.name()], picture.counters.refused(why));
        }
    }
    let counters: [(&Metric, Count); 4] = [
        (&c::SINK_WRITTEN, |n| n.written),
        (&c::SINK_RETRIES, |n| n.retries),
        (&c::SINK_REPLAYS, |n| n.replays),
        (&c::SINK_LOST, |n| n.lost_entries),
    ];
    for (metric, count) in counters {
        for (name, picture) in &sinks {
            page.put(metric, &[name], count(&picture.counters));
        }
    }
}
