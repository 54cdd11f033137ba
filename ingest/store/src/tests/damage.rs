//! Rollups that are not what was written.

use std::{collections::BTreeMap, fs, path::Path};

use tram_wire::UnixMicros;

use super::{HOUR, NOW, buckets, good, keep, key, open_with, quick_dir, record};
use crate::{Bucket, Damage, Keep, Opened, Policy, Retention, day::DAY_MICROS};

const DAY: i64 = DAY_MICROS;
const TODAY: i64 = NOW.0 - NOW.0 % DAY;
const KEEP: UnixMicros = UnixMicros(TODAY + HOUR);
const ALL: (i64, i64) = (0, i64::MAX);

/// Forty days, thirty of which have rollups only.
fn kept(dir: &Path) -> Opened {
    let mut opened = reopen(dir);
    let points: Vec<_> =
        (0..40 * 96).map(|i| good(TODAY - 40 * DAY + i * HOUR / 4, i % 50)).collect();
    opened.log.append(&[record(0, 0, &points), record(1, 2, &points)]).unwrap();
    opened.sealer.seal().unwrap();
    keep(&mut opened, KEEP);
    opened.log.maintain().unwrap();
    opened
}

fn reopen(dir: &Path) -> Opened {
    let policy = Policy { raw: Keep::Days(10), ..Policy::FOREVER };
    open_with(dir, Retention::new(policy, BTreeMap::new()))
}

fn change(path: &Path, sql: &str) {
    let changed = super::faults::behind(path).execute(sql, []).unwrap();
    assert!(changed > 0, "{sql}");
}

const FLIP: &str =
    "UPDATE chunk SET data = CAST(substr(data, 1, 30) || x'5a5a' || substr(data, 33) AS BLOB)";

fn expected(opened: &Opened) -> Vec<Vec<Bucket>> {
    [(0, HOUR), (0, DAY), (0, 60_000_000), (2, HOUR), (2, DAY)]
        .map(|(c, step)| buckets(&opened.store, c, ALL, step))
        .to_vec()
}

fn damages(opened: &mut Opened) -> Vec<Damage> {
    keep(opened, KEEP).into_iter().filter_map(|k| k.damage).collect()
}

#[test]
fn a_damaged_row_is_answered_from_elsewhere_and_rebuilt() {
    for level in ["hour", "day"] {
        let dir = quick_dir();
        let mut opened = kept(dir.path());
        let before = expected(&opened);
        change(&dir.path().join("rollup").join(level).join("2026.db"), FLIP);
        assert_eq!(expected(&opened), before, "{level}");
        assert!(opened.store.stats().damaged_rollups >= 2);
        let damages = damages(&mut opened);
        assert!(damages.iter().all(|d| d.lost == 0 && d.aside.is_none() && d.key.is_some()));
        let again: u64 = damages.iter().map(|d| d.again).sum();
        let rebuilt: u64 = damages.iter().map(|d| d.rebuilt).sum();
        assert_eq!((again, rebuilt), (20, 60), "{level}");
        let found = opened.store.stats().damaged_rollups;
        assert_eq!(expected(&opened), before, "{level}");
        assert_eq!(opened.store.stats().damaged_rollups, found, "{level} is whole again");
    }
}

#[test]
fn what_is_lost_for_good_is_said() {
    let dir = quick_dir();
    let mut opened = kept(dir.path());
    // A day without readings, by the minute: nothing finer is left.
    let day = (TODAY - 35 * DAY) / DAY;
    let path = fs::read_dir(dir.path().join("rollup/minute"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.ends_with("2026-08.db"))
        .unwrap();
    let first = crate::day::Day(day).month().first.0;
    let id = format!("SELECT id * 512 + {} FROM series WHERE channel = 'water_level'", day - first);
    change(&path, &format!("{FLIP} WHERE id = ({id})"));
    let range = (UnixMicros(0), UnixMicros(i64::MAX));
    let mut minutes = opened.store.aggregate(&key(0), range.0, range.1, 60_000_000).unwrap();
    let rows: Vec<Bucket> = minutes.by_ref().map(Result::unwrap).collect();
    // The hours stand in for it.
    assert_eq!(rows.iter().filter(|b| b.span == HOUR).count(), 24);
    assert_eq!(rows.iter().map(|b| b.count).sum::<u64>(), 40 * 96);
    assert_eq!(minutes.missing(), []);
    let damages = damages(&mut opened);
    assert_eq!(damages.len(), 1);
    assert_eq!((damages[0].again, damages[0].rebuilt, damages[0].lost), (0, 0, 1));
    assert_eq!(damages[0].key, Some(key(0)));

    // With every level damaged, nobody knows.
    for level in ["minute", "hour", "day"] {
        for path in fs::read_dir(dir.path().join("rollup").join(level)).unwrap() {
            let path = path.unwrap().path();
            if path.extension().is_some_and(|e| e == "db") {
                change(&path, FLIP);
            }
        }
    }
    let mut hours = opened.store.aggregate(&key(2), range.0, range.1, HOUR).unwrap();
    let rows: Vec<Bucket> = hours.by_ref().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 10 * 24, "those whose readings are there");
    let missing: i64 = hours.missing().iter().map(|(from, to)| to.since(*from)).sum();
    assert!(missing >= 30 * DAY, "{:?}", hours.missing());
}

#[test]
fn a_file_that_is_none_is_put_aside_and_written_anew() {
    for (level, file) in [("hour", "2026.db"), ("day", "2026.db"), ("minute", "2026-08.db")] {
        for found_at_start in [false, true] {
            let dir = quick_dir();
            let mut opened = kept(dir.path());
            let before = expected(&opened);
            let path = dir.path().join("rollup").join(level).join(file);
            drop(opened);
            // Found at the start, or by the first who asks.
            if found_at_start {
                fs::write(&path, vec![b'x'; 20_000]).unwrap();
                opened = reopen(dir.path());
            } else {
                opened = reopen(dir.path());
                fs::write(&path, vec![b'x'; 20_000]).unwrap();
            }
            let exact = level != "minute";
            assert_eq!(expected(&opened) == before, exact, "{level}, at start: {found_at_start}");
            let damages = damages(&mut opened);
            assert_eq!(damages.len(), 1, "{damages:?}");
            assert!(damages[0].aside.as_ref().is_some_and(|p| p.exists()));
            if exact {
                assert_eq!(damages[0].lost, 0, "{damages:?}");
                assert_eq!(expected(&opened), before, "{level}, at start: {found_at_start}");
            } else {
                assert!(damages[0].lost > 0);
            }
            let found = opened.store.stats().damaged_rollups;
            expected(&opened);
            assert_eq!(opened.store.stats().damaged_rollups, found, "{level}");
        }
    }
}

#[test]
fn damaged_readings_are_not_rolled_up_and_the_rest_is() {
    let dir = quick_dir();
    let mut opened = reopen(dir.path());
    let points: Vec<_> = (0..96).map(|i| good(TODAY - DAY + i * HOUR / 4, i % 50)).collect();
    opened.log.append(&[record(0, 0, &points), record(1, 2, &points)]).unwrap();
    opened.sealer.seal().unwrap();
    opened.log.maintain().unwrap();
    let path = fs::read_dir(dir.path().join("series")).unwrap().next().unwrap().unwrap().path();
    change(&path, &format!("{FLIP} WHERE series = (SELECT id FROM series WHERE channel = 'wind')"));
    let error = opened.keeper.step(KEEP).unwrap_err();
    assert!(matches!(error, crate::StoreError::Corrupt { .. }), "{error}");
    keep(&mut opened, KEEP.plus(HOUR));
    assert_eq!(opened.store.stats().unrolled, 1);
    assert_eq!(buckets(&opened.store, 0, ALL, HOUR).len(), 24);
    let range = (UnixMicros(0), UnixMicros(i64::MAX));
    let mut wind = opened.store.aggregate(&key(2), range.0, range.1, HOUR / 2).unwrap();
    assert_eq!(wind.by_ref().map(Result::unwrap).count(), 0);
    assert_eq!(wind.missing().len(), 1, "the damage is told, not hidden");
    drop((opened, wind));
    let mut opened = reopen(dir.path());
    assert_eq!(opened.store.stats().unrolled, 1);
    assert!(keep(&mut opened, KEEP).iter().all(|k| k.rolled == 0), "it is told once");
}

#[test]
fn damaged_readings_are_put_aside_and_the_rest_of_the_day_goes_on() {
    let dir = quick_dir();
    let mut opened = reopen(dir.path());
    let points: Vec<_> = (0..96).map(|i| good(TODAY - DAY + i * HOUR / 4, i % 50)).collect();
    opened.log.append(&[record(0, 0, &points), record(1, 2, &points)]).unwrap();
    opened.sealer.seal().unwrap();
    keep(&mut opened, KEEP.plus(HOUR));
    let path = dir.path().join("series/2026-09-20.db");
    change(&path, &format!("{FLIP} WHERE series = (SELECT id FROM series WHERE channel = 'wind')"));
    let wind = |opened: &Opened| {
        let mut history =
            opened.store.history(&key(2), UnixMicros(0), UnixMicros(i64::MAX)).unwrap();
        let read = history.by_ref().map(Result::unwrap).count();
        (read, history.missing().to_vec())
    };
    let lost = (UnixMicros(points[0].micros), UnixMicros(points[95].micros + 1));
    assert_eq!(wind(&opened), (0, vec![lost]));
    assert!(opened.store.findings().is_empty());
    // Having been read, it is put aside, and what was lost goes on to be said.
    keep(&mut opened, KEEP.plus(HOUR));
    let findings = opened.store.findings();
    assert!(findings.iter().any(|f| f.affects.channel.as_deref() == Some("wind")), "{findings:?}");
    assert_eq!(opened.store.stats().damages, 2);
    assert!(dir.path().join("series/2026-09-20.db.damaged-1").exists());
    for reopened in [false, true] {
        if reopened {
            drop(opened);
            opened = reopen(dir.path());
        }
        assert_eq!(wind(&opened), (0, vec![lost]));
        assert_eq!(super::all(&opened.store, 0).len(), 96);
    }
    // What comes late is stored beside it; rollups of the day stay as they were.
    let before = buckets(&opened.store, 2, ALL, DAY);
    opened.log.append(&[record(2, 0, &[good(points[3].micros + 1, 7)])]).unwrap();
    opened.sealer.seal().unwrap();
    keep(&mut opened, KEEP.plus(2 * HOUR));
    assert_eq!(super::all(&opened.store, 0).len(), 97);
    assert_eq!((before.len(), buckets(&opened.store, 2, ALL, DAY)), (1, before));
}
