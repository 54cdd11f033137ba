//! The log, the store behind it, and the disk beneath.

use super::{App, catalogue as c, page::Page};
use crate::{
    clock,
    ledger::Inner,
    machine::{Disk, Files},
};

/// Puts how the log, the store and the disk stand.
pub(super) fn put(page: &mut Page, app: &App, picture: &Inner) {
    let (log, store, sealing) = (picture.log, app.store.stats(), app.ledger.sealing());
    page.put(&c::LOG_WRITABLE, &[], u64::from(app.ledger.log_state(clock::instant()).is_ok()));
    page.put(&c::LOG_LAST, &[], log.last);
    page.put(&c::LOG_TRIMMED, &[], log.trimmed);
    page.put(&c::LOG_BYTES, &[], log.bytes);
    page.put(&c::COMMITTED_BYTES, &[], picture.committed_bytes);
    page.put(&c::RECEIVED_BYTES, &[], picture.tally.bytes);
    page.put(&c::SEALED_BYTES, &[], sealing.bytes);
    page.put(&c::SEALED, &[], sealing.readings);
    page.put(&c::SEALED_DUPLICATES, &[], sealing.duplicates);
    page.put(&c::SEAL_FAILURES, &[], sealing.failures);
    let kept = sealing.keeping;
    page.put(&c::ROLLED, &[], kept.readings);
    page.put(&c::MERGED, &[], kept.merged_chunks);
    page.put(&c::DELETED_FILES, &["readings"], kept.deleted_days);
    page.put(&c::DELETED_FILES, &["rollups"], kept.deleted_rollups);
    page.put(&c::DELETED_BYTES, &[], kept.deleted_bytes);
    page.put(&c::FREED_BYTES, &[], kept.freed_bytes);
    page.put(&c::KEEP_FAILURES, &[], sealing.keep_failures);
    page.put(&c::UNROLLED, &[], store.unrolled);
    page.put(&c::EXPIRED, &[], store.expired_readings);
    page.put(&c::DAMAGED_ROLLUPS, &[], store.damaged_rollups);
    page.put(&c::LOST_ROLLUPS, &[], kept.lost_rollups);
    page.put(&c::HEAD, &[], store.head_readings);
    page.put(&c::DATASTREAMS, &[], store.datastreams);
    page.put(&c::NOT_SHOWN, &[], app.board.not_shown());
    page.put(&c::QUARANTINE_MESSAGES, &[], store.quarantined_messages);
    page.put(&c::QUARANTINE_DROPPED, &[], store.quarantine_dropped);
    let found = &app.beginning.found;
    page.put(&c::RECOVERED_ENTRIES, &[], found.entries);
    page.put(&c::RECOVERED_READINGS, &[], found.readings);
    page.put(&c::RECOVERED_CORRUPT, &[], found.corrupt_entries);
    page.put(&c::DAMAGES, &[], store.damages);
    page.put(&c::RECOVERY_SECONDS, &[], app.beginning.opening.as_secs_f64());

    if let Some(disk) = Disk::of(&app.data) {
        page.put(&c::DISK_FREE, &[], disk.free_bytes);
        page.put(&c::DISK_SIZE, &[], disk.size_bytes);
    }
    let files = Files::of(&app.data);
    for (part, bytes) in files.parts() {
        page.put(&c::DATA_BYTES, &[part], bytes);
    }
    page.put(&c::DATA_FILES, &[], files.count);
}
