//! The layer under a real SQLite.

mod damage;

use std::{fs, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::*;

fn database(path: &Path, page: u32) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let db = open(path, flags).unwrap();
    db.execute_batch(&format!(
        "PRAGMA page_size = {page}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    ))
    .unwrap();
    db
}

fn fill(db: &Connection, rows: i64) {
    db.execute_batch("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, b BLOB)").unwrap();
    for _ in 0..rows {
        db.execute("INSERT INTO t(b) VALUES (randomblob(3000))", []).unwrap();
    }
}

fn count(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT count(*) + sum(b = x'00') FROM t", [], |r| r.get(0))
}

/// Changes bytes of a file behind SQLite's back.
fn change(path: &Path, at: usize, bytes: usize) {
    let mut content = fs::read(path).unwrap();
    content[at..at + bytes].iter_mut().for_each(|b| *b ^= 0x55);
    fs::write(path, content).unwrap();
}

#[test]
fn every_page_of_a_new_file_has_its_checksum() {
    let dir = tempfile::tempdir().unwrap();
    for page in [512_u32, 1024, 4096] {
        let path = dir.path().join(format!("{page}.db"));
        let db = database(&path, page);
        fill(&db, 50);
        db.execute_batch("DELETE FROM t WHERE id % 3 = 0; VACUUM; DELETE FROM t WHERE id > 40")
            .unwrap();
        drop(db);
        let content = fs::read(&path).unwrap();
        assert_eq!((content[20], content.len() % page as usize), (8, 0));
        for (bytes, number) in content.chunks(page as usize).zip(1..) {
            assert_eq!(look(&mut bytes.to_vec(), number), State::Sound, "page {number}");
        }
    }
}

#[test]
fn a_damaged_page_is_named_and_a_wrong_byte_is_put_right() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let db = database(&path, 1024);
    fill(&db, 50);
    drop(db);
    let pages = fs::read(&path).unwrap().len() / 1024;
    let mut found_damage = 0;
    for page in 0..pages {
        let whole = fs::read(&path).unwrap();
        change(&path, page * 1024 + 300, 1);
        let db = database(&path, 1024);
        assert_eq!(count(&db).unwrap(), 50);
        drop(db);
        fs::write(&path, &whole).unwrap();
        change(&path, page * 1024 + 300, 100);
        // Page 1 is read before anything can be asked.
        let asked = open(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|db| count(&db));
        if let Err(error) = asked {
            let rusqlite::Error::SqliteFailure(code, _) = &error else { panic!("{error}") };
            assert_eq!(code.extended_code, rusqlite::ffi::SQLITE_IOERR_DATA, "{error}");
            let place = last_damage().unwrap();
            assert_eq!(
                (place.number as usize, place.file.file_name()),
                (page + 1, path.file_name())
            );
            found_damage += 1;
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(found_damage, pages, "every page is read by this query");
    let mended = found(&dir.path().canonicalize().unwrap());
    assert!(mended.len() >= pages, "{mended:?}");
}

#[test]
fn a_damaged_frame_is_neither_read_nor_brought_into_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let db = database(&path, 1024);
    fill(&db, 20);
    let reader = database(&path, 1024);
    assert_eq!(count(&reader).unwrap(), 20);
    drop(reader);
    let wal = dir.path().join("a.db-wal");
    let frames = fs::read(&wal).unwrap().len() / (1024 + 24);
    // In place: the shared memory knows the frames, so SQLite does not look at their sums again.
    let content = fs::read(&wal).unwrap();
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new().write(true).open(&wal).unwrap();
    let at = 32 + (frames - 3) * (1024 + 24) + 24 + 500;
    file.write_at(&[content[at] ^ 1], at as u64).unwrap();
    let reader = database(&path, 1024);
    let error = count(&reader).unwrap_err();
    let rusqlite::Error::SqliteFailure(code, _) = error else { panic!() };
    assert_eq!(code.extended_code, rusqlite::ffi::SQLITE_IOERR_DATA);
    assert_eq!(last_damage().unwrap().number as usize, frames - 2);
    let checkpoint = db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap_err();
    assert_eq!(checkpoint.sqlite_extended_error_code(), Some(rusqlite::ffi::SQLITE_IOERR_DATA));
}

#[test]
fn a_transaction_larger_than_the_cache_reads_its_own_frames() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let db = database(&path, 1024);
    db.execute_batch("PRAGMA cache_size = 10").unwrap();
    fill(&db, 1);
    db.execute_batch("BEGIN").unwrap();
    fill(&db, 100);
    for _ in 0..3 {
        db.execute_batch("UPDATE t SET b = randomblob(2000) WHERE id % 7 = 1").unwrap();
        assert_eq!(count(&db).unwrap(), 101);
        db.execute_batch("SAVEPOINT s; DELETE FROM t WHERE id % 2; ROLLBACK TO s").unwrap();
        assert_eq!(count(&db).unwrap(), 101);
    }
    db.execute_batch("COMMIT").unwrap();
    let reader = database(&path, 1024);
    assert_eq!(count(&reader).unwrap(), 101);
    db.execute_batch("BEGIN; UPDATE t SET b = randomblob(4000); ROLLBACK").unwrap();
    fill(&db, 1);
    assert_eq!(count(&reader).unwrap(), 102);
    assert!(found(&dir.path().canonicalize().unwrap()).is_empty());
}

#[test]
fn several_connections_write_check_and_checkpoint_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    fill(&database(&path, 1024), 10);
    std::thread::scope(|scope| {
        for n in 0..3 {
            let path = &path;
            scope.spawn(move || {
                let db = database(path, 1024);
                db.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
                for _ in 0..60 {
                    if n == 0 {
                        fill(&db, 1);
                        db.execute_batch("PRAGMA wal_autocheckpoint = 50").unwrap();
                    } else {
                        assert!(count(&db).unwrap() >= 10);
                    }
                }
            });
        }
    });
    assert_eq!(count(&database(&path, 1024)).unwrap(), 70);
}
