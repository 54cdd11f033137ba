//! `year`: a year of one station at a reading a minute, asked for by the hour.

use std::time::Duration;

use anyhow::{Result, ensure};
use tram_store::Store;
use tram_wire::{ChannelName, Kind, Topic, UnixMicros};

use super::{
    clock, day,
    feeder::{Feeder, Group},
    site::{self, Broker},
    station::{self, MINUTELY},
    table::{Goal, Table},
};

/// Microseconds.
const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;
const DAYS: i64 = 365;
/// Messages of a few weeks; a file a day is made for each commit's readings when it is sealed.
const GROUP: Group = Group { messages: 2_048, bytes: usize::MAX };
/// How often the library is asked.
const QUESTIONS: usize = 30;

/// Makes the year and asks.
pub(crate) fn run(table: &mut Table) -> Result<()> {
    table.section(
        "A year of one series at 1 h, from readings a minute apart (6 channels, 365 days)",
    );
    let folder = tempfile::tempdir()?;
    let now = clock::today()?;
    let midnight = UnixMicros(now.0.div_euclid(DAY) * DAY);
    let start = midnight.plus(-DAYS * DAY);
    let store = fill(folder.path(), start, now)?;
    let goal = Goal::less(50.0, 5.0);
    let mut times = library(&store, start, midnight)?;
    drop(store);
    let p99 = clock::quantile(&mut times, 0.99);
    table.asked("in the library, p99", clock::ms(p99), "ms", goal);

    let centre = site::start(folder.path(), Broker::Embedded, 1)?;
    let (from, to) = (day::rfc3339(start)?, day::rfc3339(midnight)?);
    let (node, (name, _)) = (station::node(0)?, station::channel(0)?);
    let path = format!(
        "/api/v1/history?station={node}&channel={name}&from={from}&to={to}&step=1h&fn=mean"
    );
    let mut times = day::ask(&centre, 100, || Ok(path.clone()))?;
    table.asked("over HTTP, p99", clock::ms(clock::quantile(&mut times, 0.99)), "ms", goal);
    table.figure("  p50", clock::ms(clock::quantile(&mut times, 0.5)), "ms");
    Ok(())
}

/// Fills the folder of the centre's data.
fn fill(folder: &std::path::Path, start: UnixMicros, now: UnixMicros) -> Result<Store> {
    let node = station::node(0)?;
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    let mut feeder = Feeder::open(&data, [node], now)?;
    feeder.birth(node, &station::birth(0, 0)?)?;
    let topic = Topic { node, kind: Kind::Data }.to_string();
    let batches = u64::try_from(DAYS * DAY / MINUTELY.span())?;
    for seq in 0..batches {
        feeder.take(&topic, &MINUTELY.batch(0, seq, start)?, GROUP)?;
    }
    feeder.commit()?;
    feeder.settle(now)?;
    Ok(feeder.store)
}

fn library(store: &Store, from: UnixMicros, to: UnixMicros) -> Result<Vec<Duration>> {
    let (node, (name, _)) = (station::node(0)?, station::channel(0)?);
    let key = store.find(&node, &ChannelName::new(name)?);
    let key = key.ok_or_else(|| anyhow::anyhow!("the year is not there"))?;
    let mut times = Vec::with_capacity(QUESTIONS);
    for _ in 0..QUESTIONS {
        let start = clock::now();
        let rows = store.aggregate(&key, from, to, HOUR)?.collect::<Result<Vec<_>, _>>()?;
        times.push(clock::now() - start);
        ensure!(rows.len() >= 364 * 24, "{} hours", rows.len());
    }
    Ok(times)
}
