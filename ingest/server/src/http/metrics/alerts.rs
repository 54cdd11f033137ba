//! The alarms and their notifications.

use super::{App, catalogue as c, page::Page};
use crate::{alarms::Alarms, clock};

/// Puts what the rules have done and who was told.
pub(super) fn put(page: &mut Page, app: &App, alarms: &Alarms) {
    let (position, cursor) = app.ledger.alerts();
    page.put(&c::ALERTS_POSITION, &[], position);
    page.put(&c::ALERTS_CURSOR, &[], cursor);
    let rules = app.rules.standing();
    page.put(&c::RULES, &[], rules.rules as u64);
    page.put(&c::RULES_TAKEN, &[], rules.taken_total);
    page.put(&c::RULES_REFUSED, &[], rules.refused_total);
    page.put(&c::RULES_STALE, &[], u64::from(rules.refused.is_some()));
    let counters = alarms.alerts().counters();
    let n = match counters {
        Ok(counters) => counters,
        Err(error) => {
            tracing::error!(%error, "the alarms cannot be counted");
            return;
        }
    };
    for (metric, value) in [
        (&c::OBSERVATIONS, n.observations_total),
        (&c::TRANSITIONS, n.transitions_total),
        (&c::EPISODES_REFUSED, n.episodes_refused_total),
        (&c::STATIONS_REFUSED, n.stations_refused_total),
        (&c::LATE_READINGS, n.late_readings_total),
        (&c::OVERFLOW_READINGS, n.overflowed_readings_total),
        (&c::STATES_LOST, n.states_lost_total),
        (&c::STATES, n.states),
        (&c::ALARMS_OPEN, n.open_episodes),
        (&c::CAP_UNSOUND, n.unsound_messages),
        (&c::DELIVERIES_PENDING, n.pending_deliveries),
        (&c::DELIVERIES_DONE, n.delivered_total),
        (&c::DELIVERIES_FAILED, n.failed_total),
        (&c::DELIVERIES_GIVEN_UP, n.given_up_total),
        (&c::NOTICES, n.notices_total),
        (&c::ESCALATIONS, n.escalations_total),
        (&c::TELLINGS_REFUSED, n.tellings_refused_total),
        (&c::TELLINGS_WAITING, n.waiting_tellings),
    ] {
        page.put(metric, &[], value);
    }
    let channels = alarms.alerts().channels(clock::now());
    for channel in channels.unwrap_or_default() {
        page.put(&c::CHANNEL_PROVED, &[&channel.name], u64::from(channel.proved));
    }
}
