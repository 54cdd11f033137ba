//! Damage of more than a byte, and what is saved.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::database;
use crate::{Raw, Value, copy, found, look_at_log, put_aside};

const PAGE: usize = 1024;
const PAGE_SIZE: u32 = 1024;
const TABLES: &str = "
    CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT NOT NULL, body BLOB NOT NULL);
    CREATE TABLE k(name TEXT, n INTEGER, more BLOB NOT NULL, PRIMARY KEY(n, name)) WITHOUT ROWID;
    CREATE INDEX t_name ON t(name);";

/// What a row holds.
fn body(id: i64) -> Vec<u8> {
    // Some rows need overflow pages, some pages hold several rows.
    let n = if id % 5 == 0 { 3000 } else { 90 };
    (0..n).map(|n| u8::try_from((id * 31 + n * 7) % 251).unwrap()).collect()
}

/// A database of which the last commits are in its write-ahead log; both copied while it is open.
fn files(in_log: i64) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("live.db");
    let db = database(&path, PAGE_SIZE);
    db.execute_batch(TABLES).unwrap();
    let put = |id: i64| {
        let body = body(id);
        db.execute("INSERT INTO t VALUES (?1, 'row ' || ?1, ?2)", (id, &body)).unwrap();
        db.execute("INSERT INTO k VALUES ('key', ?1, ?2)", (id, &body)).unwrap();
    };
    (0..40).for_each(put);
    db.execute_batch("DELETE FROM t WHERE id BETWEEN 10 AND 14; DELETE FROM k WHERE n = 12")
        .unwrap();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    (40..40 + in_log).for_each(put);
    let copied = dir.path().join("copy.db");
    fs::copy(&path, &copied).unwrap();
    if in_log > 0 {
        fs::copy(dir.path().join("live.db-wal"), dir.path().join("copy.db-wal")).unwrap();
    }
    (dir, copied)
}

fn ids(db: &Connection, sql: &str) -> BTreeSet<i64> {
    db.prepare(sql).unwrap().query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Copies what can be read into a new database.
fn saved(path: &Path) -> (Raw, crate::Copied, BTreeSet<i64>, BTreeSet<i64>) {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let db = database(&new, PAGE_SIZE);
    db.execute_batch(TABLES).unwrap();
    let mut raw = Raw::open(path).unwrap();
    let copied = copy(&mut raw, &db).unwrap();
    raw.look_at_all();
    let (t, k) = (ids(&db, "SELECT id FROM t"), ids(&db, "SELECT n FROM k"));
    let sound: String = db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    assert_eq!(sound, "ok");
    (raw, copied, t, k)
}

fn expected(in_log: i64) -> (BTreeSet<i64>, BTreeSet<i64>) {
    let all = 0..40 + in_log;
    (all.clone().filter(|n| !(10..=14).contains(n)).collect(), all.filter(|n| *n != 12).collect())
}

#[test]
fn a_sound_database_is_read_as_sqlite_reads_it() {
    for in_log in [0, 8] {
        let (_dir, path) = files(in_log);
        let (raw, copied, t, k) = saved(&path);
        assert_eq!((t, k), expected(in_log));
        assert_eq!(raw.wounds(), crate::Wounds::default());
        assert!(copied.values().all(|t| t.partial.is_empty() && t.pages.is_empty()));
        let mut bodies = 0;
        let mut raw = Raw::open(&path).unwrap();
        raw.walk(2, |row| {
            let id = row.id.unwrap();
            assert_eq!(row.record.values[2], Value::Blob(body(id)));
            bodies += 1;
        });
        assert!(bodies > 30);
    }
}

#[test]
fn with_any_page_lost_everything_else_is_saved() {
    let (_dir, path) = files(0);
    let whole = fs::read(&path).unwrap();
    let all = expected(0);
    for page in 0..whole.len() / PAGE {
        let mut bytes = whole.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0x5a);
        fs::write(&path, &bytes).unwrap();
        let (raw, copied, t, k) = saved(&path);
        assert_eq!(raw.wounds().pages.len(), 1, "page {}", page + 1);
        assert!(t.is_subset(&all.0) && k.is_subset(&all.1), "page {}", page + 1);
        let lost = all.0.len() - t.len() + all.1.len() - k.len();
        // A page holds ten of the small rows.
        assert!(lost <= 10, "page {}: {lost} rows lost", page + 1);
        let told = copied.values().any(|t| !t.partial.is_empty() || !t.pages.is_empty());
        assert!(lost == 0 || told, "page {}", page + 1);
    }
}

#[test]
fn any_byte_of_the_log_is_put_right_or_costs_its_page_alone() {
    let (dir, path) = files(6);
    let log = dir.path().join("copy.db-wal");
    let whole = fs::read(&log).unwrap();
    let db = fs::read(&path).unwrap();
    let all = expected(6);
    let (mut mended, mut broken) = (0, 0);
    for at in (0..whole.len())
        .filter(|at| at % 601 == 3 || *at < 64 || at % (PAGE + 24) < 24 + 32 && at % 13 == 0)
    {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        fs::write(&log, &bytes).unwrap();
        fs::write(&path, &db).unwrap();
        let _ = fs::remove_file(dir.path().join("copy.db-shm"));
        let look = look_at_log(&path, true).unwrap();
        if look.broken {
            broken += 1;
            let (raw, _, t, k) = saved(&path);
            assert!(!raw.wounds().frames.is_empty(), "byte {at}");
            let lost = all.0.len() - t.len() + all.1.len() - k.len();
            assert!(lost <= 10, "byte {at}: {lost} rows");
        } else {
            assert!(look.mended > 0, "byte {at}: {look:?}");
            mended += 1;
            let db = database(&path, PAGE_SIZE);
            let (t, k) = (ids(&db, "SELECT id FROM t"), ids(&db, "SELECT n FROM k"));
            assert_eq!((t, k), all, "byte {at}");
        }
    }
    println!("{mended} put right, {broken} not");
    assert!(mended > 2 * broken && broken > 0);
    assert!(!found(&dir.path().canonicalize().unwrap()).is_empty());
}

#[test]
fn a_write_that_never_ended_is_no_damage() {
    let (dir, path) = files(4);
    let log = dir.path().join("copy.db-wal");
    let whole = fs::read(&log).unwrap();
    let db = fs::read(&path).unwrap();
    let all = expected(4);
    // The last transaction begins behind the commit before the last.
    let frames: Vec<usize> = (0..(whole.len() - 32) / (PAGE + 24)).collect();
    let commit = |n: &usize| whole[32 + n * (PAGE + 24) + 4..][..4] != [0; 4];
    let commits: Vec<usize> = frames.iter().copied().filter(commit).collect();
    let first = commits[commits.len() - 2] + 1;
    for sector in (32 + first * (PAGE + 24)).div_ceil(512)..whole.len() / 512 {
        let mut bytes = whole.clone();
        bytes[sector * 512..][..512].fill(0);
        for bytes in [bytes, whole[..sector * 512].to_vec()] {
            fs::write(&log, &bytes).unwrap();
            fs::write(&path, &db).unwrap();
            let _ = fs::remove_file(dir.path().join("copy.db-shm"));
            let look = look_at_log(&path, true).unwrap();
            assert!(!look.broken && look.mended == 0, "sector {sector}: {look:?}");
            let db = database(&path, PAGE_SIZE);
            let t = ids(&db, "SELECT id FROM t");
            assert!(t.is_subset(&all.0) && all.0.len() - t.len() <= 1, "sector {sector}");
        }
    }
}

#[test]
fn a_sector_lost_in_the_middle_of_the_log_is_damage() {
    let (dir, path) = files(8);
    let log = dir.path().join("copy.db-wal");
    let whole = fs::read(&log).unwrap();
    let all = expected(8);
    let mut lossless = 0;
    for sector in 1..whole.len() / 512 / 2 {
        let mut bytes = whole.clone();
        bytes[sector * 512..][..512].fill(0xff);
        fs::write(&log, &bytes).unwrap();
        assert!(look_at_log(&path, true).unwrap().broken, "sector {sector}");
        let (raw, _, t, k) = saved(&path);
        assert!(t.contains(&47) && k.contains(&47), "what was committed behind it is there");
        let lost = all.0.len() - t.len() + all.1.len() - k.len();
        assert!(lost <= 20, "sector {sector}: {lost} rows");
        assert!(!raw.wounds().frames.is_empty() || raw.wounds().unknown);
        lossless += usize::from(lost == 0);
    }
    assert!(lossless > 0, "most frames have a newer version behind them");
}

#[test]
fn the_damaged_file_is_kept_and_a_crash_meanwhile_is_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let name = |end: &str| dir.path().join(format!("a.db{end}"));
    for steps in 0..3 {
        fs::write(name(".new"), "new").unwrap();
        fs::write(name(""), "old").unwrap();
        fs::write(name("-wal"), "log").unwrap();
        let aside = match steps {
            0 => put_aside(&name(""), &name(".new")).unwrap(),
            n => {
                // As if it had ended behind the first renames.
                fs::rename(name(".new"), name(".salvaged")).unwrap();
                let aside = name(&format!(".damaged-{}", n + 1));
                fs::rename(name("-wal"), name(&format!(".damaged-{}-wal", n + 1))).unwrap();
                if n == 2 {
                    fs::rename(name(""), &aside).unwrap();
                }
                crate::adopt(&name("")).unwrap().unwrap();
                aside
            }
        };
        assert_eq!(fs::read_to_string(name("")).unwrap(), "new");
        assert_eq!(fs::read_to_string(&aside).unwrap(), "old");
        let log = crate::raw::wal_path(&aside);
        assert_eq!(fs::read_to_string(log).unwrap(), "log");
        assert!(!name("-wal").exists() && !name(".salvaged").exists());
        assert_eq!(crate::adopt(&name("")).unwrap(), None);
    }
}
