//! The broker, the door of the embedded one, who this centre is behind it, and the open pages.

use std::sync::atomic::Ordering::Relaxed;

use super::{App, catalogue as c, page::Page};
use crate::{clock, enrol::Outcome};

/// Puts who is connected and who was refused.
pub(super) fn put(page: &mut Page, app: &App) {
    let replica = &app.replica;
    let (id, acknowledges) = (replica.id.to_string(), replica.acknowledges.to_string());
    page.put(&c::REPLICA, &[&id, &replica.name, &replica.share, &acknowledges], 1);
    page.put(&c::ACKS_HEARD, &[], app.ledger.heard_acks());
    page.put(&c::BROKER_CONNECTED, &[], u64::from(app.link.state().is_ok()));
    page.put(&c::BROKER_CONNECTIONS, &[], app.link.connections());
    if let Some(broker) = &app.broker {
        let stats = &broker.stats;
        page.put(&c::BROKER_CLIENTS, &[], stats.clients_connected.load(Relaxed));
        page.put(&c::BROKER_LOGINS, &[], stats.clients_total.load(Relaxed));
        for (direction, n) in [("in", &stats.publish_received), ("out", &stats.publish_sent)] {
            page.put(&c::BROKER_PUBLISHES, &[direction], n.load(Relaxed));
        }
        let refused = &broker.door.counters;
        for (what, counter) in [
            ("connection", &refused.connections_refused),
            ("publish", &refused.publishes_refused),
            ("subscription", &refused.subscriptions_refused),
            ("revoked", &refused.revoked),
        ] {
            page.put(&c::BROKER_REFUSED, &[what], counter.load(Relaxed));
        }
        // Without encryption, the broker tells by its log alone that there are too many.
        let heard: u64 = app.journal.heard().map(|(_, n)| n).sum();
        let over_limit = refused.over_limit.load(Relaxed).saturating_add(heard);
        page.put(&c::BROKER_TURNED_AWAY, &["handshake"], refused.handshakes_failed.load(Relaxed));
        page.put(&c::BROKER_TURNED_AWAY, &["limit"], over_limit);
        page.put(&c::BROKER_CUT, &[], refused.connections_cut.load(Relaxed));
    }
    if let Some(office) = &app.office {
        page.put(&c::NODES_ENROLLED, &[], office.count(clock::now()) as u64);
        for outcome in Outcome::ALL {
            page.put(&c::ENROLMENTS, &[outcome.name()], office.counted(outcome));
        }
    }
    page.put(&c::LIVE_CLIENTS, &[], app.hub.clients());
    page.put(&c::LIVE_REFUSED, &[], app.hub.refused());
}
