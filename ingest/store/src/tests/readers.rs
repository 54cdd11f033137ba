//! Consumers of the log, the quarantine, and what the pipeline gets back.

use tram_pipeline::{Dictionary, Identity, Incoming, MAX_PACKS_PER_NODE, Reason};
use tram_wire::{Batch, ClockState, NodeId, Seq};

use super::{
    NOW, SPOOL, all, batch, birth, born, key, node, open, pipeline, receive, series, store,
};
use crate::{LogId, Options, Store, StoreError};

#[test]
fn a_consumer_reads_decoded_entries_in_order_and_holds_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    let mut reader = opened.store.reader().unwrap();
    assert_eq!(reader.after(LogId(0), 10).unwrap(), []);
    for seq in 0..5 {
        let start = NOW.0 + i64::try_from(seq).unwrap() * 10_000_000;
        store(&mut opened, &mut p, "data", &batch(seq, 1, &series(start, 10)));
    }
    let entries = reader.after(LogId(1), 2).unwrap();
    assert_eq!(entries.iter().map(|e| e.id).collect::<Vec<_>>(), [LogId(2), LogId(3)]);
    assert_eq!(entries[0].identity, Identity::Spool { spool: SPOOL, seq: Seq(1) });
    assert_eq!(entries[0].columns[0].key, key(1));
    assert_eq!(entries[0].columns[0].len(), 10);
    assert_eq!(Batch::decode(&entries[0].payload).unwrap().readings(), 10);
    assert_eq!(reader.last().unwrap(), LogId(5));

    opened.sealer.seal().unwrap();
    opened.log.advance("alerts", LogId(3));
    assert_eq!(opened.log.maintain().unwrap(), 3);
    assert!(matches!(reader.after(LogId(1), 10), Err(StoreError::Trimmed { after: 1, oldest: 4 })));
    assert_eq!(reader.after(LogId(3), 10).unwrap().len(), 2);
    let cursors = opened.log.cursors();
    assert_eq!(cursors, [("alerts".to_owned(), LogId(3)), ("seal".to_owned(), LogId(5))]);
    assert_eq!(opened.log.stats().trimmed, LogId(3));

    opened.log.advance("alerts", LogId(5));
    opened.log.maintain().unwrap();
    assert_eq!(opened.log.stats().bytes, 0);
    assert_eq!(reader.last().unwrap(), LogId(5));
    drop(opened);
    let mut opened = open(dir.path());
    let mut p = pipeline(&opened);
    store(&mut opened, &mut p, "data", &batch(5, 1, &series(NOW.0, 1)));
    assert_eq!(reader.after(LogId(5), 10).unwrap()[0].id, LogId(6));
}

#[test]
fn a_bounded_consumer_holds_the_log_up_to_its_bound_and_no_further() {
    let dir = tempfile::tempdir().unwrap();
    let size = batch(0, 1, &series(NOW.0, 10)).len() as u64;
    let options = Options {
        consumers: vec!["alerts".to_owned()],
        bounded_consumers: vec![("large".to_owned(), 100 * size), ("small".to_owned(), 4 * size)],
        ..Options::default()
    };
    let mut opened = Store::open(dir.path(), options.clone()).unwrap();
    let mut p = pipeline(&opened);
    store(&mut opened, &mut p, "birth", &birth().encode().unwrap());
    for seq in 0..10 {
        store(&mut opened, &mut p, "data", &batch(seq, 1, &series(NOW.0, 10)));
    }
    opened.sealer.seal().unwrap();
    opened.log.advance("alerts", LogId(10));
    opened.log.advance("large", LogId(2));
    assert_eq!(opened.log.maintain().unwrap(), 2, "the one with room holds it for both");
    opened.log.advance("large", LogId(10));
    assert_eq!(opened.log.maintain().unwrap(), 4, "no more than has to go");
    assert_eq!(opened.log.stats().bytes, 4 * size);
    let mut reader = opened.store.reader().unwrap();
    assert!(matches!(reader.after(LogId(0), 9), Err(StoreError::Trimmed { oldest: 7, .. })));

    // Who must not miss anything is not cut for one that may.
    drop(opened);
    let mut opened = Store::open(dir.path(), options).unwrap();
    for seq in 10..30 {
        store(&mut opened, &mut p, "data", &batch(seq, 1, &series(NOW.0, 10)));
    }
    assert_eq!(opened.log.maintain().unwrap(), 4);
    assert_eq!(opened.log.stats().trimmed, LogId(10));
}

#[test]
fn a_restamped_entry_is_read_back_with_the_offset_it_was_taken_with() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    let mut b = Batch::decode(&batch(0, 0, &series(500_000, 3))).unwrap();
    b.header.clock = ClockState::Unsynchronised { boot: 7 };
    store(&mut opened, &mut p, "data", &b.encode().unwrap());
    let mut later = birth();
    later.uptime_offset = Some(NOW.0);
    store(&mut opened, &mut p, "birth", &later.encode().unwrap());
    let expected = NOW.0 - 1_000_000 + 500_000;
    assert_eq!(all(&opened.store, 0)[0].time.0, expected);
    drop(opened);
    let opened = open(dir.path());
    assert_eq!(all(&opened.store, 0)[0].time.0, expected);
    assert_eq!(opened.memory.boots[0].offset, NOW.0);
}

fn senml(p: &mut tram_pipeline::Pipeline, payload: &str) -> tram_pipeline::Outcome {
    let message = Incoming {
        topic: "senml/thermo-7",
        content_type: None,
        payload: payload.as_bytes(),
        retained: false,
    };
    p.receive(message, NOW)
}

#[test]
fn the_pipeline_gets_back_what_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    store(&mut opened, &mut p, "data", &batch(0, 0, &series(NOW.0, 1)));
    store(&mut opened, &mut p, "data", &batch(2, 0, &series(NOW.0 + 5, 1)));
    let mut packs = Vec::new();
    for i in 0..MAX_PACKS_PER_NODE + 10 {
        let pack = format!(r#"[{{"n":"t","u":"Cel","v":{i},"t":1789999000}}]"#);
        packs.push(senml(&mut p, &pack).into_record().unwrap());
    }
    packs.push(senml(&mut p, r#"[{"n":"t","u":"Cel","v":1}]"#).into_record().unwrap());
    opened.log.append(&packs).unwrap();
    drop(opened);

    let opened = open(dir.path());
    let memory = &opened.memory;
    let mut dictionary = Dictionary::default();
    for c in birth().channels {
        dictionary.add(node(), c.number, c.name, c.quantity).unwrap();
    }
    assert_eq!(opened.store.births().unwrap(), [(NOW, birth())]);
    assert_eq!(memory.spools.len(), 1);
    assert_eq!(memory.spools[0].dictionary, dictionary);
    assert_eq!(memory.spools[0].progress.watermark(), Seq(1));
    assert_eq!(memory.spools[0].progress.ranges(), [(2, 2)]);
    assert_eq!(memory.packs.len(), MAX_PACKS_PER_NODE);
    let device = NodeId::new("thermo-7").unwrap();
    assert_eq!(memory.third_party.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [device]);
    let mut p = pipeline(&opened);
    let again = senml(&mut p, r#"[{"n":"t","u":"Cel","v":265,"t":1789999000}]"#);
    assert!(matches!(again, tram_pipeline::Outcome::Duplicate(d) if d.durable));
    // Two packs of the same time: the first one stays.
    let t = opened.store.find(&device, &"t".parse().unwrap()).unwrap();
    let range = (tram_wire::UnixMicros(0), NOW);
    let readings: Vec<_> = opened.store.history(&t, range.0, range.1).unwrap().flatten().collect();
    assert_eq!(readings.len(), 1);
    assert_eq!(readings[0].value, Some(0));
}

#[test]
fn the_quarantine_is_kept_within_its_bounds_and_says_what_it_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { quarantine_bytes: 100, quarantine_rows: 12, ..Options::default() };
    let mut opened = Store::open(dir.path(), options.clone()).unwrap();
    let mut p = pipeline(&opened);
    for i in 0..20_u8 {
        store(&mut opened, &mut p, "data", &[i; 30]);
    }
    let check = |store: &Store| {
        let newest = store.quarantine(100, 10).unwrap();
        assert_eq!(newest.len(), 12);
        assert_eq!(newest[0].payload.as_deref(), Some(&[19; 10][..]));
        assert_eq!(newest[0].bytes, 30);
        assert_eq!(newest[0].reason, Some(Reason::MalformedCbor));
        assert_eq!(newest[0].node, Some(node()));
        assert_eq!(newest.iter().filter(|q| q.payload.is_some()).count(), 3);
        assert_eq!(store.quarantine(2, 0).unwrap().len(), 2);
        let stats = store.stats();
        assert_eq!((stats.quarantined_messages, stats.quarantine_dropped), (20, 17));
    };
    check(&opened.store);
    drop(opened);
    let opened = Store::open(dir.path(), options).unwrap();
    check(&opened.store);
}

#[test]
fn a_refused_batch_is_remembered_so_that_it_is_acknowledged_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    let payload = batch(0, 0, &series(NOW.0, 3));
    let cut = &payload[..payload.len() - 1];
    store(&mut opened, &mut p, "data", cut);
    drop(opened);
    let opened = open(dir.path());
    let mut p = pipeline(&opened);
    let again = receive(&mut p, "data", cut);
    assert!(matches!(again, tram_pipeline::Outcome::Duplicate(d) if d.durable));
    assert_eq!(p.acks()[0].1.watermark, Seq(1));
}
