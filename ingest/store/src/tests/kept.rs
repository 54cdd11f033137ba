//! Rollups, compaction and what is done with late readings.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use tram_wire::UnixMicros;

use super::{
    HOUR, MINUTE, NOW, all, born, buckets, good, keep, open, open_with, quick_dir, record, series,
};
use crate::{Bucket, Keep, Opened, Policy, Reading, Retention, day::DAY_MICROS};

const DAY: i64 = DAY_MICROS;
/// The start of the day of [`NOW`].
const TODAY: i64 = NOW.0 - NOW.0 % DAY;
const ALL: (i64, i64) = (0, i64::MAX);

fn append(opened: &mut Opened, seq: u64, channel: usize, start: i64, n: i64, step: i64) {
    let points: Vec<_> = (0..n).map(|i| good(start + i * step, 77_500 + (i * 7919) % 40)).collect();
    for (i, points) in points.chunks(10_000).enumerate() {
        opened.log.append(&[record(seq * 1000 + i as u64, channel, points)]).unwrap();
    }
}

/// What the readings that are left come to.
fn of_readings(readings: &[Reading], channel: usize, step: i64) -> Vec<Bucket> {
    let mut steps: BTreeMap<i64, Vec<&Reading>> = BTreeMap::new();
    for r in readings {
        steps.entry(r.time.0.div_euclid(step) * step).or_default().push(r);
    }
    let of = |(start, r): (i64, Vec<&Reading>)| super::model::bucket(start, step, channel == 2, &r);
    steps.into_iter().map(of).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.ends_with(".db"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_year_of_one_series_is_answered_from_rollups_alone() {
    let dir = quick_dir();
    let (mut opened, _) = born(dir.path());
    let start = TODAY - 365 * DAY;
    append(&mut opened, 0, 0, start, 365 * 96, 15 * MINUTE);
    append(&mut opened, 1, 2, start + 7, 365 * 24, HOUR);
    opened.sealer.seal().unwrap();
    let kept = keep(&mut opened, UnixMicros(TODAY + HOUR));
    assert_eq!(kept.iter().map(|k| k.rolled).sum::<u64>(), 730);
    assert_eq!(files(&dir.path().join("rollup/minute")).len(), 13);
    assert_eq!(files(&dir.path().join("rollup/hour")), ["2025.db", "2026.db"]);
    assert_eq!(files(&dir.path().join("rollup/day")), ["2025.db", "2026.db"]);
    let expected: Vec<_> = [(0, HOUR), (0, DAY), (0, 30 * MINUTE), (2, HOUR), (2, 7 * DAY)]
        .into_iter()
        .map(|(channel, step)| {
            let expected = of_readings(&all(&opened.store, channel), channel, step);
            assert_eq!(buckets(&opened.store, channel, ALL, step), expected);
            (channel, step, expected)
        })
        .collect();
    drop(opened);
    // Without the readings, which nobody needs for it.
    fs::remove_dir_all(dir.path().join("series")).unwrap();
    let opened = open(dir.path());
    for (channel, step, expected) in expected {
        assert_eq!(buckets(&opened.store, channel, ALL, step), expected);
    }
}

#[test]
fn late_readings_are_rolled_up_again_and_seen_at_once() {
    let dir = quick_dir();
    let (mut opened, _) = born(dir.path());
    let start = TODAY - 3 * DAY;
    append(&mut opened, 0, 0, start, 3 * 144, 10 * MINUTE);
    opened.sealer.seal().unwrap();
    let now = UnixMicros(TODAY + HOUR);
    assert!(!keep(&mut opened, now).is_empty());
    assert!(keep(&mut opened, now).is_empty());
    assert_eq!(opened.store.stats().unrolled, 0);
    let check = |opened: &Opened| {
        let expected = of_readings(&all(&opened.store, 0), 0, HOUR);
        assert_eq!(buckets(&opened.store, 0, ALL, HOUR), expected);
    };
    // In the head, sealed, rolled up; new ones and such that were there.
    append(&mut opened, 1, 0, start + DAY + MINUTE, 30, 5 * MINUTE);
    check(&opened);
    opened.sealer.seal().unwrap();
    check(&opened);
    assert_eq!(opened.store.stats().unrolled, 1);
    assert_eq!(keep(&mut opened, now).iter().map(|k| k.rolled).sum::<u64>(), 1);
    check(&opened);
    // Nothing new changes nothing.
    append(&mut opened, 2, 0, start + DAY + MINUTE, 30, 5 * MINUTE);
    opened.sealer.seal().unwrap();
    assert_eq!(opened.store.stats().unrolled, 0);
    check(&opened);
}

#[test]
fn a_day_that_is_not_over_waits() {
    let dir = quick_dir();
    let (mut opened, _) = born(dir.path());
    append(&mut opened, 0, 0, TODAY, 60, MINUTE);
    opened.sealer.seal().unwrap();
    assert!(keep(&mut opened, UnixMicros(TODAY + DAY)).is_empty());
    assert_eq!(keep(&mut opened, UnixMicros(TODAY + DAY + HOUR))[0].rolled, 1);
}

#[test]
fn killed_between_any_two_commits_of_a_step_it_does_the_step_again() {
    let before = quick_dir();
    let (mut opened, _) = born(before.path());
    append(&mut opened, 0, 0, TODAY - 2 * DAY, 2 * 288, 5 * MINUTE);
    append(&mut opened, 1, 2, TODAY - 2 * DAY, 2 * 288, 5 * MINUTE);
    opened.sealer.seal().unwrap();
    let now = UnixMicros(TODAY + HOUR);
    keep(&mut opened, now);
    // Late, so that rollups are written again.
    append(&mut opened, 2, 0, TODAY - DAY + 1, 100, 7 * MINUTE);
    append(&mut opened, 3, 2, TODAY - 2 * DAY + 1, 100, 7 * MINUTE);
    opened.sealer.seal().unwrap();
    let last = opened.log.stats().last;
    opened.log.advance("alerts", last);
    opened.log.maintain().unwrap();
    let expected: Vec<_> = [(0, HOUR), (0, DAY), (0, MINUTE), (2, HOUR)]
        .into_iter()
        .map(|(c, step)| (c, step, of_readings(&all(&opened.store, c), c, step)))
        .collect();
    drop(opened);
    let after = quick_dir();
    copy(before.path(), after.path());
    let mut opened = open(after.path());
    keep(&mut opened, now);
    drop(opened);

    let order = ["rollup/minute", "rollup/hour", "rollup/day", "series"];
    for written in 0..=order.len() {
        let dir = quick_dir();
        copy(before.path(), dir.path());
        for folder in &order[..written] {
            fs::remove_dir_all(dir.path().join(folder)).unwrap();
            copy(&after.path().join(folder), &dir.path().join(folder));
        }
        let mut opened = open(dir.path());
        for _ in 0..2 {
            for (channel, step, expected) in &expected {
                assert_eq!(buckets(&opened.store, *channel, ALL, *step), *expected);
            }
            keep(&mut opened, now);
            assert_eq!(opened.store.stats().unrolled, 0);
        }
    }
}

#[test]
fn small_chunks_become_large_ones_while_others_write_and_read() {
    let dir = quick_dir();
    let (mut opened, _) = born(dir.path());
    let day = TODAY - DAY;
    // Fewer and fewer readings a seal, so that the sealer does not join them.
    let mut start = day;
    for (seq, n) in [500, 200, 80, 20].repeat(15).into_iter().enumerate() {
        append(&mut opened, seq as u64, 0, start, n, 7_000_000);
        start += n * 7_000_000;
        opened.sealer.seal().unwrap();
    }
    let path = dir.path().join("series").join(files(&dir.path().join("series"))[0].clone());
    let count = |sql: &str| -> i64 {
        super::faults::behind(&path).query_row(sql, [], |r| r.get(0)).unwrap()
    };
    let chunks = "SELECT count(*) FROM chunk";
    let small = count(chunks);
    let before = all(&opened.store, 0);
    assert_eq!(before.len(), 12_000);
    let store = opened.store.clone();
    let mut reader = store.history(&super::key(0), UnixMicros(0), UnixMicros(i64::MAX)).unwrap();
    let first = reader.next().unwrap().unwrap();

    let done = AtomicBool::new(false);
    let Opened { mut log, mut sealer, mut keeper, .. } = opened;
    std::thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            for seq in 100_000..100_060 {
                let start = TODAY + i64::try_from(seq - 100_000).unwrap() * 100_000_000;
                log.append(&[record(seq, 0, &series(start, 100))]).unwrap();
                let late = day + 20 * HOUR + i64::try_from(seq - 100_000).unwrap() * MINUTE + 3;
                log.append(&[record(1000 + seq, 0, &[good(late, 1)])]).unwrap();
                sealer.seal().unwrap();
            }
            done.store(true, Relaxed);
        });
        loop {
            let last = done.load(Relaxed);
            while keeper.step(UnixMicros(TODAY + HOUR)).unwrap().more {}
            if last {
                break;
            }
        }
    });
    assert!(small > 20 && count(chunks) <= 8, "{small} chunks became {}", count(chunks));
    assert_eq!(count("PRAGMA freelist_count"), 0, "free pages are given back");
    // Whoever was reading sees the day as it was.
    let rest: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!([vec![first], rest].concat(), before);
    let after = all(&store, 0);
    assert_eq!(after.len(), 12_000 + 6_000 + 60);
    assert_eq!(buckets(&store, 0, ALL, HOUR), of_readings(&after, 0, HOUR));
}

#[test]
fn whoever_holds_the_lock_finds_the_files_standing_still() {
    let dir = quick_dir();
    let (mut opened, _) = born(dir.path());
    append(&mut opened, 0, 0, TODAY - DAY, 60, MINUTE);
    opened.sealer.seal().unwrap();
    let now = UnixMicros(TODAY + HOUR);
    let lock = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.path().join("rollup/lock"))
        .unwrap();
    lock.lock().unwrap();
    let kept = opened.keeper.step(now).unwrap();
    assert!(kept.held && !kept.more && kept.rolled == 0);
    lock.unlock().unwrap();
    assert_eq!(opened.keeper.step(now).unwrap().rolled, 1);
}

#[test]
fn rollups_that_are_gone_are_made_again() {
    let dir = quick_dir();
    let (mut opened, _) = born(dir.path());
    append(&mut opened, 0, 0, TODAY - 40 * DAY, 40 * 144, 10 * MINUTE);
    opened.sealer.seal().unwrap();
    let now = UnixMicros(TODAY + HOUR);
    keep(&mut opened, now);
    let expected = of_readings(&all(&opened.store, 0), 0, HOUR);
    drop(opened);
    fs::remove_file(dir.path().join("rollup/hour/2026.db")).unwrap();
    let mut opened = open(dir.path());
    assert_eq!(buckets(&opened.store, 0, ALL, HOUR), expected);
    assert_eq!(opened.store.stats().unrolled, 40);
    keep(&mut opened, now);
    assert_eq!(opened.store.stats().unrolled, 0);
    assert_eq!(buckets(&opened.store, 0, ALL, HOUR), expected);
    drop(opened);
    fs::remove_dir_all(dir.path().join("series")).unwrap();
    let forever = Policy { raw: Keep::Days(1), ..Policy::FOREVER };
    let opened = open_with(dir.path(), Retention::new(forever, BTreeMap::new()));
    assert_eq!(buckets(&opened.store, 0, ALL, HOUR), expected);
}
