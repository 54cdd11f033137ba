//! Against a map from time to reading.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tram_wire::{Flag, Point, Quality, Tests, UnixMicros};

use super::{NOW, all, birth, history, key, open, pipeline, quick_dir, record, store};
use crate::{Bucket, Opened, Reading, Vector, day::DAY_MICROS};

#[derive(Debug, Clone)]
enum Step {
    Append {
        channel: usize,
        points: Vec<Point>,
    },
    Run {
        channel: usize,
        start: i64,
        n: i64,
    },
    Seal,
    /// The keeper works, all of it or so many pieces.
    Keep(usize),
    Maintain,
    Reopen,
}

/// A time on a grid, so that the same one comes again, over three days.
fn time() -> impl Strategy<Value = i64> {
    (-40_i64..40).prop_map(|i| NOW.0 + i * (DAY_MICROS / 30))
}

pub(super) fn point(time: impl Strategy<Value = i64>) -> impl Strategy<Value = Point> {
    (time, -1000_i64..1000, 0_usize..5).prop_map(|(micros, value, kind)| {
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
        5 => (0_usize..3, prop::collection::vec(point(time()), 1..12))
            .prop_map(|(channel, points)| Step::Append { channel, points }),
        3 => (0_usize..3, time(), 1_i64..6000)
            .prop_map(|(channel, start, n)| Step::Run { channel, start, n }),
        3 => Just(Step::Seal),
        3 => prop_oneof![Just(usize::MAX), 1_usize..4].prop_map(Step::Keep),
        1 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
    ]
}

type Model = [BTreeMap<i64, Reading>; 3];

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

/// A step of time as the readings in it make it, in order of time.
pub(super) fn bucket(start: i64, span: i64, circular: bool, readings: &[&Reading]) -> Bucket {
    let usable = readings.iter().filter(|r| r.quality.usable());
    let values: Vec<(i64, bool)> =
        usable.filter_map(|r| Some((r.value?, r.quality.flag == Flag::Good))).collect();
    let only = |of: Option<i64>| of.filter(|_| !circular);
    let mut vector = Vector::default();
    values.iter().for_each(|(v, _)| vector.add(Vector::of(*v)));
    let sum: i128 = values.iter().map(|(v, _)| i128::from(*v)).sum();
    Bucket {
        start: UnixMicros(start),
        span,
        count: values.len() as u64,
        good: values.iter().filter(|(_, good)| *good).count() as u64,
        total: readings.len() as u64,
        min: only(values.iter().map(|(v, _)| *v).min()),
        max: only(values.iter().map(|(v, _)| *v).max()),
        last: values.last().map(|(v, _)| *v),
        sum: (!values.is_empty() && !circular).then_some(sum),
        vector: circular.then_some(vector),
    }
}

fn buckets(
    readings: &BTreeMap<i64, Reading>,
    circular: bool,
    from: i64,
    to: i64,
    step: i64,
) -> Vec<Bucket> {
    let mut steps: BTreeMap<i64, Vec<&Reading>> = BTreeMap::new();
    for (time, r) in readings.range(from..to) {
        steps.entry(time.div_euclid(step) * step).or_default().push(r);
    }
    steps.into_iter().map(|(start, r)| bucket(start, step, circular, &r)).collect()
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
        for seconds in [60, 90, 300, 3_600, 5_400, 7_200, 86_400, 400 * 86_400] {
            let step = seconds * 1_000_000;
            let found: Vec<Bucket> = opened
                .store
                .aggregate(&key(channel), UnixMicros(from), UnixMicros(from + len), step)
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(
                found,
                buckets(expected, channel == 2, from, from + len, step),
                "step {step}"
            );
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
        let dir = quick_dir();
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
                Step::Keep(pieces) => {
                    // Days after the last reading that may come.
                    let now = NOW.plus(3 * DAY_MICROS);
                    for _ in 0..pieces {
                        if !opened.keeper.step(now).unwrap().more {
                            prop_assert_eq!(opened.store.stats().unrolled, 0);
                            break;
                        }
                    }
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
