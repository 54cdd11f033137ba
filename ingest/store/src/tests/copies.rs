//! Reading beside the writer, backups, restores and checks.

use std::{fs, path::Path};

use super::{NOW, all, batch, birth, born, key, node, open, pipeline, series, store};
use crate::{
    LogId, Opened, ReadOnly, Reading, StoreError, Work,
    backup::{self, Backup, BackupError, MANIFEST, Manifest, Request, backup},
    check::{Depth, Report, check, check_backup},
    restore,
    watch::Interrupted,
};
use tram_wire::UnixMicros;

const DAY: i64 = 86_400_000_000;

fn go(_: Work<'_>) -> Result<(), Interrupted> {
    Ok(())
}

/// Three days, the last of them not sealed, and a message in the quarantine.
fn filled(dir: &Path) -> (Opened, tram_pipeline::Pipeline) {
    let (mut opened, mut p) = born(dir);
    store(&mut opened, &mut p, "data", &batch(0, 0, &series(NOW.0 - 2 * DAY, 5_000)));
    store(&mut opened, &mut p, "data", &batch(1, 1, &series(NOW.0 - DAY, 100)));
    opened.sealer.seal().unwrap();
    store(&mut opened, &mut p, "data", b"no batch");
    store(&mut opened, &mut p, "data", &batch(2, 0, &series(NOW.0 - 1_000_000_000, 50)));
    opened.log.maintain().unwrap();
    (opened, p)
}

fn beside(dir: &Path, channel: usize) -> Vec<Reading> {
    let read = ReadOnly::open(dir).unwrap();
    let selection = read.select(&[key(channel)], UnixMicros(0), UnixMicros(i64::MAX)).unwrap();
    selection.history(&key(channel)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn request(second: i64) -> Request {
    Request { begun: NOW.plus(second * 1_000_000), program: "test 1".into(), ..Request::default() }
}

fn taken(dir: &Path, target: &Path, second: i64) -> Backup {
    backup(dir, target, &request(second), &mut go).unwrap()
}

fn checked(dir: &Path) -> Report {
    check(dir, Depth::default(), &mut go).unwrap()
}

/// Makes every file look as if it had been written long ago.
fn settle(dir: &Path) {
    for entry in fs::read_dir(dir.join("series")).unwrap() {
        let file = fs::File::options().write(true).open(entry.unwrap().path()).unwrap();
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        file.set_modified(old).unwrap();
    }
}

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(at).unwrap();
    bytes[at] ^= 0x40;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_reader_sees_what_the_writer_has_committed_while_it_runs_and_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(ReadOnly::open(dir.path()), Err(StoreError::Absent { .. })));
    let (mut opened, mut p) = filled(dir.path());
    for channel in [0, 1] {
        assert_eq!(beside(dir.path(), channel), all(&opened.store, channel));
    }
    store(&mut opened, &mut p, "data", &batch(3, 0, &series(NOW.0, 10)));
    assert_eq!(beside(dir.path(), 0), all(&opened.store, 0));
    let read = ReadOnly::open(dir.path()).unwrap();
    assert_eq!(read.datastreams(), opened.store.datastreams());
    assert_eq!(read.find(&node(), None).count(), 2);
    assert_eq!(read.find(&node(), Some(&key(1).channel)).collect::<Vec<_>>(), [key(1)]);

    // What is sealed after the selection was made is given once.
    let selection = read.select(&[key(0)], NOW.plus(-2 * DAY), NOW.plus(5_000_000)).unwrap();
    opened.sealer.seal().unwrap();
    let history: Vec<_> = selection.history(&key(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(history.len(), 5_055);
    assert!(history.is_sorted_by_key(|r| r.time));
    let expected = all(&opened.store, 0);
    let hour = selection.aggregate(&key(0), 3_600_000_000).unwrap().map(Result::unwrap);
    assert_eq!(hour.map(|b| b.count).sum::<u64>(), 5_055);
    drop(opened);
    assert_eq!(beside(dir.path(), 0), expected);
    let files = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name());
    let mut files: Vec<_> = files.collect();
    files.sort();
    assert_eq!(files, ["lock", "log.db", "rollup", "series"], "no trace is left");
}

#[test]
fn what_a_crash_left_is_read_and_left_to_the_centre() {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let (opened, _) = filled(dir.path());
    // What is on the disk at this moment is what a crash would leave.
    for name in ["log.db", "log.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let wal = fs::read(copy.path().join("log.db-wal")).unwrap();
    assert!(!wal.is_empty());
    fs::create_dir(copy.path().join("series")).unwrap();
    for name in ["2026-09-19.db", "2026-09-20.db"] {
        let name = Path::new("series").join(name);
        fs::copy(dir.path().join(&name), copy.path().join(&name)).unwrap();
    }
    assert_eq!(beside(copy.path(), 0), all(&opened.store, 0));
    assert!(checked(copy.path()).sound());
    taken(copy.path(), &dir.path().join("copies"), 0);
    assert_eq!(fs::read(copy.path().join("log.db-wal")).unwrap(), wal);
    assert_eq!(all(&open(copy.path()).store, 0), all(&opened.store, 0));
}

#[test]
fn the_log_can_be_held_while_it_is_trimmed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, _) = filled(dir.path());
    let mut log = ReadOnly::open(dir.path()).unwrap().log().unwrap();
    log.hold().unwrap();
    assert_eq!((log.trimmed().unwrap(), log.sealed().unwrap()), (LogId(0), LogId(2)));
    opened.sealer.seal().unwrap();
    opened.log.advance("alerts", LogId(3));
    opened.log.maintain().unwrap();
    assert_eq!(opened.log.stats().trimmed, LogId(3));
    assert_eq!(log.after(LogId(0), 10).unwrap().len(), 3);
    assert_eq!(
        ReadOnly::open(dir.path()).unwrap().log().unwrap().cursors().unwrap(),
        [("alerts".to_owned(), LogId(3)), ("seal".to_owned(), LogId(3))]
    );
}

#[test]
fn a_restored_backup_holds_what_was_there_when_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = filled(&dir.path().join("data"));
    let expected = all(&opened.store, 0);
    let taken = taken(&dir.path().join("data"), &dir.path().join("copies"), 0);
    assert_eq!(taken.path.file_name().unwrap(), "2026-09-21T14-13-20Z");
    let names: Vec<_> = taken.manifest.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(names, ["log.db", "series/2026-09-19.db", "series/2026-09-20.db"]);
    assert_eq!(taken.manifest.log.last_entry, 3);
    assert_eq!(taken.manifest.log.sealed_entry, 2);
    assert_eq!(taken.manifest.log.received, Some(NOW.0));
    // What comes later is not in it, and does not disturb it.
    store(&mut opened, &mut p, "data", &batch(3, 0, &series(NOW.0, 10)));

    let to = dir.path().join("again");
    let prepared = restore::prepare(&taken.path, &to, &mut go).unwrap();
    assert!(matches!(
        crate::Store::open(&to, crate::Options::default()),
        Err(StoreError::Unfinished { .. })
    ));
    let report = prepared.check(false, &mut go).unwrap();
    assert!(report.sound(), "{report:#?}");
    assert_eq!(report.seen.log_entries, 3);
    assert_eq!(prepared.stations().unwrap()[0].node, node());
    assert_eq!(prepared.stations().unwrap()[0].received, NOW);
    assert_eq!(prepared.alerts(), None);
    prepared.place().unwrap();
    let mut again = open(&to);
    assert_eq!(all(&again.store, 0), expected);
    assert_ne!(again.memory.replica, opened.memory.replica, "the old centre may still run");
    // The node goes on where it was; what was sent in between comes again if it still has it.
    let mut p = pipeline(&again);
    store(&mut again, &mut p, "birth", &birth().encode().unwrap());
    store(&mut again, &mut p, "data", &batch(3, 0, &series(NOW.0, 10)));
    assert_eq!(all(&again.store, 0), all(&opened.store, 0));
    drop(again);
    assert!(checked(&to).sound());
}

#[test]
fn what_has_not_changed_is_linked_and_each_backup_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copies) = (dir.path().join("data"), dir.path().join("copies"));
    let (mut opened, mut p) = filled(&data);
    // What was written a moment ago may be written again without its time changing.
    settle(&data);
    let first = taken(&data, &copies, 0);
    assert_eq!(first.linked, 0);
    let second = taken(&data, &copies, 1);
    assert_eq!(second.linked, 2);
    assert!(second.copied_bytes < first.copied_bytes);
    let late = batch(3, 1, &series(NOW.0 - DAY + 500_000, 3));
    store(&mut opened, &mut p, "data", &late);
    opened.sealer.seal().unwrap();
    opened.log.maintain().unwrap();
    let third = taken(&data, &copies, 2);
    assert_eq!(third.linked, 1, "a day that had late readings is copied");
    let full = backup(&data, &copies, &Request { full: true, ..request(3) }, &mut go).unwrap();
    assert_eq!(full.linked, 0);
    assert_eq!(backup::finished(&copies).unwrap().len(), 4);

    fs::remove_dir_all(&first.path).unwrap();
    let kept = backup(&data, &copies, &Request { keep: Some(2), ..request(4) }, &mut go).unwrap();
    assert_eq!(kept.removed, [second.path, third.path]);
    assert_eq!(backup::newest(&copies).unwrap(), kept.path);
    assert_eq!(backup::newest(&full.path).unwrap(), full.path);
    let (_, report) = check_backup(&kept.path, false, &mut go).unwrap();
    assert!(report.sound(), "{report:#?}");
    let to = dir.path().join("again");
    restore::prepare(&kept.path, &to, &mut go).unwrap().place().unwrap();
    let expected = all(&opened.store, 1);
    assert_eq!(expected.len(), 103);
    assert_eq!(all(&open(&to).store, 1), expected);
}

#[test]
fn an_interrupted_backup_leaves_none_and_one_that_was_killed_is_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copies) = (dir.path().join("data"), dir.path().join("copies"));
    let _opened = filled(&data);
    let mut steps = 0;
    let mut stop = |_: Work<'_>| {
        steps += 1;
        if steps > 3 { Err(Interrupted) } else { Ok(()) }
    };
    let result = backup(&data, &copies, &request(0), &mut stop);
    assert!(matches!(result, Err(BackupError::Interrupted)), "{result:?}");
    assert!(matches!(backup::newest(&copies), Err(BackupError::NoBackup { .. })));
    assert_eq!(fs::read_dir(&copies).unwrap().count(), 1, "the lock alone is left");
    let killed = copies.join("2026-09-21T00-00-00Z.unfinished");
    fs::create_dir_all(killed.join("series")).unwrap();
    assert!(matches!(backup::newest(&copies), Err(BackupError::NoBackup { .. })));
    assert!(matches!(
        restore::prepare(&killed, &dir.path().join("x"), &mut go),
        Err(BackupError::NoBackup { .. })
    ));
    let taken = taken(&data, &copies, 0);
    assert_eq!(taken.removed_unfinished, 1);
    assert!(!killed.exists());
}

#[test]
fn two_backups_into_one_folder_do_not_go_on_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copies) = (dir.path().join("data"), dir.path().join("copies"));
    let _opened = filled(&data);
    let mut second = None;
    let mut watch = |_: Work<'_>| {
        second.get_or_insert_with(|| backup(&data, &copies, &request(0), &mut go));
        Ok(())
    };
    backup(&data, &copies, &request(0), &mut watch).unwrap();
    assert!(matches!(second, Some(Err(BackupError::Busy { .. }))));
}

#[test]
fn a_changed_byte_of_a_backup_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copies) = (dir.path().join("data"), dir.path().join("copies"));
    let (opened, _) = filled(&data);
    drop(opened);
    let path = taken(&data, &copies, 0).path;
    let to = dir.path().join("again");
    for name in ["log.db", "series/2026-09-19.db", MANIFEST, "manifest.json.sha256"] {
        let length = fs::metadata(path.join(name)).unwrap().len();
        for at in [0, length / 3, length - 2] {
            flip(&path.join(name), at);
            let result = restore::prepare(&path, &to, &mut go);
            assert!(matches!(result, Err(BackupError::Damaged { .. })), "{name} {at}: {result:?}");
            assert!(!to.exists(), "nothing is left");
            match check_backup(&path, true, &mut go) {
                Ok((_, report)) => {
                    assert!(report.findings.iter().any(|f| f.file == name), "{name} {at}");
                }
                Err(error) => assert!(error.to_string().contains("manifest"), "{error}"),
            }
            flip(&path.join(name), at);
        }
    }
    assert!(check_backup(&path, false, &mut go).unwrap().1.sound());
}

#[test]
fn a_restore_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copies) = (dir.path().join("data"), dir.path().join("copies"));
    let _opened = filled(&data);
    let path = taken(&data, &copies, 0).path;
    let result = restore::prepare(&path, &data, &mut go);
    assert!(matches!(result, Err(BackupError::NotEmpty { .. })), "{result:?}");
    let to = dir.path().join("a/b");
    let mut stop = |_: Work<'_>| Err(Interrupted);
    assert!(matches!(restore::prepare(&path, &to, &mut stop), Err(BackupError::Interrupted)));
    assert!(!to.exists());
    let mut manifest = Manifest::read(&path).unwrap();
    manifest.files[0].path = "../log.db".to_owned();
    fs::remove_file(path.join(MANIFEST)).unwrap();
    fs::remove_file(path.join("manifest.json.sha256")).unwrap();
    manifest.write(&path).unwrap();
    assert!(matches!(restore::prepare(&path, &to, &mut go), Err(BackupError::Damaged { .. })));
}

#[test]
fn a_damaged_day_is_backed_up_as_it_is_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copies) = (dir.path().join("data"), dir.path().join("copies"));
    let (opened, _) = filled(&data);
    drop(opened);
    let day = data.join("series/2026-09-19.db");
    // One byte is put right whenever its page is read, and so it is right in the copy.
    flip(&day, 3);
    let report = checked(&data);
    assert!(report.findings[0].what.starts_with("byte 3 of page 1 was wrong"), "{report:#?}");
    let mended = taken(&data, &copies, 0);
    assert!(mended.manifest.files.iter().all(|f| f.damaged.is_none()));
    assert!(check_backup(&mended.path, false, &mut go).unwrap().1.sound());
    flip(&day, 700);
    let taken = taken(&data, &copies, 1);
    let damaged: Vec<_> = taken.manifest.files.iter().filter(|f| f.damaged.is_some()).collect();
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].path, "series/2026-09-19.db");
    let (_, report) = check_backup(&taken.path, true, &mut go).unwrap();
    assert!(!report.sound());
}

#[test]
fn a_sound_folder_has_no_findings_while_the_centre_runs_and_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = filled(dir.path());
    let report = checked(dir.path());
    assert_eq!(report.findings, []);
    assert_eq!((report.seen.files, report.seen.log_entries), (3, 3));
    assert_eq!((report.seen.chunks, report.seen.readings), (3, 5_100));
    // A series that comes up while the check goes on is no damage.
    let mut sealed = false;
    let mut watch = |work: Work<'_>| {
        if work.what.starts_with("series/") && !sealed {
            sealed = true;
            store(&mut opened, &mut p, "data", &batch(3, 1, &series(NOW.0, 10)));
            opened.sealer.seal().unwrap();
            opened.log.maintain().unwrap();
        }
        Ok(())
    };
    let report = check(dir.path(), Depth::default(), &mut watch).unwrap();
    assert_eq!(report.findings, []);
    drop(opened);
    for quick in [true, false] {
        let report = check(dir.path(), Depth { quick, frozen: true }, &mut go).unwrap();
        assert_eq!(report.findings, []);
    }
}

fn sql(path: &Path, sql: &str) {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    tram_pages::open(path, flags).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn each_kind_of_damage_is_named_with_what_it_affects() {
    let entry = "entry 3 is damaged";
    for (file, change, says, station) in [
        ("log.db", "UPDATE log SET payload = x'00' WHERE id = 3", entry, true),
        ("log.db", "UPDATE log SET node = 'other' WHERE id = 3", entry, true),
        ("log.db", "DELETE FROM log WHERE id = 2", "entries 2 to 2 are missing", false),
        ("log.db", "DELETE FROM spool", "is not among what was received", true),
        ("log.db", "DELETE FROM dictionary", "dictionary", true),
        (
            "log.db",
            "UPDATE cursor SET position = 99 WHERE name = 'seal'",
            "the log ends at 3",
            false,
        ),
        ("log.db", "UPDATE log SET readings = readings + 1 WHERE id = 3", "counted were", true),
        ("log.db", "DELETE FROM quarantine", "1 messages were refused", false),
        ("log.db", "DELETE FROM series WHERE id = 1", "series 1 is missing", false),
        ("log.db", "DELETE FROM series WHERE id = 2", "the log does not know this series", true),
        (
            "log.db",
            "UPDATE birth SET payload = x'00'",
            "birth of this station cannot be read",
            true,
        ),
        ("log.db", "UPDATE spool SET progress = x'01'", "ranges of a spool are damaged", false),
        (
            "series/2026-09-19.db",
            "UPDATE chunk SET data = x'00'",
            "do not match their checksum",
            true,
        ),
        (
            "series/2026-09-19.db",
            "UPDATE chunk SET max = max + 1",
            "does not match its checksum",
            true,
        ),
        ("series/2026-09-19.db", "DELETE FROM series", "which is not there", false),
        (
            "series/2026-09-19.db",
            "INSERT INTO chunk SELECT id + 10, series, first, last, count, usable, good, min, max,
             last_value, sum, sine, cosine, summary_crc, crc, data FROM chunk",
            "overlap",
            true,
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (opened, _) = filled(dir.path());
        drop(opened);
        sql(&dir.path().join(file), change);
        let report = checked(dir.path());
        let found = report.findings.iter().find(|f| f.what.contains(says));
        let found = found.unwrap_or_else(|| panic!("{change}: {report:#?}"));
        assert!(!report.sound());
        assert_eq!(found.affects.station.is_some(), station, "{change}: {found:#?}");
        assert!(!found.fix.is_empty());
    }
}

#[test]
fn a_damaged_page_of_a_day_names_the_readings_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let (opened, _) = filled(dir.path());
    drop(opened);
    let path = dir.path().join("series/2026-09-19.db");
    let whole = fs::read(&path).unwrap();
    let mut named = 0;
    for page in 0..whole.len() / 1024 {
        let mut bytes = whole.clone();
        bytes[page * 1024 + 100..page * 1024 + 300].fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        for quick in [true, false] {
            let report = check(dir.path(), Depth { quick, frozen: false }, &mut go).unwrap();
            let says = format!("page {} ", page + 1);
            assert!(report.findings.iter().any(|f| f.what.contains(&says)), "{page}: {report:#?}");
            let channel = |f: &&crate::check::Finding| f.affects.channel.is_some();
            named += report.findings.iter().filter(channel).count();
        }
    }
    // Some pages hold no readings: the tables, the marks.
    assert!(named >= whole.len() / 4096, "{named} of {} pages", whole.len() / 1024);
    fs::write(&path, &whole).unwrap();
    assert!(checked(dir.path()).sound());
}

#[test]
fn a_damaged_page_of_the_log_costs_the_entries_in_it_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    for seq in 0..100 {
        let at = NOW.0 + i64::try_from(seq).unwrap() * 60_000_000;
        store(&mut opened, &mut p, "data", &batch(seq, 0, &series(at, 30)));
    }
    drop(opened);
    let path = dir.path().join("log.db");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 10_000;
    bytes[at..at + 50].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let report = checked(dir.path());
    let lost = report.findings.iter().find(|f| f.what.contains("cannot be read: page")).unwrap();
    assert_eq!(report.findings.len(), 2, "{report:#?}");
    assert!(lost.affects.from.is_some(), "{lost:#?}");
    assert!((60..100).contains(&report.seen.log_entries), "{}", report.seen.log_entries);
}

#[test]
fn every_part_of_a_file_that_is_cut_or_overwritten_is_damage_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let (opened, _) = filled(&dir.path().join("data"));
    drop(opened);
    for name in ["log.db", "series/2026-09-19.db"] {
        let path = dir.path().join("data").join(name);
        let whole = fs::read(&path).unwrap();
        for part in 0..8 {
            let at = whole.len() * part / 8;
            fs::write(&path, &whole[..at]).unwrap();
            let _ = check(&dir.path().join("data"), Depth::default(), &mut go);
            let mut bytes = whole.clone();
            let end = (at + 64).min(bytes.len());
            bytes[at..end].fill(0xa5);
            fs::write(&path, &bytes).unwrap();
            let _ = check(&dir.path().join("data"), Depth::default(), &mut go);
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(checked(&dir.path().join("data")).sound());
}
