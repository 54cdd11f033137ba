//! Disks that are full, locked, read-only or not what they were.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tram_wire::UnixMicros;

use super::{NOW, all, batch, born, key, open, receive, record, series, store};
use crate::{LogId, Options, Store, StoreError};

fn refused(dir: &Path) -> StoreError {
    Store::open(dir, Options::default()).expect_err("the store must not open")
}

/// The database behind the store's back, its pages checked all the same.
pub(super) fn behind(path: &Path) -> Connection {
    tram_pages::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

#[test]
fn a_second_process_is_told_that_the_first_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let error = refused(dir.path());
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert!(error.to_string().contains("another process"), "{error}");
    drop(first);
    open(dir.path());
}

#[test]
fn a_file_that_is_no_database_is_put_aside_and_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("log.db"), vec![b'x'; 8192]).unwrap();
    let opened = open(dir.path());
    let found = &opened.recovery.findings[0];
    assert!(found.file == "log.db" && found.what.contains("kept as log.db.damaged-1"), "{found:?}");
    let aside = std::fs::read(dir.path().join("log.db.damaged-1")).unwrap();
    assert_eq!(aside, vec![b'x'; 8192]);
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let db = behind(&dir.path().join("log.db"));
    db.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(db);
    assert!(matches!(refused(dir.path()), StoreError::Version { found: 99, .. }));
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("store");
    std::fs::create_dir(&folder).unwrap();
    let mut permissions = std::fs::metadata(&folder).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&folder, permissions).unwrap();
    if std::fs::write(folder.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write into a read-only folder");
        return;
    }
    assert!(matches!(refused(&folder), StoreError::ReadOnly { .. }));
}

#[test]
fn a_file_where_the_folder_should_be_is_an_error_not_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(refused(&path), StoreError::Io { .. }));
}

#[test]
fn on_a_full_disk_nothing_is_written_and_the_call_may_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    let pages: i64 = opened.log.pragma("page_count");
    opened.log.pragma_set("max_page_count", pages + 2);
    let outcome = receive(&mut p, "data", &batch(0, 0, &series(NOW.0, 16_000)));
    let record = outcome.into_record().unwrap();
    for _ in 0..2 {
        let error = opened.log.append(std::slice::from_ref(&record)).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(!error.fatal());
    }
    assert_eq!(opened.log.stats().last, LogId(0));
    assert_eq!(all(&opened.store, 0), []);
    opened.log.pragma_set("max_page_count", 1 << 30);
    opened.log.append(&[record]).unwrap();
    assert_eq!(all(&opened.store, 0).len(), 16_000);
}

#[test]
fn with_too_much_unsealed_the_log_waits_for_the_sealer() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { max_head_readings: 9, seal_readings: 5, ..Options::default() };
    let mut opened = Store::open(dir.path(), options).unwrap();
    opened.log.append(&[record(0, 0, &series(NOW.0, 10))]).unwrap();
    assert!(opened.sealer.due());
    let next = [record(1, 0, &series(NOW.0 + 10_000_000, 10))];
    let error = opened.log.append(&next).unwrap_err();
    assert!(matches!(error, StoreError::Behind { readings: 10, .. }) && !error.fatal());
    opened.sealer.seal().unwrap();
    assert!(!opened.sealer.due());
    opened.log.append(&next).unwrap();
    assert_eq!(all(&opened.store, 0).len(), 20);
}

#[test]
fn a_disk_error_ends_the_log_until_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, _) = born(dir.path());
    let path = dir.path().join("log.db");
    let error = opened.log.fail(StoreError::SyncFailed { path, detail: "fsync".to_owned() });
    assert!(matches!(error, StoreError::SyncFailed { .. }) && error.fatal());
    for _ in 0..2 {
        let error = opened.log.append(&[record(0, 0, &series(NOW.0, 1))]).unwrap_err();
        assert!(matches!(error, StoreError::SyncFailed { .. }), "{error:?}");
    }
    drop(opened);
    let mut opened = open(dir.path());
    opened.log.append(&[record(0, 0, &series(NOW.0, 1))]).unwrap();
}

#[test]
fn a_damaged_entry_of_the_log_is_reported_and_the_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    for seq in 0..3 {
        let start = NOW.0 + i64::try_from(seq).unwrap() * 100_000_000;
        store(&mut opened, &mut p, "data", &batch(seq, 0, &series(start, 10)));
    }
    drop(opened);
    let db = behind(&dir.path().join("log.db"));
    db.execute("UPDATE log SET payload = CAST(substr(payload, 1, 40) || x'00' || substr(payload, 42) AS BLOB) WHERE id = 2", [])
        .unwrap();
    drop(db);
    let opened = open(dir.path());
    assert_eq!(opened.recovery.corrupt_entries, 1);
    assert_eq!(all(&opened.store, 0).len(), 20);
    let mut reader = opened.store.reader().unwrap();
    assert_eq!(reader.after(LogId(0), 10).unwrap().len(), 1);
    let error = reader.after(LogId(1), 10).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { entry: 2, .. }), "{error:?}");
    assert_eq!(reader.after(LogId(2), 10).unwrap()[0].id, LogId(3));
}

#[test]
fn any_changed_byte_of_a_chunk_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    store(&mut opened, &mut p, "data", &batch(0, 0, &series(NOW.0, 500)));
    opened.sealer.seal().unwrap();
    let file = std::fs::read_dir(dir.path().join("series"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "db"))
        .unwrap();
    let changes = [
        "data = CAST(x'01' || x'ff' || substr(data, 3) AS BLOB)",
        "data = CAST(substr(data, 1, length(data) - 1) AS BLOB)",
        "crc = crc + 1",
        "first = first - 1",
        "count = count + 1",
        "max = max + 1",
        "sum = NULL",
    ];
    for change in changes {
        let db = behind(&file);
        db.execute_batch("CREATE TABLE saved AS SELECT * FROM chunk").unwrap();
        db.execute(&format!("UPDATE chunk SET {change}"), []).unwrap();
        let range = (UnixMicros(0), UnixMicros(i64::MAX));
        let mut history = opened.store.history(&key(0), range.0, range.1).unwrap();
        let read: Vec<_> = history.by_ref().map(Result::unwrap).collect();
        assert_eq!((read.len(), history.missing().len()), (0, 1), "{change}");
        let mut summed = opened.store.aggregate(&key(0), range.0, range.1, i64::MAX).unwrap();
        let steps: Vec<_> = summed.by_ref().map(Result::unwrap).collect();
        let data_only = change.starts_with("data") || change.starts_with("crc");
        let expected = if data_only { (1, 0) } else { (0, 1) };
        assert_eq!((steps.len(), summed.missing().len()), expected, "{change}");
        db.execute_batch(
            "DELETE FROM chunk; INSERT INTO chunk SELECT * FROM saved; DROP TABLE saved",
        )
        .unwrap();
    }
    assert_eq!(all(&opened.store, 0).len(), 500);
}
