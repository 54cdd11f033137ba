//! What became of every reading.

use tram_pipeline::{DeferReason, Reason};

use super::{App, catalogue as c, page::Page};
use crate::ledger::{Class, Inner};

/// Puts the counters that balance, and what goes with them.
pub(super) fn put(page: &mut Page, app: &App, picture: &Inner) {
    let (counters, tally) = (&picture.counters, &picture.tally);
    page.put(&c::MESSAGES, &[], tally.messages);
    page.put(&c::BACKLOG, &[], tally.backlog);
    page.put(&c::RECEIVED, &[], counters.received);
    page.put(&c::STORED, &[], counters.stored);
    page.put(&c::DUPLICATE, &[], counters.duplicate);
    page.put(&c::PENDING, &[], counters.pending);
    for reason in Reason::ALL {
        page.put(&c::QUARANTINED, &[reason.name()], counters.quarantined(reason));
    }
    for reason in DeferReason::ALL {
        page.put(&c::DEFERRED, &[reason.name()], counters.deferred(reason));
    }
    for class in Class::ALL {
        for (first, on_disk) in [("stored", true), ("pending", false)] {
            let n = tally.duplicates(class, on_disk);
            page.put(&c::DUPLICATE_MESSAGES, &[class.name(), first], n);
        }
    }
    for (cause, n) in tally.losses() {
        page.put(&c::NODE_LOSSES, &[cause.name()], n);
    }
    page.put(&c::SPOOLS_FORGOTTEN, &[], counters.forgotten);
    page.put(&c::ACKS_DROPPED, &[], app.link.mailbox.dropped());
}
