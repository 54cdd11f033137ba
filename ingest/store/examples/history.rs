//! How long answers from the history take, and what rollups cost.
//!
//! ```text
//! cargo run --release -p tram-store --example history [series [days [seconds between readings]]]
//! ```
//! So many series with a reading every few seconds, jitter and noise, over so many days: sealed,
//! rolled up, and asked. The answers are timed one by one, each over another series and time.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tram_pipeline::{Accepted, DatastreamKey, Form, Identity, Readings, Record};
use tram_store::{Kept, Opened, Options, Store, StoreError};
use tram_wire::{ChannelName, NodeId, Quality, QualityRun, Quantity, Seq, SpoolId, UnixMicros};

const DAY: i64 = 86_400_000_000;
/// The end of the time that is filled: 2026-09-21, noon, UTC.
const END: i64 = 1_789_992_000_000_000;
const ASKED: usize = 400;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let argument = |n, default| std::env::args().nth(n).map_or(Ok(default), |n| n.parse());
    let (series, days, seconds) = (argument(1, 20)?, argument(2, 366)?, argument(3, 60)?);
    let dir = std::env::temp_dir().join(format!("tram-history-{}", std::process::id()));
    let result = run(&dir, series, days, seconds);
    std::fs::remove_dir_all(&dir)?;
    result
}

fn run(dir: &Path, series: i64, days: i64, seconds: i64) -> Result<(), Failure> {
    let keys: Vec<DatastreamKey> = (0..series).map(key).collect::<Result<_, _>>()?;
    let Opened { mut log, mut sealer, mut keeper, store, .. } =
        Store::open(dir, Options::default())?;
    let (mut readings, mut seq) = (0, 0);
    let mut sealing = Duration::ZERO;
    for day in 0..days {
        for (i, key) in keys.iter().enumerate() {
            let record = record(key, seq, END - (days - day) * DAY, seconds * 1_000_000, i);
            readings += record.1;
            seq += 1;
            log.append(&[record.0])?;
        }
        if sealer.due() || day % 30 == 29 {
            let start = now();
            sealer.seal()?;
            sealing += start.elapsed();
            log.maintain()?;
        }
    }
    println!("{readings} readings of {series} series over {days} days");
    println!("sealing               {:>12.0} readings/s", rate(readings, sealing));
    let start = now();
    let (mut kept, mut longest) = (Kept::default(), Duration::ZERO);
    loop {
        let step = now();
        let done = keeper.step(UnixMicros(END))?;
        longest = longest.max(step.elapsed());
        kept.rolled += done.rolled;
        kept.readings += done.readings;
        kept.merged_chunks += done.merged_chunks;
        if !done.more {
            break;
        }
    }
    println!(
        "rollups               {:>12.0} readings/s, {:.0} days of series/s, longest step {longest:?}",
        rate(kept.readings, start.elapsed()),
        rate(kept.rolled, start.elapsed())
    );
    println!(
        "days of readings      {:>12.2} bytes a reading",
        ratio(size(&dir.join("series"))?, readings)
    );
    for level in ["minute", "hour", "day"] {
        let bytes = size(&dir.join("rollup").join(level))?;
        println!(
            "{level:<10} {:>12} bytes, {:.1} a datastream and day",
            bytes,
            ratio(bytes, (series * days).unsigned_abs())
        );
    }
    // Something in the head, as there always is.
    for key in &keys {
        log.append(&[record(key, seq, END, seconds * 1_000_000, 0).0])?;
        seq += 1;
    }
    ask(&store, &keys, days)
}

fn ask(store: &Store, keys: &[DatastreamKey], days: i64) -> Result<(), Failure> {
    let of = |i: usize| keys.get(i * 7 % keys.len()).copied().ok_or("no series");
    let day = |i: usize| END - (1 + i64::try_from(i * 31).unwrap_or(0) % (days - 1).max(1)) * DAY;
    let half_hour = 1_800_000_000;
    timed("30 minutes of one series, some day", |i| {
        let from = day(i) + 7_000_000;
        count(store.history(&of(i)?, UnixMicros(from), UnixMicros(from + half_hour))?)
    })?;
    timed("the last 30 minutes of one series", |i| {
        count(store.history(&of(i)?, UnixMicros(END + DAY - half_hour), UnixMicros(END + DAY))?)
    })?;
    for (name, span, step) in [
        ("a day of one series at 1 min", DAY, 60_000_000),
        ("a year of one series at 1 h", 365 * DAY, 3_600_000_000),
        ("a year of one series at 1 d", 365 * DAY, DAY),
    ] {
        timed(name, |i| {
            // Ends in the middle of things, as questions do.
            let to = END + 12_345_678_901 + i64::try_from(i).unwrap_or(0);
            count(store.aggregate(&of(i)?, UnixMicros(to - span), UnixMicros(to), step)?)
        })?;
    }
    timed("latest of everything", |_| Ok(store.latest().len()))
}

fn timed(name: &str, ask: impl Fn(usize) -> Result<usize, Failure>) -> Result<(), Failure> {
    let mut times = Vec::with_capacity(ASKED);
    let mut rows = 0;
    for i in 0..ASKED {
        let start = now();
        rows = ask(i)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let at = |p: usize| times.get((ASKED - 1) * p / 100).copied().unwrap_or_default();
    println!("{name:<36} p50 {:?}, p99 {:?}; {rows} rows", at(50), at(99));
    Ok(())
}

fn count<T>(rows: impl Iterator<Item = Result<T, StoreError>>) -> Result<usize, Failure> {
    let mut n = 0;
    for row in rows {
        row?;
        n += 1;
    }
    Ok(n)
}

fn key(i: i64) -> Result<DatastreamKey, Failure> {
    Ok(DatastreamKey {
        node: NodeId::new(&format!("node-{}", i / 6))?,
        channel: ChannelName::new(&format!("level_{}", i % 6))?,
        quantity: Quantity::WaterLevel,
    })
}

/// A day of a series as one entry of the log, and how many readings it has.
fn record(key: &DatastreamKey, seq: u64, start: i64, step: i64, i: usize) -> (Record, u64) {
    let mut noise = (seq + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |bound: i64| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 33).cast_signed() % bound
    };
    let n = DAY / step;
    let micros: Vec<i64> = (0..n).map(|j| start + j * step + draw(20) * 1000).collect();
    let base = 77_500 + i64::try_from(i).unwrap_or(0);
    let values = (0..n).map(|j| Some(base + (j % 1000) / 60 + draw(5))).collect();
    let len = u32::try_from(n).unwrap_or(u32::MAX);
    let quality = vec![QualityRun { len, quality: Quality::GOOD }];
    let columns = vec![Readings { key: *key, micros, values, quality }];
    let accepted = Accepted {
        node: key.node,
        received: UnixMicros(start + DAY),
        identity: Identity::Spool { spool: SpoolId(1), seq: Seq(seq) },
        form: Form::Batch,
        offset: None,
        // Nobody reads the log here.
        payload: vec![0; 16],
        columns,
        losses: vec![],
        alarm: None,
    };
    (Record::Accepted(accepted), n.unsigned_abs())
}

fn size(dir: &Path) -> Result<u64, std::io::Error> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let path: PathBuf = entry?.path();
        if path.extension().is_some_and(|e| e == "db") {
            bytes += path.metadata()?.len();
        }
    }
    Ok(bytes)
}

#[expect(clippy::disallowed_methods, reason = "a measurement")]
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
