//! `InfluxDB` 2: the one that `TRAM_INFLUX_URL` names (with `TRAM_INFLUX_TOKEN` and
//! `TRAM_INFLUX_ORG`), and exchanges kept in `tests/exchanges/influxdb2`.

use tram_wire::{Flag, Point, Quality, Tests};

use super::{
    exchanges::Replay,
    reading::{compare, fill, points, readings},
    *,
};
use crate::{
    Reading,
    engine::{Engine as Reader, EngineError},
    sink::{Credentials, Kind, Lines, Prepared, ProvisionError, Refusal, Rest, Wanted, prepare},
    tests::{NOW, good, readings_of},
};

/// A year.
const YEAR_S: u64 = 31_536_000;

fn access(token: &str) -> Access {
    Access::new(Some(&Credentials::Token(token.to_owned())), None).unwrap()
}

fn place(base: &str, org: &str, bucket: &str) -> Place {
    let (org, bucket) = (Some(org.to_owned()), Some(bucket.to_owned()));
    Place::V2 { base: base.to_owned(), org, bucket }
}

fn wanted() -> Wanted {
    let (org, bucket) = ("tram".to_owned(), "readings".to_owned());
    Wanted { org, bucket, retention_s: Some(YEAR_S) }
}

/// What comes of a file of exchanges about the bucket.
fn prepared(file: &str) -> Result<Prepared, ProvisionError> {
    let replay = Replay::start(&format!("influxdb2/{file}"));
    let outcome = prepare(&Rest::new(&replay.base, &access("s3cret")).unwrap(), &wanted());
    replay.end();
    outcome
}

#[test]
fn the_bucket_is_found_made_or_changed() {
    assert_eq!(prepared("bucket-created.txt"), Ok(Prepared::Created));
    assert_eq!(prepared("bucket-created-after-an-empty-list.txt"), Ok(Prepared::Created));
    assert_eq!(prepared("bucket-as-wanted.txt"), Ok(Prepared::AsWanted));
    assert_eq!(prepared("bucket-updated.txt"), Ok(Prepared::Updated { was_s: 2_592_000 }));
    assert_eq!(prepared("bucket-made-by-another.txt"), Ok(Prepared::AsWanted));
    for file in ["bucket-forbidden.txt", "token-wrong.txt"] {
        assert!(matches!(prepared(file), Ok(Prepared::NotAllowed { .. })), "{file}");
    }
    assert!(matches!(prepared("starting.txt"), Err(ProvisionError::NotReady(_))));
}

#[test]
fn readings_are_written_as_the_reference_says() {
    let replay = Replay::start("influxdb2/write.txt");
    let place = place(&replay.base, "tram", "readings");
    let target = Target::new(&place, &access("s3cret")).unwrap();
    let failed = Quality { flag: Flag::Fail, tests: Tests::GROSS_RANGE };
    let mut lines = Lines::default();
    lines.push(&readings_of(&[
        good(NOW.0, 77_512),
        Point { micros: NOW.0 + 1_000_000, value: Some(77_512), quality: failed },
    ]));
    assert_eq!(target.write(lines.slice(0, 2)), Answer::Written);
    for why in [Refusal::BadRequest, Refusal::TooLarge] {
        assert!(matches!(target.write(b"x\n"), Answer::Refused { why: w, .. } if w == why));
    }
    let after = Some(Duration::from_secs(12));
    assert!(matches!(target.write(b"x\n"), Answer::Later { after: a, .. } if a == after));
    assert!(matches!(target.write(b"x\n"), Answer::Later { after: None, .. }));
    replay.end();
}

fn reader(base: &str) -> Reader {
    let place = place(base, "tram", "readings");
    Reader::new(Kind::Influxdb2, &place, &access("s3cret")).unwrap().unwrap()
}

#[test]
fn a_history_is_read_from_annotated_csv() {
    let replay = Replay::start("influxdb2/history.txt");
    let found = readings(&reader(&replay.base), 0, NOW.0, NOW.0 + 300_000_000).unwrap();
    replay.end();
    let reading = |micros: i64, value, flag, tests: u16| Reading {
        time: tram_wire::UnixMicros(NOW.0 + micros),
        value,
        quality: Quality { flag, tests: Tests::from_bits(tests).unwrap() },
    };
    assert_eq!(
        found,
        [
            reading(0, Some(77_512), Flag::Good, 0),
            reading(1_000_001, Some(-1), Flag::Suspect, 2),
            reading(2_500_000, Some(7_000), Flag::Fail, 1),
            reading(100_000_000, None, Flag::Missing, 32),
            reading(279_999_999, Some(1_099_511_627_776), Flag::NotEvaluated, 0),
        ]
    );
    let replay = Replay::start("influxdb2/history-empty.txt");
    assert_eq!(readings(&reader(&replay.base), 0, NOW.0, NOW.0 + 300_000_000), Ok(vec![]));
    replay.end();
}

#[test]
fn what_goes_wrong_is_what_the_engine_says() {
    let replay = Replay::start("influxdb2/history-gives-up.txt");
    let range = (tram_wire::UnixMicros(NOW.0), tram_wire::UnixMicros(NOW.0 + 300_000_000));
    let mut history =
        reader(&replay.base).history(&crate::tests::key(0), range.0, range.1).unwrap();
    assert!(matches!(history.next(), Some(Ok(r)) if r.time == NOW));
    assert!(matches!(history.next(), Some(Ok(_))));
    let error = history.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("memory allocation limit"), "{error}");
    assert!(history.next().is_none());
    replay.end();
    let replay = Replay::start("influxdb2/history-no-bucket.txt");
    let error = readings(&reader(&replay.base), 0, range.0.0, range.1.0).unwrap_err();
    assert!(
        matches!(&error, EngineError::Refused { status: 404, reason } if reason.contains("could not find bucket")),
        "{error}"
    );
    replay.end();
}

#[test]
fn steps_are_made_by_the_engine() {
    let replay = Replay::start("influxdb2/steps.txt");
    let minute = 60_000_000;
    let from = NOW.0.div_euclid(minute) * minute;
    let functions = [crate::export::Function::Mean, crate::export::Function::Max];
    let found: Vec<_> = reader(&replay.base)
        .aggregate(
            &crate::tests::key(0),
            tram_wire::UnixMicros(from),
            tram_wire::UnixMicros(from + 5 * minute),
            minute,
            &functions,
        )
        .unwrap()
        .map(Result::unwrap)
        .collect();
    replay.end();
    let shown: Vec<_> = found
        .iter()
        .map(|b| ((b.start.0 - from) / minute, b.total, b.count, b.good, b.sum, b.max))
        .collect();
    assert_eq!(
        shown,
        [
            (0, 3, 2, 1, Some(77_511), Some(77_512)),
            (2, 1, 0, 0, None, None),
            (4, 1, 1, 0, Some(1_099_511_627_776), Some(1_099_511_627_776)),
        ]
    );
}

#[test]
fn a_real_influxdb_2_gives_back_what_the_store_holds() {
    let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let Some(base) = var("TRAM_INFLUX_URL") else {
        eprintln!(
            "skipped: TRAM_INFLUX_URL names no InfluxDB 2; its exchanges were replayed instead"
        );
        return;
    };
    let (token, org) = (var("TRAM_INFLUX_TOKEN").unwrap(), var("TRAM_INFLUX_ORG").unwrap());
    let bucket = format!("tram-test-{}", std::process::id());
    let access = access(&token);
    let rest = Rest::new(&base, &access).unwrap();
    // The readings of the test are of a fixed time; for ever, so that they are taken at any time.
    let mut wanted = Wanted { org: org.clone(), bucket: bucket.clone(), retention_s: Some(YEAR_S) };
    assert_eq!(prepare(&rest, &wanted), Ok(Prepared::Created));
    wanted.retention_s = Some(0);
    assert_eq!(prepare(&rest, &wanted), Ok(Prepared::Updated { was_s: YEAR_S }));
    assert_eq!(prepare(&rest, &wanted), Ok(Prepared::AsWanted));
    let dir = tempfile::tempdir().unwrap();
    let place = place(&base, &org, &bucket);
    let target = Target::new(&place, &access).unwrap();
    let store = fill(dir.path(), &points(1), &target);
    compare(&Reader::new(Kind::Influxdb2, &place, &access).unwrap().unwrap(), &store, 1);
}
