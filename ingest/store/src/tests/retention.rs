//! What is deleted when, and what is known of it afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proptest::prelude::*;
use rusqlite::Connection;
use tram_wire::{Quantity, UnixMicros};

use super::{
    HOUR, MINUTE, NOW, all, birth, born, buckets, good, history, keep, key,
    model::{bucket, point},
    open_with, pipeline, quick_dir, record, store,
};
use crate::{Bucket, Keep, LogId, Opened, Policy, Reading, Retention, day::DAY_MICROS};

const DAY: i64 = DAY_MICROS;
const TODAY: i64 = NOW.0 - NOW.0 % DAY;
const CHANNELS: usize = 3;

fn days(days: u32) -> Keep {
    Keep::Days(days)
}

/// Water levels follow the default; rain goes sooner; wind directions are kept for ever.
fn retention(level: Policy) -> Retention {
    let rain = Policy { raw: days(2), minute: days(40), hour: days(70), day: Keep::Forever };
    let wind = Policy::FOREVER;
    Retention::new(level, [(Quantity::Rain, rain), (Quantity::WindDirection, wind)].into())
}

const LEVEL: Policy = Policy {
    raw: Keep::Days(5),
    minute: Keep::Days(50),
    hour: Keep::Days(400),
    day: Keep::Forever,
};

/// The quantities in the files of a folder, by the start of their names.
fn quantities(dir: &Path) -> BTreeSet<(String, u8)> {
    let mut found = BTreeSet::new();
    let Ok(entries) = fs::read_dir(dir) else { return found };
    for path in entries.map(|e| e.unwrap().path()).filter(|p| p.extension() == Some("db".as_ref()))
    {
        let name = path.file_name().unwrap().to_str().unwrap();
        let stem = name.split('.').next().unwrap().to_owned();
        let db = Connection::open(&path).unwrap();
        let mut statement = db.prepare("SELECT number FROM quantity").unwrap();
        let numbers: Vec<u8> =
            statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        found.extend(numbers.into_iter().map(|n| (stem.clone(), n)));
    }
    found
}

/// What there is, as it should be.
#[derive(Debug, Default)]
struct Model {
    /// Everything that was ever sealed in time.
    sealed: [BTreeMap<i64, Reading>; CHANNELS],
    head: [Vec<Reading>; CHANNELS],
    /// Days whose readings were deleted.
    gone: BTreeSet<(usize, i64)>,
    expired: u64,
}

impl Model {
    fn seal(&mut self) {
        for channel in 0..CHANNELS {
            let head = std::mem::take(&mut self.head[channel]);
            let mut seen = BTreeSet::new();
            for reading in head {
                let time = reading.time.0;
                // Within one seal, a time counts once.
                if !seen.insert(time) {
                    continue;
                }
                if self.gone.contains(&(channel, time.div_euclid(DAY))) {
                    self.expired += 1;
                } else {
                    self.sealed[channel].entry(time).or_insert(reading);
                }
            }
        }
    }

    /// Notes which days were deleted, by what is in the folder.
    fn look(&mut self, dir: &Path) {
        let there = quantities(&dir.join("series"));
        for channel in 0..CHANNELS {
            let number = key(channel).quantity.number();
            let days: BTreeSet<i64> =
                self.sealed[channel].keys().map(|t| t.div_euclid(DAY)).collect();
            for day in days {
                let date = crate::day::Day(day).date();
                if there.contains(&(date, number)) {
                    assert!(!self.gone.contains(&(channel, day)), "nothing comes back");
                } else {
                    self.gone.insert((channel, day));
                }
            }
        }
    }

    /// The steps of a range, each day by the finest that is left of it.
    fn buckets(
        &self,
        [minute, hour]: &[BTreeSet<(String, u8)>; 2],
        channel: usize,
        from: i64,
        to: i64,
        step: i64,
    ) -> Vec<Bucket> {
        let number = key(channel).quantity.number();
        let mut visible = self.sealed[channel].clone();
        for r in &self.head[channel] {
            if !self.gone.contains(&(channel, r.time.0.div_euclid(DAY))) {
                visible.entry(r.time.0).or_insert(*r);
            }
        }
        let mut steps: BTreeMap<i64, (i64, Vec<&Reading>)> = BTreeMap::new();
        for (time, reading) in &visible {
            let day = time.div_euclid(DAY);
            let date = crate::day::Day(day).date();
            let unit = if !self.gone.contains(&(channel, day)) {
                1
            } else if minute.contains(&(date[..7].to_owned(), number)) {
                MINUTE
            } else if hour.contains(&(date[..4].to_owned(), number)) {
                HOUR
            } else {
                DAY
            };
            let start = time.div_euclid(unit) * unit;
            if (from..to).contains(&start) {
                let of = steps.entry(start.div_euclid(step) * step).or_insert((step, vec![]));
                of.0 = of.0.max(unit);
                of.1.push(reading);
            }
        }
        let of =
            |(start, (span, r)): (i64, (i64, Vec<&Reading>))| bucket(start, span, channel == 2, &r);
        steps.into_iter().map(of).collect()
    }

    fn agree(&self, opened: &Opened, dir: &Path, from: i64, len: i64) {
        let rollups = ["minute", "hour"].map(|level| quantities(&dir.join("rollup").join(level)));
        for channel in 0..CHANNELS {
            for (from, to) in [(0, i64::MAX), (from, from + len)] {
                for seconds in [30, 60, 90, 3_600, 7_200, 86_400, 7 * 86_400] {
                    let step = seconds * 1_000_000;
                    let found = buckets(&opened.store, channel, (from, to), step);
                    let expected = self.buckets(&rollups, channel, from, to, step);
                    let other = found.iter().zip(&expected).find(|(a, b)| a != b);
                    assert!(
                        other.is_none() && found.len() == expected.len(),
                        "channel {channel}, step {seconds} s, from {from} to {to}: {} and {}, {other:?}",
                        found.len(),
                        expected.len()
                    );
                }
            }
            let newest = self.sealed[channel]
                .keys()
                .chain(self.head[channel].iter().map(|r| &r.time.0))
                .max();
            let latest = opened.store.latest().into_iter().find(|l| l.key == key(channel));
            if let Some(newest) = newest {
                assert!(latest.is_some_and(|l| l.time.0 >= *newest), "it stays known");
            }
        }
        assert_eq!(opened.store.stats().expired_readings, self.expired);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append {
        channel: usize,
        points: Vec<tram_wire::Point>,
    },
    Seal,
    /// So many days pass, and the keeper works.
    Keep(i64),
    Maintain,
    Reopen,
}

/// From two months before to ten days after, often the same.
fn time() -> impl Strategy<Value = i64> {
    (-300_i64..50).prop_map(|i| TODAY + i * 5 * HOUR + (i % 3) * 10_000_000)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_usize..CHANNELS, prop::collection::vec(point(time()), 1..30))
            .prop_map(|(channel, points)| Step::Append { channel, points }),
        4 => Just(Step::Seal),
        4 => (0_i64..12).prop_map(Step::Keep),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn what_is_left_is_the_model_whatever_comes_and_goes(
        steps in prop::collection::vec(step(), 1..30),
        from in time(),
        len in 1_i64..90 * DAY,
    ) {
        let folder = quick_dir();
        let dir = folder.path();
        let mut opened = open_with(dir, retention(LEVEL));
        let mut p = pipeline(&opened);
        store(&mut opened, &mut p, "birth", &birth().encode().unwrap());
        let mut model = Model::default();
        let mut now = UnixMicros(TODAY);
        for (seq, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append { channel, points } => {
                    opened.log.append(&[record(seq as u64, channel, &points)]).unwrap();
                    model.head[channel].extend(points.iter().map(|p| Reading {
                        time: UnixMicros(p.micros),
                        value: p.value,
                        quality: p.quality,
                    }));
                }
                Step::Seal => {
                    opened.sealer.seal().unwrap();
                    model.seal();
                }
                Step::Keep(days) => {
                    now = now.plus(days * DAY);
                    keep(&mut opened, now);
                    model.look(dir);
                }
                Step::Maintain => {
                    let last = opened.log.stats().last;
                    opened.log.advance("alerts", last);
                    opened.log.maintain().unwrap();
                }
                Step::Reopen => {
                    // What was sealed is on disk, so that it is not sealed again.
                    opened.sealer.seal().unwrap();
                    model.seal();
                    opened.log.maintain().unwrap();
                    drop(opened);
                    opened = open_with(dir, retention(LEVEL));
                    model.expired = 0;
                }
            }
            model.agree(&opened, dir, from, len);
        }
    }
}

fn fill(opened: &mut Opened, seq: u64, channel: usize, from: i64, days: i64) {
    let points: Vec<_> = (0..days * 24).map(|i| good(from + i * HOUR + 5, i % 360)).collect();
    opened.log.append(&[record(seq, channel, &points)]).unwrap();
}

fn dates(dir: &Path, quantity: Quantity) -> Vec<String> {
    let all = quantities(&dir.join("series"));
    all.into_iter().filter(|(_, q)| *q == quantity.number()).map(|(date, _)| date).collect()
}

#[test]
fn each_quantity_goes_when_its_time_is_over_and_not_before() {
    let dir = quick_dir();
    let mut opened = open_with(dir.path(), retention(LEVEL));
    let start = TODAY - 10 * DAY;
    for channel in 0..CHANNELS {
        fill(&mut opened, channel as u64, channel, start, 10);
    }
    opened.sealer.seal().unwrap();
    let before: Vec<_> =
        (0..CHANNELS).map(|c| buckets(&opened.store, c, (0, i64::MAX), HOUR)).collect();
    let kept = keep(&mut opened, UnixMicros(TODAY + HOUR));
    let deleted: Vec<_> = kept.iter().flat_map(|k| &k.deleted).collect();
    // A day is kept for so many days behind its end: of ten, the last five, and the last two.
    assert_eq!(deleted.len(), 5 + 8);
    assert!(deleted.iter().all(|d| d.raw && d.bytes > 0 && !d.path.exists()));
    assert_eq!(dates(dir.path(), Quantity::WaterLevel).len(), 5);
    assert_eq!(dates(dir.path(), Quantity::Rain).len(), 2);
    assert_eq!(dates(dir.path(), Quantity::WindDirection).len(), 10);
    assert_eq!(all(&opened.store, 0).len(), 5 * 24);
    for (channel, before) in before.iter().enumerate() {
        assert_eq!(buckets(&opened.store, channel, (0, i64::MAX), HOUR), *before);
    }
    // Nobody sends any more: the clock alone deletes nothing.
    let kept = keep(&mut opened, UnixMicros(TODAY + 3000 * DAY));
    assert_eq!(kept.iter().flat_map(|k| &k.deleted).count(), 0);
    assert_eq!(opened.store.latest().len(), CHANNELS, "the latest values stay known");
}

#[test]
fn another_policy_moves_nothing_and_holds_from_then_on() {
    let dir = quick_dir();
    let mut opened = open_with(dir.path(), Retention::new(LEVEL, BTreeMap::new()));
    let start = TODAY - 4 * DAY;
    for channel in 0..2 {
        fill(&mut opened, channel as u64, channel, start, 4);
    }
    opened.sealer.seal().unwrap();
    opened.log.maintain().unwrap();
    keep(&mut opened, UnixMicros(TODAY + HOUR));
    drop(opened);
    // Rain is to go sooner, and lies in the same files as the water levels: both stay.
    let mut opened = open_with(dir.path(), retention(LEVEL));
    keep(&mut opened, UnixMicros(TODAY + HOUR));
    assert_eq!(dates(dir.path(), Quantity::Rain).len(), 4);
    for channel in 0..2 {
        fill(&mut opened, 10 + channel as u64, channel, TODAY, 4);
    }
    opened.sealer.seal().unwrap();
    keep(&mut opened, UnixMicros(TODAY + 4 * DAY + HOUR));
    assert_eq!(dates(dir.path(), Quantity::WaterLevel).len(), 5);
    assert_eq!(dates(dir.path(), Quantity::Rain).len(), 1 + 2, "one day lies with the levels");
    assert_eq!(history(&opened.store, 0, 0, i64::MAX).len(), 5 * 24);
    for channel in 0..2 {
        let count: u64 =
            buckets(&opened.store, channel, (0, i64::MAX), DAY).iter().map(|b| b.count).sum();
        assert_eq!(count, 8 * 24);
    }
}

#[test]
fn a_node_that_was_away_for_long_is_taken_up_and_one_that_was_there_is_not_counted_twice() {
    let dir = quick_dir();
    let mut opened = open_with(dir.path(), retention(LEVEL));
    // Two stations' worth: the wind was away, the level was not. Both have a short policy here.
    let short = Retention::new(LEVEL, BTreeMap::new());
    drop(opened);
    opened = open_with(dir.path(), short.clone());
    fill(&mut opened, 0, 0, TODAY - 21 * DAY, 21);
    opened.sealer.seal().unwrap();
    let now = UnixMicros(TODAY + HOUR);
    keep(&mut opened, now);
    let level = buckets(&opened.store, 0, (0, i64::MAX), HOUR);
    fill(&mut opened, 1, 2, TODAY - 21 * DAY, 21);
    fill(&mut opened, 2, 0, TODAY - 21 * DAY + 7, 21);
    let sealed = opened.sealer.seal().unwrap().unwrap();
    assert_eq!(sealed.expired, 16 * 24, "those of days whose readings are deleted");
    assert_eq!(opened.store.stats().expired_readings, 16 * 24);
    keep(&mut opened, now);
    let wind = buckets(&opened.store, 2, (0, i64::MAX), HOUR);
    assert_eq!(wind.len(), 21 * 24);
    assert_eq!(wind.iter().map(|b| b.total).sum::<u64>(), 21 * 24);
    let after = buckets(&opened.store, 0, (0, i64::MAX), HOUR);
    assert_eq!(after[..16 * 24], level[..16 * 24]);
    assert!(after[16 * 24..].iter().all(|b| b.count == 2));
    assert_eq!(dates(dir.path(), Quantity::WindDirection).len(), 5, "deleted again at once");
}

#[test]
fn what_is_not_rolled_up_is_not_deleted() {
    let dir = quick_dir();
    let (mut opened, _) = born(dir.path());
    fill(&mut opened, 0, 0, TODAY - 20 * DAY, 20);
    opened.sealer.seal().unwrap();
    opened.log.maintain().unwrap();
    drop(opened);
    let mut opened = open_with(dir.path(), Retention::new(LEVEL, BTreeMap::new()));
    let mut rolled = 0;
    loop {
        let kept = opened.keeper.step(UnixMicros(TODAY + HOUR)).unwrap();
        rolled += kept.rolled;
        if !kept.deleted.is_empty() {
            break;
        }
    }
    assert_eq!(rolled, 20);
}

#[test]
fn what_an_interrupted_deletion_leaves_is_swept_away() {
    let dir = quick_dir();
    let (opened, _) = born(dir.path());
    drop(opened);
    let stray = dir.path().join("series/2026-01-01.db-wal");
    fs::write(&stray, "x").unwrap();
    let (opened, _) = born(dir.path());
    assert!(!stray.exists());
    assert_eq!(opened.log.stats().last, LogId(0));
}

#[test]
fn the_rollups_follow_their_own_times() {
    let dir = quick_dir();
    let policy = Policy { raw: days(1), minute: days(30), hour: days(500), day: Keep::Forever };
    let mut opened = open_with(dir.path(), Retention::new(policy, BTreeMap::new()));
    let start = TODAY - 1000 * DAY;
    for part in 0..5_u32 {
        fill(&mut opened, part.into(), 0, start + i64::from(part) * 200 * DAY, 200);
    }
    opened.sealer.seal().unwrap();
    let whole = buckets(&opened.store, 0, (0, i64::MAX), DAY);
    keep(&mut opened, UnixMicros(TODAY + HOUR));
    let names = |level: &str| quantities(&dir.path().join("rollup").join(level));
    assert_eq!(names("minute").len(), 2, "this month and the last");
    let hours: Vec<_> = names("hour").into_iter().map(|(year, _)| year).collect();
    assert_eq!(hours, ["2025", "2026"]);
    assert_eq!(names("day").len(), 4);
    assert_eq!(buckets(&opened.store, 0, (0, i64::MAX), DAY), whole);
    // By the hour, the years before say that they are days.
    let hours = buckets(&opened.store, 0, (0, i64::MAX), HOUR);
    assert_eq!(hours[0].span, DAY);
    assert_eq!(hours[0].count, 24);
    assert_eq!(hours.last().unwrap().span, HOUR);
    assert_eq!(hours.iter().map(|b| b.count).sum::<u64>(), 24_000);
}
