//! How many readings a second go through pipeline and log onto the disk, and what they cost there.
//!
//! ```text
//! cargo run --release -p tram-store --example throughput [messages [messages a commit]]
//! ```
//! 1000 series of 200 nodes, 100 readings a message with jitter and noise, an fsync each
//! 10,000 readings unless said otherwise. Decoding, checks, deduplication, commit, and sealing are all in the figure.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tram_pipeline::{Incoming, Outcome, Pipeline, Policy, Record};
use tram_store::{Opened, Options, Store, StoreError};
use tram_wire::{
    Batch, BatchHeader, Birth, ChannelInfo, ChannelName, ChannelNumber, ClockState, Column, NodeId,
    Point, Quality, Quantity, Seq, SpoolId, Text, UnixMicros,
};

const NODES: u64 = 200;
const CHANNELS: u16 = 5;
const READINGS: i64 = 20;
const START: i64 = 1_790_000_000_000_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let argument = |n, default| std::env::args().nth(n).map_or(Ok(default), |n| n.parse());
    let (messages, group) = (argument(1, 20_000)?, argument(2, 100)?);
    let dir = std::env::temp_dir().join(format!("tram-throughput-{}", std::process::id()));
    let result = run(&dir, messages as u64, group.max(1));
    std::fs::remove_dir_all(&dir)?;
    result
}

fn run(dir: &Path, messages: u64, group: usize) -> Result<(), Failure> {
    let Opened { mut log, mut sealer, .. } = Store::open(dir, Options::default())?;
    let nodes = (0..NODES).map(|n| NodeId::new(&format!("node-{n}"))).collect::<Result<_, _>>()?;
    let policy = Policy { nodes, ..Policy::default() };
    let mut pipeline = Pipeline::new(policy, tram_pipeline::Memory::default());
    for node in 0..NODES {
        let outcome = receive(&mut pipeline, node, "birth", &birth(node)?);
        commit(&mut log, &mut pipeline, &records([outcome]))?;
    }
    let payloads = (0..messages).map(batch).collect::<Result<Vec<_>, _>>()?;
    let wire: usize = payloads.iter().map(Vec::len).sum();

    let start = now();
    let mut commits = Vec::new();
    for (n, payloads) in payloads.chunks(group).enumerate() {
        let first = (n * group) as u64;
        let outcomes = (first..)
            .zip(payloads)
            .map(|(i, payload)| receive(&mut pipeline, i % NODES, "data", payload));
        let records = records(outcomes);
        let before = now();
        commit(&mut log, &mut pipeline, &records)?;
        commits.push(before.elapsed());
    }
    let logged = start.elapsed();
    let readings = pipeline.counters().stored;
    let sealing = now();
    let sealed = sealer.seal()?.ok_or("nothing was sealed")?;
    let sealing = sealing.elapsed();
    commits.sort_unstable();
    let percentile = |p: usize| commits.get(commits.len() * p / 100).copied().unwrap_or_default();
    println!("{readings} readings in {messages} messages");
    println!("pipeline and log      {:>12.0} readings/s", rate(readings, logged));
    println!("sealing               {:>12.0} readings/s", rate(sealed.readings, sealing));
    println!("commit p50, p99       {:?}, {:?}", percentile(50), percentile(99));
    println!("bytes a reading       {:.2} on the wire", ratio(wire as u64, readings));
    println!("                      {:.2} in chunks", ratio(sealed.bytes, readings));
    println!(
        "                      {:.2} in day files",
        ratio(size(&dir.join("series"))?, readings)
    );
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

fn rate(n: u64, time: Duration) -> f64 {
    ratio(n, 1) / time.as_secs_f64()
}

fn size(dir: &Path) -> Result<u64, std::io::Error> {
    std::fs::read_dir(dir)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

fn receive(pipeline: &mut Pipeline, node: u64, level: &str, payload: &[u8]) -> Outcome {
    let topic = format!("tram/v1/node-{node}/{level}");
    let message = Incoming { topic: &topic, content_type: None, payload, retained: false };
    pipeline.receive(message, UnixMicros(START))
}

fn records(outcomes: impl IntoIterator<Item = Outcome>) -> Vec<Record> {
    outcomes.into_iter().filter_map(|o| o.into_record().ok()).collect()
}

fn commit(
    log: &mut tram_store::Log,
    pipeline: &mut Pipeline,
    records: &[Record],
) -> Result<(), StoreError> {
    log.append(records)?;
    let receipts: Vec<_> = records.iter().map(Record::receipt).collect();
    pipeline.committed(&receipts);
    pipeline.acks();
    Ok(())
}

fn birth(node: u64) -> Result<Vec<u8>, Failure> {
    let channel = |number| {
        Ok(ChannelInfo {
            number: ChannelNumber(number),
            name: ChannelName::new(&format!("level_{number}"))?,
            quantity: Quantity::WaterLevel,
            resolution: 1,
            sensor: Text::new("")?,
            position: Text::new("")?,
            calibration: Text::new("")?,
        })
    };
    let birth = Birth {
        node: NodeId::new(&format!("node-{node}"))?,
        software: Text::new("throughput")?,
        config_digest: [0; 8],
        spool: SpoolId(node),
        held_from: Seq(0),
        clock: ClockState::Ntp,
        boot: 1,
        uptime_offset: None,
        channels: (0..CHANNELS).map(channel).collect::<Result<_, tram_wire::InvalidText>>()?,
    };
    Ok(birth.encode()?)
}

/// Message `i`: 20 readings of each of 5 channels, one a second, ±10 ms and a little noise.
fn batch(i: u64) -> Result<Vec<u8>, Failure> {
    let (node, seq) = (i % NODES, i / NODES);
    let mut noise = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |bound: i64| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 33).cast_signed() % bound
    };
    let base = START - 86_400_000_000 + seq.cast_signed() * READINGS * 1_000_000;
    let micros: Vec<i64> = (0..READINGS).map(|j| base + j * 1_000_000 + draw(20) * 1000).collect();
    let columns = (0..CHANNELS).map(|c| {
        let mut column = Column::new(ChannelNumber(c), Quantity::WaterLevel);
        for (j, micros) in (0_i64..).zip(&micros) {
            let value = Some(77_500 + (seq.cast_signed() * READINGS + j) / 60 + draw(5));
            column.push(Point { micros: *micros, value, quality: Quality::GOOD });
        }
        column
    });
    let header = BatchHeader { spool: SpoolId(node), seq: Seq(seq), clock: ClockState::Ntp };
    Ok(Batch { header, columns: columns.collect(), losses: vec![] }.encode()?)
}
