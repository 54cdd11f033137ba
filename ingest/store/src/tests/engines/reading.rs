//! What an engine gives back is what the store holds: value for value, step for step.

use tram_wire::{Flag, Point, Quality, Tests, UnixMicros};

use super::*;
use crate::{
    Bucket, LogId, Reading, Store, StoreError,
    engine::EngineError,
    export::Function,
    sink::{Kind, Limits},
    tests::{NOW, batch, born, good, key, series, store},
};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
pub(super) const FUNCTIONS: [Function; 6] =
    [Function::Mean, Function::Min, Function::Max, Function::Last, Function::Sum, Function::Count];

/// Readings of every kind, those at the edges of what there is among them. `grain` is the least
/// the times differ by.
pub(super) fn points(grain: i64) -> Vec<Point> {
    let mut points = series(NOW.0, 900);
    let flags = [Flag::Good, Flag::Suspect, Flag::Fail, Flag::NotEvaluated, Flag::Missing];
    for (i, point) in points.iter_mut().enumerate() {
        let n = i64::try_from(i).unwrap();
        point.micros += n % 3 * grain;
        if i % 7 == 0 {
            let flag = flags[i / 7 % flags.len()];
            let tests = Tests::from_bits(u16::try_from(i % 0x400).unwrap()).unwrap();
            point.quality = Quality { flag, tests };
            if flag == Flag::Missing {
                point.value = None;
            }
        }
    }
    // A step with failed readings alone, one with missing ones alone, and a hole of half an hour.
    for (minute, flag, value) in [(50, Flag::Fail, Some(7)), (51, Flag::Missing, None)] {
        let quality = Quality { flag, tests: Tests::SENSOR_ERROR };
        points.push(Point { micros: NOW.0 + minute * MINUTE, value, quality });
    }
    let edges = [0, -1, 1, -77_512, 999_999_999, 1 << 40, -(1 << 40), (1 << 49) + 1];
    for (i, value) in (0..).zip(edges) {
        points.push(good(NOW.0 + HOUR + i * MINUTE, value));
    }
    points
}

/// Puts readings into a store and everything of it into an engine.
pub(super) fn fill(dir: &Path, points: &[Point], target: &Target) -> Store {
    let (mut opened, mut p) = born(&dir.join("store"));
    for (seq, points) in (0..).zip(points.chunks(100)) {
        store(&mut opened, &mut p, "data", &batch(seq, 0, points));
    }
    store(&mut opened, &mut p, "data", &batch(999, 1, &[good(NOW.0, 20), good(NOW.0 + 1_000, 40)]));
    let mut reader = LogReader::open(&dir.join("store/log.db")).unwrap();
    let mut sink = Sink::new(LogId(0), Limits::default());
    let mut now = Duration::ZERO;
    pour(&mut sink, &mut reader, target, &mut blind(), &mut now, |answer| {
        assert_eq!(*answer, Answer::Written);
        false
    });
    opened.store
}

pub(super) fn readings(
    engine: &crate::engine::Engine,
    channel: usize,
    from: i64,
    to: i64,
) -> Result<Vec<Reading>, EngineError> {
    engine.history(&key(channel), UnixMicros(from), UnixMicros(to))?.collect()
}

pub(super) fn steps(
    engine: &crate::engine::Engine,
    from: i64,
    to: i64,
    step: i64,
) -> Result<Vec<Bucket>, EngineError> {
    engine.aggregate(&key(0), UnixMicros(from), UnixMicros(to), step, &FUNCTIONS)?.collect()
}

/// Everything the store answers, the engine answers.
pub(super) fn compare(engine: &crate::engine::Engine, store: &Store, grain: i64) {
    let own = |channel: usize, from: i64, to: i64| -> Vec<Reading> {
        let history = store.history(&key(channel), UnixMicros(from), UnixMicros(to)).unwrap();
        history.collect::<Result<_, StoreError>>().unwrap()
    };
    for (from, to) in [
        (0, i64::MAX),
        (NOW.0, NOW.0 + 1),
        (NOW.0 + 61 * 1_000_000, NOW.0 + 700 * 1_000_000 + grain),
        (NOW.0 + HOUR, NOW.0 + 3 * HOUR),
        (0, NOW.0),
        (NOW.0 + 5 * HOUR, i64::MAX),
    ] {
        let (expected, found) = (own(0, from, to), readings(engine, 0, from, to).unwrap());
        assert_eq!(found.len(), expected.len(), "{from}..{to}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected);
        }
    }
    assert_eq!(readings(engine, 1, 0, i64::MAX).unwrap(), own(1, 0, i64::MAX), "the other channel");
    for step in [1_000_000, 7_000_000, MINUTE, 5 * MINUTE, HOUR, 24 * HOUR] {
        for (from, to) in [
            (NOW.0 - HOUR, NOW.0 + 3 * HOUR),
            (NOW.0 + 12_345_000, NOW.0 + HOUR + 3 * MINUTE + 1_000),
            (NOW.0 + 20 * MINUTE, NOW.0 + 40 * MINUTE),
        ] {
            let expected = store.aggregate(&key(0), UnixMicros(from), UnixMicros(to), step);
            let expected: Vec<Bucket> = expected.unwrap().map(Result::unwrap).collect();
            let found = steps(engine, from, to, step).unwrap();
            assert_eq!(found.len(), expected.len(), "{from}..{to} by {step}");
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "{from}..{to} by {step}");
            }
        }
    }
}

fn engine(kind: Kind, place: &Place) -> crate::engine::Engine {
    crate::engine::Engine::new(kind, place, &Access::default()).unwrap().unwrap()
}

#[test]
fn victoria_metrics_gives_back_what_the_store_holds() {
    let dir = tempfile::tempdir().unwrap();
    let Some(running) = Engine::victoria(dir.path(), free()) else { return };
    // Its times are milliseconds.
    let store = fill(dir.path(), &points(1_000), &target(&v2(&running)));
    running.ask("/internal/force_flush");
    compare(&engine(Kind::VictoriaMetrics, &v2(&running)), &store, 1_000);
}

#[test]
fn influxdb_1_gives_back_what_the_store_holds() {
    let dir = tempfile::tempdir().unwrap();
    let Some(running) = Engine::influx(dir.path(), free(), free()) else { return };
    running.query("CREATE DATABASE tram");
    let place = Place::V1 { base: running.base(), database: "tram".to_owned() };
    let store = fill(dir.path(), &points(1), &target(&place));
    compare(&engine(Kind::Influxdb1, &place), &store, 1);
    let nowhere = Place::V1 { base: running.base(), database: "nowhere".to_owned() };
    let error = readings(&engine(Kind::Influxdb1, &nowhere), 0, 0, 1).unwrap_err();
    assert!(
        matches!(&error, EngineError::GaveUp(e) if e.contains("database not found")),
        "{error}"
    );
}

#[test]
fn an_engine_that_is_not_there_says_so_at_once() {
    let base = format!("http://{}", free());
    let v2 = Place::V2 { base: base.clone(), org: None, bucket: None };
    let v1 = Place::V1 { base, database: "tram".to_owned() };
    for (kind, place) in
        [(Kind::VictoriaMetrics, &v2), (Kind::Influxdb2, &v2), (Kind::Influxdb1, &v1)]
    {
        let engine = engine(kind, place);
        for error in [
            readings(&engine, 0, 0, 1).unwrap_err(),
            steps(&engine, 0, 2 * HOUR, HOUR).unwrap_err(),
        ] {
            assert!(matches!(error, EngineError::Unreachable(_)), "{error}");
        }
    }
    let other = crate::engine::Engine::new(Kind::LineProtocol, &v2, &Access::default());
    assert!(other.unwrap().is_none());
}
