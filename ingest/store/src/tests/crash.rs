//! Ends at the worst moments: nothing acknowledged is lost, nothing is stored twice.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use proptest::prelude::*;
use tram_pipeline::Record;
use tram_wire::Seq;

use super::{NOW, SPOOL, all, batch, born, open, pipeline, receive, record, series, store};
use crate::LogId;

#[test]
fn killed_between_seal_and_trim_it_seals_again_and_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    for seq in 0..4 {
        let start = NOW.0 + i64::try_from(seq).unwrap() * 2_000_000_000;
        store(&mut opened, &mut p, "data", &batch(seq, 0, &series(start, 2000)));
    }
    let before = all(&opened.store, 0);
    let first = opened.sealer.seal().unwrap().unwrap();
    assert_eq!((first.readings, first.duplicates), (8000, 0));
    drop(opened);

    let mut opened = open(dir.path());
    assert_eq!(opened.recovery.readings, 8000, "the cursor was not written");
    assert_eq!(all(&opened.store, 0), before);
    let again = opened.sealer.seal().unwrap().unwrap();
    assert_eq!((again.duplicates, again.chunks), (8000, 0));
    assert_eq!(all(&opened.store, 0), before);
    opened.log.advance("alerts", LogId(4));
    assert_eq!(opened.log.maintain().unwrap(), 4);
    assert!(opened.sealer.seal().unwrap().is_none());
    drop(opened);

    let opened = open(dir.path());
    assert_eq!(opened.recovery.entries, 0);
    assert_eq!(opened.log.stats().last, LogId(4), "numbers are never used again");
    assert_eq!(all(&opened.store, 0), before);
    assert_eq!(opened.store.latest()[0].time, before.last().unwrap().time);
}

#[test]
fn killed_between_two_days_of_a_seal_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    // Over midnight: two files.
    let points = series(NOW.0 + 30_000_000_000, 10_000);
    store(&mut opened, &mut p, "data", &batch(0, 0, &points));
    opened.sealer.seal().unwrap();
    drop(opened);
    let mut files: Vec<_> =
        std::fs::read_dir(dir.path().join("series")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2);
    // As if the second transaction had never been.
    std::fs::remove_file(&files[1]).unwrap();
    let mut opened = open(dir.path());
    assert_eq!(all(&opened.store, 0).len(), 10_000);
    let sealed = opened.sealer.seal().unwrap().unwrap();
    assert!(sealed.duplicates > 0 && sealed.duplicates < 10_000);
    assert_eq!(all(&opened.store, 0).len(), 10_000);
}

#[test]
fn two_seals_before_the_log_hears_of_them_lose_no_latest_reading() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, _) = born(dir.path());
    for channel in 0..2 {
        opened
            .log
            .append(&[record(channel, usize::from(channel == 1), &series(NOW.0, 1))])
            .unwrap();
        opened.sealer.seal().unwrap();
    }
    opened.log.maintain().unwrap();
    let latest = opened.store.latest();
    assert_eq!(latest.len(), 2);
    drop(opened);
    assert_eq!(open(dir.path()).store.latest(), latest);
}

#[test]
fn a_reader_beside_the_sealer_sees_every_reading_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    let total = 12_u64;
    let done = AtomicBool::new(false);
    let handle = opened.store.clone();
    /// Ends the other thread even when this one fails.
    struct Finally<'a>(&'a AtomicBool);
    impl Drop for Finally<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    std::thread::scope(|scope| {
        let _finally = Finally(&done);
        let mut sealer = opened.sealer;
        let done = &done;
        scope.spawn(move || {
            while !done.load(Relaxed) {
                sealer.seal().unwrap();
            }
        });
        for seq in 0..total {
            let start = NOW.0 + i64::try_from(seq).unwrap() * 200_000_000;
            let record = receive(&mut p, "data", &batch(seq, 0, &series(start, 200)));
            opened.log.append(&[record.into_record().unwrap()]).unwrap();
            let seen = all(&handle, 0);
            assert_eq!(seen.len() as u64, (seq + 1) * 200);
        }
    });
}

/// What happens to the batches that were sent.
#[derive(Debug, Clone, Copy)]
enum Step {
    Send(u64),
    Append,
    /// The program ends with whatever was not appended, and starts again.
    Kill,
    Seal,
    Maintain,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0_u64..30).prop_map(Step::Send),
        4 => Just(Step::Append),
        1 => Just(Step::Kill),
        1 => Just(Step::Seal),
        1 => Just(Step::Maintain),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn every_batch_is_in_the_log_once_and_no_ack_runs_ahead(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (mut opened, mut p) = born(dir.path());
        let mut waiting: Vec<Record> = Vec::new();
        let mut appended: BTreeMap<u64, u64> = BTreeMap::new();
        let finish = (0..30).map(Step::Send).chain([Step::Append]);
        for step in steps.into_iter().chain(finish) {
            match step {
                Step::Send(seq) => {
                    let start = NOW.0 + i64::try_from(seq).unwrap() * 10_000_000;
                    let outcome = receive(&mut p, "data", &batch(seq, 0, &series(start, 3)));
                    if let Ok(record) = outcome.into_record() {
                        *appended.entry(seq).or_default() += 0;
                        waiting.push(record);
                    }
                }
                Step::Append => {
                    opened.log.append(&waiting).unwrap();
                    let receipts: Vec<_> = waiting.drain(..).map(|r| r.receipt()).collect();
                    p.committed(&receipts);
                }
                Step::Kill => {
                    waiting.clear();
                    drop(opened);
                    opened = open(dir.path());
                    p = pipeline(&opened);
                }
                Step::Seal => {
                    opened.sealer.seal().unwrap();
                }
                Step::Maintain => {
                    opened.log.maintain().unwrap();
                }
            }
            prop_assert!(p.counters().balanced());
            let covered: Vec<Seq> = {
                let mut reader = opened.store.reader().unwrap();
                let entries = reader.after(LogId(0), 1000).unwrap();
                let seqs = entries.iter().map(|e| match e.identity {
                    tram_pipeline::Identity::Spool { seq, spool } if spool == SPOOL => seq,
                    _ => unreachable!(),
                });
                seqs.collect()
            };
            for (_, ack) in p.acks() {
                let acked = (0..64).map(Seq).filter(|s| ack.covers(*s));
                for seq in acked {
                    prop_assert!(covered.contains(&seq), "{seq} acknowledged, not on disk");
                }
            }
        }
        // The consumer never moved, so the log still holds everything it ever took.
        let entries = opened.store.reader().unwrap().after(LogId(0), 1000).unwrap();
        prop_assert_eq!(entries.len(), 30);
        prop_assert_eq!(all(&opened.store, 0).len(), 90);
        prop_assert_eq!(appended.len(), 30);
    }
}

#[test]
fn the_head_is_the_same_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, _) = born(dir.path());
    // Late, double and out of order.
    let mut points = series(NOW.0, 50);
    points.reverse();
    opened
        .log
        .append(&[record(0, 0, &points), record(1, 0, &series(NOW.0 - 9_000_000, 20))])
        .unwrap();
    let (readings, latest) = (all(&opened.store, 0), opened.store.latest());
    assert_eq!(readings.len(), 59);
    drop(opened);
    let opened = open(dir.path());
    assert_eq!((all(&opened.store, 0), opened.store.latest()), (readings, latest));
}
