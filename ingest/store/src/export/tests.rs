//! What is written is read back by an independent reader, or letter by letter.

use ::parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};
use bytes::Bytes;
use tram_wire::{Flag, Point, Quality, Tests, UnixMicros};

use super::{
    ExportError, Function, Json, LongCsv, LongParquet, csv, csv_aggregates, parquet,
    parquet_aggregates,
    text::{Decimal, Time},
};
use crate::{
    Opened,
    tests::{NOW, all, born, good, key, record, series},
};

fn opened(dir: &std::path::Path, points: &[Point]) -> Opened {
    let (mut opened, _) = born(dir);
    opened.log.append(&[record(0, 0, points)]).unwrap();
    opened.sealer.seal().unwrap();
    opened
}

const RANGE: (UnixMicros, UnixMicros) = (UnixMicros(0), UnixMicros(i64::MAX));

fn some_points() -> [Point; 4] {
    let suspect = Quality { flag: Flag::Suspect, tests: Tests::SPIKE.with(Tests::GAP) };
    [
        good(NOW.0, 77_500),
        Point { micros: NOW.0 + 1_000, value: Some(-1), quality: suspect },
        Point { micros: NOW.0 + 2_001, value: None, quality: Quality::missing(Tests::ECHO_LOSS) },
        good(NOW.0 + 60_000_000, 86_910),
    ]
}

#[test]
fn csv_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let opened = opened(dir.path(), &some_points());
    let mut out = Vec::new();
    let history = opened.store.history(&key(0), RANGE.0, RANGE.1).unwrap();
    assert_eq!(csv(&mut out, &key(0), history).unwrap(), 4);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "time,value,quality,tests\n\
         2026-09-21T14:13:20Z,77.500,1,\n\
         2026-09-21T14:13:20.001Z,-0.001,3,spike gap\n\
         2026-09-21T14:13:20.002001Z,,9,echo_loss\n\
         2026-09-21T14:14:20Z,86.910,1,\n"
    );
    let mut out = Vec::new();
    let aggregates = opened.store.aggregate(&key(0), RANGE.0, RANGE.1, 60_000_000).unwrap();
    let functions = [Function::Max, Function::Mean, Function::Max, Function::Count, Function::Sum];
    csv_aggregates(&mut out, &key(0), aggregates, &functions).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "time,max,mean,sum,count,good,span_s\n\
         2026-09-21T14:13:00Z,77.500,38.7495,77.499,2,1,60\n\
         2026-09-21T14:14:00Z,86.910,86.91,86.910,1,1,60\n"
    );
}

#[test]
fn parquet_is_read_back_in_groups() {
    let dir = tempfile::tempdir().unwrap();
    let mut points = some_points().to_vec();
    points.extend(series(NOW.0 + 100_000_000, 10_000));
    let mut opened = opened(dir.path(), &points);
    for seq in 1..8 {
        let start = NOW.0 + i64::try_from(seq).unwrap() * 20_000_000_000;
        opened.log.append(&[record(seq, 0, &series(start, 10_000))]).unwrap();
    }
    let mut out = Vec::new();
    let history = opened.store.history(&key(0), RANGE.0, RANGE.1).unwrap();
    assert_eq!(parquet(&mut out, &key(0), history).unwrap(), 80_004);
    let file = SerializedFileReader::new(Bytes::from(out)).unwrap();
    assert_eq!(file.num_row_groups(), 2);
    let expected = all(&opened.store, 0);
    for (row, reading) in file.get_row_iter(None).unwrap().zip(&expected) {
        let row = row.unwrap();
        assert_eq!(row.get_timestamp_micros(0).unwrap(), reading.time.0);
        match reading.value {
            Some(counts) => {
                let bytes = row.get_decimal(1).unwrap().data().try_into().unwrap();
                assert_eq!(i64::from_be_bytes(bytes), counts);
            }
            None => assert!(row.get_decimal(1).is_err()),
        }
        assert_eq!(row.get_ubyte(2).unwrap(), reading.quality.flag as u8);
        assert_eq!(row.get_ushort(3).unwrap(), reading.quality.tests.bits());
    }

    let mut out = Vec::new();
    let aggregates = opened.store.aggregate(&key(0), RANGE.0, RANGE.1, 60_000_000).unwrap();
    let functions = [Function::Mean, Function::Last];
    let rows = parquet_aggregates(&mut out, &key(0), aggregates, &functions).unwrap();
    let file = SerializedFileReader::new(Bytes::from(out)).unwrap();
    assert_eq!(file.metadata().file_metadata().num_rows().unsigned_abs(), rows);
    let first = file.get_row_iter(None).unwrap().next().unwrap().unwrap();
    assert_eq!(first.get_double(1).unwrap(), 38.7495);
    assert_eq!((first.get_long(3).unwrap(), first.get_long(4).unwrap()), (2, 1));
}

#[test]
fn a_writer_that_has_gone_ends_the_export() {
    struct Gone;
    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let opened = opened(dir.path(), &series(NOW.0, 100));
    let history = || opened.store.history(&key(0), RANGE.0, RANGE.1).unwrap();
    assert!(matches!(csv(&mut Gone, &key(0), history()), Err(super::ExportError::Write(_))));
    assert!(matches!(parquet(Gone, &key(0), history()), Err(super::ExportError::Write(_))));
}

#[test]
fn text_is_what_people_write() {
    let decimal = |counts, decimals| Decimal { counts, decimals }.to_string();
    assert_eq!(decimal(5, 3), "0.005");
    assert_eq!(decimal(-86_910, 3), "-86.910");
    assert_eq!(decimal(0, 2), "0.00");
    assert_eq!(decimal(101_325, 0), "101325");
    assert_eq!(Time(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    assert_eq!(Time(946_684_800_000_000).to_string(), "2000-01-01T00:00:00Z");
}

/// Two datastreams of two units and two numbers of decimals.
fn two(dir: &std::path::Path) -> Opened {
    let mut opened = opened(dir, &some_points());
    opened.log.append(&[record(1, 1, &[good(NOW.0, 20), good(NOW.0 + 1, 4)])]).unwrap();
    opened
}

fn long<T>(
    rows: impl Iterator<Item = Result<T, crate::StoreError>>,
) -> impl Iterator<Item = Result<T, ExportError>> {
    rows.map(|row| row.map_err(ExportError::Store))
}

#[test]
fn several_datastreams_share_a_csv() {
    let dir = tempfile::tempdir().unwrap();
    let opened = two(dir.path());
    let mut csv = LongCsv::new(Vec::new(), None).unwrap();
    for n in [1, 0] {
        let history = opened.store.history(&key(n), RANGE.0, RANGE.1).unwrap();
        csv.readings(&key(n), long(history)).unwrap();
    }
    let text = String::from_utf8(csv.finish()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 7);
    assert_eq!(
        lines[..4],
        [
            "station,channel,unit,time,value,quality,tests",
            "lao-cai-river-01,rain,mm,2026-09-21T14:13:20Z,0.20,1,",
            "lao-cai-river-01,rain,mm,2026-09-21T14:13:20.000001Z,0.04,1,",
            "lao-cai-river-01,water_level,m,2026-09-21T14:13:20Z,77.500,1,",
        ]
    );
    let mut csv = LongCsv::new(Vec::new(), Some(&[Function::Max])).unwrap();
    let aggregates = opened.store.aggregate(&key(1), RANGE.0, RANGE.1, 60_000_000).unwrap();
    assert_eq!(csv.buckets(&key(1), long(aggregates)).unwrap(), 1);
    assert_eq!(
        String::from_utf8(csv.finish()).unwrap(),
        "station,channel,unit,time,max,count,good,span_s\n\
         lao-cai-river-01,rain,mm,2026-09-21T14:13:00Z,0.20,2,2,60\n"
    );
}

#[test]
fn several_datastreams_share_a_json() {
    let dir = tempfile::tempdir().unwrap();
    let opened = two(dir.path());
    let node = key(0).node;
    let mut json = Json::new(Vec::new(), &node, UnixMicros(0), NOW, None).unwrap();
    for n in [0, 1] {
        let history = opened.store.history(&key(n), RANGE.0, RANGE.1).unwrap();
        json.readings(&key(n), long(history)).unwrap();
    }
    let value: serde_json::Value = serde_json::from_slice(&json.finish().unwrap()).unwrap();
    assert_eq!(value["station"], "lao-cai-river-01");
    let readings = &value["channels"][0]["readings"];
    assert_eq!(readings[0]["value"], 77.5);
    assert_eq!(readings[1]["tests"], serde_json::json!(["spike", "gap"]));
    assert_eq!(readings[2]["value"], serde_json::Value::Null);
    assert_eq!(value["channels"][1]["unit"], "mm");

    let step = Some((60_000_000, &[Function::Mean, Function::Sum][..]));
    let mut json = Json::new(Vec::new(), &node, UnixMicros(0), NOW, step).unwrap();
    let aggregates = opened.store.aggregate(&key(1), RANGE.0, RANGE.1, 60_000_000).unwrap();
    json.buckets(&key(1), long(aggregates)).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&json.finish().unwrap()).unwrap();
    assert_eq!(value["step_s"], 60);
    let row = &value["channels"][0]["rows"][0];
    assert_eq!((&row["mean"], &row["sum"], &row["count"]), (&0.12.into(), &0.24.into(), &2.into()));
}

#[test]
fn several_datastreams_share_a_parquet_and_its_decimals() {
    let dir = tempfile::tempdir().unwrap();
    let opened = two(dir.path());
    let keys = [key(0), key(1)];
    let mut file = LongParquet::new(Vec::new(), &keys, None).unwrap();
    for key in &keys {
        let history = opened.store.history(key, RANGE.0, RANGE.1).unwrap();
        file.readings(key, long(history)).unwrap();
    }
    let file = SerializedFileReader::new(Bytes::from(file.finish().unwrap())).unwrap();
    assert_eq!(file.num_row_groups(), 2);
    let rows: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 6);
    let counts = |n: usize| -> i64 {
        i64::from_be_bytes(rows[n].get_decimal(4).unwrap().data().try_into().unwrap())
    };
    assert_eq!(rows[0].get_string(1).unwrap(), "water_level");
    assert_eq!(counts(0), 77_500);
    assert!(rows[2].get_decimal(4).is_err(), "a missing value is null");
    // 0.20 mm in thousandths, as the water level has them.
    assert_eq!((rows[4].get_string(2).unwrap().as_str(), counts(4)), ("mm", 200));

    // What does not fit is an error, not another number.
    let points = [good(NOW.0 + 5, i64::MAX / 20)];
    let mut opened = opened;
    opened.log.append(&[record(2, 1, &points)]).unwrap();
    let mut file = LongParquet::new(Vec::new(), &keys, None).unwrap();
    let history = opened.store.history(&key(1), RANGE.0, RANGE.1).unwrap();
    let error = file.readings(&key(1), long(history)).unwrap_err().to_string();
    assert!(error.contains("more than 18 digits"), "{error}");

    let functions = [Function::Mean, Function::Last];
    let mut file = LongParquet::new(Vec::new(), &keys, Some(&functions)).unwrap();
    let aggregates = opened.store.aggregate(&key(0), RANGE.0, RANGE.1, 60_000_000).unwrap();
    file.buckets(&key(0), long(aggregates)).unwrap();
    let file = SerializedFileReader::new(Bytes::from(file.finish().unwrap())).unwrap();
    let first = file.get_row_iter(None).unwrap().next().unwrap().unwrap();
    assert_eq!(first.get_double(4).unwrap(), 38.7495);
    assert_eq!((first.get_long(6).unwrap(), first.get_long(7).unwrap()), (2, 1));
}
