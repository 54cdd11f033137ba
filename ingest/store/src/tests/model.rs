//! Against a map from time to reading.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tram_wire::{Flag, Point, Quality, Tests, UnixMicros};

use super::{NOW, all, birth, history, key, open, pipeline, record, store};
use crate::{Bucket, Opened, Reading, day::DAY_MICROS};

#[derive(Debug, Clone)]
enum Step {
    Append { channel: usize, points: Vec<Point> },
    Run { channel: usize, start: i64, n: i64 },
    Seal,
    Maintain,
    Reopen,
}

/// A time on a grid, so that the same one comes again, over three days.
fn time() -> impl Strategy<Value = i64> {
    (-40_i64..40).prop_map(|i| NOW.0 + i * (DAY_MICROS / 30))
}

fn point() -> impl Strategy<Value = Point> {
    (time(), -1000_i64..1000, 0_usize..5).prop_map(|(micros, value, kind)| {
        let quality = [
            Quality::GOOD,
            Quality::NOT_EVALUATED,
            Quality { flag: Flag::Suspect, tests: Tests::SPIKE },
            Quality { flag: Flag::Fail, tests: Tests::GROSS_RANGE },
            Quality::missing(Tests::ECHO_LOSS),
        ][kind];
        Point { micros, value: (quality.flag != Flag::Missing).then_some(value), quality }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0_usize..2, prop::collection::vec(point(), 1..12))
            .prop_map(|(channel, points)| Step::Append { channel, points }),
        3 => (0_usize..2, time(), 1_i64..6000)
            .prop_map(|(channel, start, n)| Step::Run { channel, start, n }),
        3 => Just(Step::Seal),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
    ]
}

type Model = [BTreeMap<i64, Reading>; 2];

fn append(opened: &mut Opened, model: &mut Model, seq: u64, channel: usize, points: &[Point]) {
    opened.log.append(&[record(seq, channel, points)]).unwrap();
    for p in points {
        model[channel].entry(p.micros).or_insert(Reading {
            time: UnixMicros(p.micros),
            value: p.value,
            quality: p.quality,
        });
    }
}

fn buckets(readings: &BTreeMap<i64, Reading>, from: i64, to: i64, step: i64) -> Vec<Bucket> {
    let mut buckets: BTreeMap<i64, Bucket> = BTreeMap::new();
    for (time, r) in readings.range(from..to) {
        let start = time.div_euclid(step) * step;
        let b = buckets.entry(start).or_insert(Bucket {
            start: UnixMicros(start),
            span: step,
            count: 0,
            good: 0,
            total: 0,
            min: None,
            max: None,
            last: None,
            sum: None,
            vector: None,
        });
        b.total += 1;
        if let Some(v) = r.value.filter(|_| r.quality.usable()) {
            b.count += 1;
            b.good += u64::from(r.quality.flag == Flag::Good);
            b.min = Some(b.min.unwrap_or(v).min(v));
            b.max = Some(b.max.unwrap_or(v).max(v));
            b.last = Some(v);
            b.sum = Some(b.sum.unwrap_or(0) + i128::from(v));
        }
    }
    buckets.into_values().collect()
}

fn agree(opened: &Opened, model: &Model, from: i64, len: i64) {
    for (channel, expected) in model.iter().enumerate() {
        let stored = all(&opened.store, channel);
        assert!(
            stored.iter().eq(expected.values()),
            "channel {channel}: {} stored, {} expected",
            stored.len(),
            expected.len()
        );
        let part = history(&opened.store, channel, from, from + len);
        assert!(part.iter().eq(expected.range(from..from + len).map(|(_, r)| r)));
        for step in [1, 60_000_000, 3_600_000_000, DAY_MICROS, 400 * DAY_MICROS] {
            let found: Vec<Bucket> = opened
                .store
                .aggregate(&key(channel), UnixMicros(from), UnixMicros(from + len), step)
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(found, buckets(expected, from, from + len, step), "step {step}");
        }
        let latest = opened.store.latest().into_iter().find(|l| l.key == key(channel));
        let last = expected.values().next_back();
        assert_eq!(latest.map(|l| l.time), last.map(|r| r.time));
        assert_eq!(latest.map(|l| (l.value, l.quality)), last.map(|r| (r.value, r.quality)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn history_is_the_model_after_any_appends_seals_and_restarts(
        steps in prop::collection::vec(step(), 1..24),
        from in time(),
        len in 1_i64..2 * DAY_MICROS,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = open(dir.path());
        let mut p = pipeline(&opened);
        store(&mut opened, &mut p, "birth", &birth().encode().unwrap());
        let mut model = Model::default();
        for (seq, step) in steps.into_iter().enumerate() {
            let seq = seq as u64;
            match step {
                Step::Append { channel, points } => {
                    append(&mut opened, &mut model, seq, channel, &points);
                }
                Step::Run { channel, start, n } => {
                    append(&mut opened, &mut model, seq, channel, &super::series(start, n));
                }
                Step::Seal => {
                    opened.sealer.seal().unwrap();
                }
                Step::Maintain => {
                    let last = opened.log.stats().last;
                    opened.log.advance("alerts", last);
                    opened.log.maintain().unwrap();
                }
                Step::Reopen => {
                    drop(opened);
                    opened = open(dir.path());
                    prop_assert_eq!(opened.recovery.corrupt_entries, 0);
                }
            }
            agree(&opened, &model, from, len);
        }
    }
}
