//! What is written is read back by an independent reader, or letter by letter.

use ::parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};
use bytes::Bytes;
use tram_wire::{Flag, Point, Quality, Tests, UnixMicros};

use super::{
    Function, csv, csv_aggregates, parquet, parquet_aggregates,
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
