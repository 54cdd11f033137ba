//! The store as a whole: what goes in comes out, once, whatever happens in between.

mod copies;
mod crash;
mod damage;
mod engines;
mod faults;
mod kept;
mod model;
mod readers;
mod retention;

use std::path::Path;

use tempfile::TempDir;
use tram_pipeline::{
    Accepted, DatastreamKey, Form, Identity, Incoming, Outcome, Pipeline, Policy, Progress,
    Readings, Record, Settled, ThirdParty,
};
use tram_wire::{
    Batch, BatchHeader, Birth, ChannelInfo, ChannelName, ChannelNumber, ClockState, Column, NodeId,
    Point, Quality, Quantity, Seq, SpoolId, Text, UnixMicros,
};

use crate::{Bucket, Kept, Opened, Options, Reading, Retention, Store};

/// 2026-09-21, about noon.
pub(crate) const NOW: UnixMicros = UnixMicros(1_790_000_000_000_000);
pub(crate) const SPOOL: SpoolId = SpoolId(0xfeed_0000_0000_0001);
const CHANNELS: [(&str, Quantity); 3] = [
    ("water_level", Quantity::WaterLevel),
    ("rain", Quantity::Rain),
    ("wind", Quantity::WindDirection),
];

pub(crate) fn node() -> NodeId {
    NodeId::new("lao-cai-river-01").unwrap()
}

pub(crate) fn key(channel: usize) -> DatastreamKey {
    let (name, quantity) = CHANNELS[channel];
    DatastreamKey { node: node(), channel: ChannelName::new(name).unwrap(), quantity }
}

pub(crate) fn open(dir: &Path) -> Opened {
    open_with(dir, Retention::default())
}

pub(crate) fn open_with(dir: &Path, retention: Retention) -> Opened {
    let consumers = vec!["alerts".to_owned()];
    Store::open(dir, Options { consumers, retention, ..Options::default() }).unwrap()
}

/// A folder in memory, where there is one: for tests that end no system and need many fsyncs.
pub(crate) fn quick_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Lets the keeper work until there is nothing more to do.
pub(crate) fn keep(opened: &mut Opened, now: UnixMicros) -> Vec<Kept> {
    let mut all = Vec::new();
    loop {
        let kept = opened.keeper.step(now).unwrap();
        assert!(!kept.held);
        if !kept.more {
            return all;
        }
        all.push(kept);
        assert!(all.len() < 100_000, "the keeper comes to no end: {:?}", all.last());
    }
}

pub(crate) fn buckets(
    store: &Store,
    channel: usize,
    (from, to): (i64, i64),
    step: i64,
) -> Vec<Bucket> {
    store
        .aggregate(&key(channel), UnixMicros(from), UnixMicros(to), step)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

pub(crate) const MINUTE: i64 = 60_000_000;
pub(crate) const HOUR: i64 = 3_600_000_000;

/// A pipeline that remembers what the store does.
pub(crate) fn pipeline(opened: &Opened) -> Pipeline {
    let policy =
        Policy { nodes: [node()].into(), third_party: ThirdParty::Register, ..Policy::default() };
    Pipeline::new(policy, opened.memory.clone())
}

pub(crate) fn birth() -> Birth {
    let channels = CHANNELS.iter().enumerate().map(|(i, (name, quantity))| ChannelInfo {
        number: ChannelNumber(u16::try_from(i).unwrap()),
        name: ChannelName::new(name).unwrap(),
        quantity: *quantity,
        resolution: 1,
        sensor: Text::new("").unwrap(),
        position: Text::new("").unwrap(),
        calibration: Text::new("").unwrap(),
    });
    Birth {
        node: node(),
        software: Text::new("test").unwrap(),
        config_digest: [0; 8],
        spool: SPOOL,
        held_from: Seq(0),
        clock: ClockState::Ntp,
        boot: 7,
        uptime_offset: Some(NOW.0 - 1_000_000),
        earlier: Vec::new(),
        channels: channels.collect(),
    }
}

/// A batch with these readings of one channel.
pub(crate) fn batch(seq: u64, channel: usize, points: &[Point]) -> Vec<u8> {
    let number = ChannelNumber(u16::try_from(channel).unwrap());
    let mut column = Column::new(number, CHANNELS[channel].1);
    points.iter().for_each(|p| column.push(*p));
    let header = BatchHeader { spool: SPOOL, seq: Seq(seq), clock: ClockState::Ntp };
    Batch { header, columns: vec![column], losses: vec![] }.encode().unwrap()
}

pub(crate) fn good(micros: i64, value: i64) -> Point {
    Point { micros, value: Some(value), quality: Quality::GOOD }
}

/// `n` good readings, one a second from `start` on.
pub(crate) fn series(start: i64, n: i64) -> Vec<Point> {
    (0..n).map(|i| good(start + i * 1_000_000, 77_500 + (i * 7919) % 40)).collect()
}

pub(crate) fn receive(p: &mut Pipeline, level: &str, payload: &[u8]) -> Outcome {
    let topic = format!("tram/v1/{}/{level}", node());
    p.receive(Incoming { topic: &topic, content_type: None, payload, retained: false }, NOW)
}

/// Readings of the first channel.
pub(crate) fn readings_of(points: &[Point]) -> Readings {
    let mut column = Column::new(ChannelNumber(0), key(0).quantity);
    points.iter().for_each(|p| column.push(*p));
    let Column { micros, values, quality, .. } = column;
    Readings { key: key(0), micros, values, quality }
}

/// Through the pipeline onto the disk.
pub(crate) fn store(opened: &mut Opened, p: &mut Pipeline, level: &str, payload: &[u8]) {
    let record = receive(p, level, payload).into_record().unwrap();
    opened.log.append(std::slice::from_ref(&record)).unwrap();
    p.committed(&[record.receipt()]);
}

/// A store with a birth on disk, and its pipeline.
pub(crate) fn born(dir: &Path) -> (Opened, Pipeline) {
    let mut opened = open(dir);
    let mut p = pipeline(&opened);
    store(&mut opened, &mut p, "birth", &birth().encode().unwrap());
    (opened, p)
}

/// A record as the pipeline makes it, without one, for readings in any order.
pub(crate) fn record(seq: u64, channel: usize, points: &[Point]) -> Record {
    let payload = batch(seq, channel, points);
    let mut column = Column::new(ChannelNumber(0), CHANNELS[channel].1);
    points.iter().for_each(|p| column.push(*p));
    let Column { micros, values, quality, .. } = column;
    Record::Accepted(Accepted {
        node: node(),
        received: NOW,
        identity: Identity::Spool { spool: SPOOL, seq: Seq(seq) },
        form: Form::Batch,
        offset: None,
        payload,
        columns: vec![Readings { key: key(channel), micros, values, quality }],
        losses: vec![],
        alarm: None,
    })
}

pub(crate) fn history(store: &Store, channel: usize, from: i64, to: i64) -> Vec<Reading> {
    store
        .history(&key(channel), UnixMicros(from), UnixMicros(to))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

pub(crate) fn all(store: &Store, channel: usize) -> Vec<Reading> {
    history(store, channel, 0, i64::MAX)
}

#[test]
fn who_a_centre_is_and_what_others_have_settled_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut opened, mut p) = born(dir.path());
    let replica = opened.memory.replica;
    store(&mut opened, &mut p, "data", &batch(7, 0, &[good(NOW.0, 1)]));
    let mut progress = Progress::default();
    progress.raise(Seq(5));
    progress.insert(Seq(6));
    let (node, spool) = (node(), SPOOL);
    let settled = Record::Settled(Settled { node, spool, noted: NOW, progress });
    let committed = opened.log.append(std::slice::from_ref(&settled)).unwrap();
    p.committed(&[settled.receipt()]);
    assert_eq!((committed.entries, committed.readings), (0, 0));
    drop(opened);
    let opened = open(dir.path());
    assert_eq!(opened.memory.replica, replica);
    let known = &opened.memory.spools[0].progress;
    assert_eq!((known.watermark(), known.ranges()), (Seq(5), &[(6, 7)][..]));
    let other = tempfile::tempdir().unwrap();
    assert_ne!(open(other.path()).memory.replica, replica);
}
