//! What a sink writes is there, once, whatever engine and log do meanwhile.

use std::collections::BTreeSet;

use super::*;
use crate::{
    LogId,
    sink::{Kind, Limits},
    tests::{NOW, batch, born, series, store},
};

#[test]
fn everything_reaches_victoria_metrics_although_it_crashes() {
    let dir = tempfile::tempdir().unwrap();
    let address = free();
    let Some(engine) = Engine::victoria(dir.path(), address) else { return };
    let (mut opened, mut p) = born(&dir.path().join("store"));
    let mut add = |seqs: std::ops::Range<u64>| {
        for seq in seqs {
            let start = NOW.0 + i64::try_from(seq).unwrap() * 100_000_000;
            store(&mut opened, &mut p, "data", &batch(seq, 0, &series(start, 100)));
        }
    };
    add(0..100);
    let mut reader = LogReader::open(&dir.path().join("store/log.db")).unwrap();
    let limits = Limits { readings: 1_000, ..Limits::default() };
    let mut sink = Sink::new(LogId(0), limits);
    let target = target(&v2(&engine));
    let mut now = Duration::ZERO;
    pour(&mut sink, &mut reader, &target, &mut blind(), &mut now, |answer| {
        assert_eq!(*answer, Answer::Written);
        false
    });
    assert_eq!(sink.counters().written, 10_000);

    // Killed just after its last 204; what it had not written is given to it again.
    drop(engine);
    add(100..120);
    pour(&mut sink, &mut reader, &target, &mut blind(), &mut now, |a| {
        matches!(a, Answer::Unreachable { .. })
    });
    assert_eq!(sink.counters().retries, 1);
    let engine = Engine::victoria(dir.path(), address).unwrap();
    pour(&mut sink, &mut reader, &target, &mut blind(), &mut now, |_| false);
    assert_eq!(sink.counters().replays, 1);
    let (samples, values) = engine.exported("tram_value");
    let expected = (0..12_000).map(|i| ("lao-cai-river-01".to_owned(), NOW.0 / 1_000 + i * 1_000));
    assert_eq!(samples, expected.collect());
    assert_eq!(values, 12_000, "a reading that came twice counts once");
}

#[test]
fn a_crash_between_two_requests_is_noticed_and_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let address = free();
    let Some(engine) = Engine::victoria(dir.path(), address) else { return };
    let (mut opened, mut p) = born(&dir.path().join("store"));
    let mut add = |seq: u64| {
        let start = NOW.0 + i64::try_from(seq).unwrap() * 1_000_000_000;
        store(&mut opened, &mut p, "data", &batch(seq, 0, &series(start, 1_000)));
    };
    add(0);
    add(1);
    let mut reader = LogReader::open(&dir.path().join("store/log.db")).unwrap();
    let mut sink = Sink::new(LogId(0), Limits::default()).watching();
    let place = v2(&engine);
    let base = place.base().unwrap();
    let mut watch = Watch::new(&[Kind::VictoriaMetrics.watched(base)], base, &Access::default());
    let target = target(&place);
    let mut now = Duration::ZERO;
    // It has answered for all of them, and is killed before anything of them is on its disk.
    pour(&mut sink, &mut reader, &target, &mut watch, &mut now, |a| *a == Answer::Written);
    assert_eq!(sink.counters().written, 2_000);
    let before = engine.started();
    drop(engine);
    let mut engine = Engine::victoria(dir.path(), address).unwrap();
    // It says in seconds when it was started.
    while engine.started() == before {
        drop(engine);
        engine = Engine::victoria(dir.path(), address).unwrap();
    }
    assert_eq!(engine.exported("tram_value").1, 0, "it lost what it had answered for");
    // Nothing fails after that, and still it is noticed.
    add(2);
    pour(&mut sink, &mut reader, &target, &mut watch, &mut now, |answer| {
        assert_eq!(*answer, Answer::Written);
        false
    });
    assert_eq!((sink.counters().replays, sink.counters().retries), (1, 0));
    let (samples, values) = engine.exported("tram_value");
    assert_eq!((samples.len(), values), (3_000, 3_000));
    assert_eq!(sink.cursor(), sink.written(), "the same engine was seen a replay window later");
}

#[test]
fn everything_reaches_influxdb_and_what_it_refuses_is_singled_out() {
    let dir = tempfile::tempdir().unwrap();
    let Some(engine) = Engine::influx(dir.path(), free(), free()) else { return };
    let place = Place::V1 { base: engine.base(), database: "tram".to_owned() };
    let target = target(&place);
    let (mut opened, mut p) = born(&dir.path().join("store"));
    for seq in 0..20 {
        let start = NOW.0 + i64::try_from(seq).unwrap() * 100_000_000;
        store(&mut opened, &mut p, "data", &batch(seq, 0, &series(start, 100)));
    }
    let mut reader = LogReader::open(&dir.path().join("store/log.db")).unwrap();
    let mut sink = Sink::new(LogId(0), Limits::default());
    let mut now = Duration::ZERO;
    // A database that does not exist is no fault of the readings.
    pour(&mut sink, &mut reader, &target, &mut blind(), &mut now, |a| {
        assert!(matches!(a, Answer::Later { reason, .. } if reason.contains("not found")), "{a:?}");
        true
    });
    let query = |q: &str| engine.query(q);
    query("CREATE DATABASE tram");
    pour(&mut sink, &mut reader, &target, &mut blind(), &mut now, |_| false);
    assert_eq!(sink.counters().written, 2_000);
    let answer = query("SELECT count(value), last(value), sum(quality) FROM tram");
    let row = &answer["results"][0]["series"][0]["values"][0];
    assert_eq!((&row[1], &row[3]), (&Value::from(2_000), &Value::from(2_000)));
    let times = query("SELECT value FROM tram ORDER BY time LIMIT 1");
    assert_eq!(times["results"][0]["series"][0]["values"][0][0], NOW.0);

    // In the week of three of the readings, `value` is text already: they alone are refused.
    query("DROP MEASUREMENT tram");
    let month = NOW.0 - 30 * 86_400_000_000;
    let text = format!("tram value=\"text\" {month}\n");
    assert_eq!(target.write(text.as_bytes()), Answer::Written);
    store(&mut opened, &mut p, "data", &batch(20, 0, &series(month, 3)));
    let mut sink = Sink::new(LogId(0), Limits::default());
    pour(&mut sink, &mut reader, &target, &mut blind(), &mut now, |_| false);
    let counters = sink.counters();
    assert_eq!((counters.written, counters.bad_request, counters.retries), (2_000, 3, 0));
    assert!(sink.refused().all(|r| r.reason.contains("field type conflict")), "{sink:?}");
    let answer = query("SELECT count(value) FROM tram WHERE station = 'lao-cai-river-01'");
    assert_eq!(answer["results"][0]["series"][0]["values"][0][1], 2_000);
}

/// Names that are up to something.
const NAMES: [&str; 9] = [
    "a b",
    "a,quality=9",
    "a\\",
    "a\\\\ value=1",
    "a value=1 1\ntram,station=forged value=2 2",
    "\"a\" b=\"",
    "a%5Cb%",
    "tạm\u{85}\u{2028}\t站",
    "#=,= ,\\,\\=\\ \\\n",
];

/// One line with each of the names, and the tags the engine should have of them.
fn forged() -> (String, BTreeSet<String>) {
    let mut lines = String::new();
    let mut expected = BTreeSet::new();
    for name in NAMES {
        let mut tag = Vec::new();
        crate::sink::tag(&mut tag, "station", name);
        let tag = String::from_utf8(tag).unwrap();
        lines += &format!("tram{tag} value=7 {}\n", NOW.0);
        expected.insert(tag.replace('\\', "").replacen(",station=", "", 1));
    }
    (lines, expected)
}

#[test]
fn no_name_forges_a_point_in_victoria_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let Some(engine) = Engine::victoria(dir.path(), free()) else { return };
    let (lines, expected) = forged();
    let target = target(&v2(&engine));
    assert_eq!(target.write(lines.as_bytes()), Answer::Written);
    let (samples, values) = engine.exported("%7B__name__!%3D%22%22%7D");
    assert_eq!(samples.into_iter().map(|(station, _)| station).collect::<BTreeSet<_>>(), expected);
    assert_eq!(values, NAMES.len());
}

#[test]
fn no_name_forges_a_point_in_influxdb() {
    let dir = tempfile::tempdir().unwrap();
    let Some(engine) = Engine::influx(dir.path(), free(), free()) else { return };
    engine.query("CREATE DATABASE tram");
    let place = Place::V1 { base: engine.base(), database: "tram".to_owned() };
    let (lines, expected) = forged();
    let target = target(&place);
    assert_eq!(target.write(lines.as_bytes()), Answer::Written);
    let answer = engine.query("SELECT station, value FROM tram");
    let rows = answer["results"][0]["series"][0]["values"].as_array().unwrap();
    let stations = rows.iter().map(|row| row[1].as_str().unwrap().to_owned());
    assert_eq!(stations.collect::<BTreeSet<_>>(), expected);
    assert!(rows.iter().all(|row| row[2] == 7 && row[0] == NOW.0), "{rows:?}");
}
