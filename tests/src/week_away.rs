//! A station that comes back after a week without the network: what is measured now is in the
//! centre at once, while what it kept and what is left of the rest follow.

use std::{collections::BTreeSet, fmt, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;
use tram_spool::{Options, Spool};
use tram_wire::{ChannelName, ClockState, Column, Quality, QualityRun, Quantity};

use crate::{Centre, Node, until};

const STATION: &str = "away-01";
const CHANNELS: u16 = 50;
const DAYS: i64 = 7;
const HOURS: i64 = 24 * DAYS;
const SECOND: i64 = 1_000_000;
/// A batch of half a minute.
const BATCH: i64 = 30;
/// One day of the seven fits.
const OPTIONS: Options = Options { max_bytes: 12 << 20, segment_bytes: 256 << 10 };
/// Slow enough that the backlog takes many times longer than what is looked for.
const BACKLOG_BYTES_PER_S: u64 = 256 << 10;
const PARTS: &str = "[[tmp105]]\ninterval_s = 0.2\ntemperature = \"soil_temperature\"\n";
const PATIENCE: Duration = Duration::from_secs(300);

/// How it went.
#[derive(Debug, Clone, Copy)]
pub struct Return {
    /// From the connection to the first live reading in the centre.
    pub first_live: Duration,
    /// Readings that waited when that one was there.
    pub behind: u64,
    /// Readings of the week in the store.
    pub stored: u64,
    /// Readings of the week that are told to be gone.
    pub told: u64,
}

impl fmt::Display for Return {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first_live, behind, stored, told } = self;
        write!(
            f,
            "seven days at 50 readings/s: first live reading in the centre {} ms after the \
             connection, with {behind} readings of the backlog still to come; then {stored} stored \
             and {told} told as thinned, every hour of every channel represented",
            first_live.as_millis()
        )
    }
}

/// Plays it.
///
/// # Errors
/// What does not add up.
pub fn come_back(folder: &Path) -> Result<Return> {
    let start = Timestamp::now().as_second().div_euclid(3_600) * 3_600 - DAYS * 86_400;
    let centre = centre(folder)?;
    let mut node = node(folder, centre.mqtt_port)?;
    fill(&node.folder().join("data/spool"), start)?;
    let week = u64::from(CHANNELS) * (DAYS * 86_400).unsigned_abs();
    node.start()?;
    let connected = until("connection", PATIENCE, || {
        node.printed().contains("connected to").then(Timestamp::now)
    })?;
    let live = until("live reading in the centre", PATIENCE, || {
        let latest = centre.json(&format!("/api/v1/latest?station={STATION}")).ok()?;
        let rows = latest.as_array()?;
        let row = rows.iter().find(|r| r.get("channel") == Some(&"soil_temperature".into()))?;
        let time: Timestamp = row.get("time")?.as_str()?.parse().ok()?;
        (time >= connected - jiff::SignedDuration::from_secs(1)).then(Timestamp::now)
    })?;
    let first_live = live.duration_since(connected).unsigned_abs();
    let behind = week.saturating_sub(arrived(&centre)?);
    ensure!(behind > 0, "the backlog was there before the first live reading");
    until("end of the backlog", PATIENCE, || (arrived(&centre).ok()? >= week).then_some(()))?;
    node.stop()?;
    let (mut stored, mut told) = (0, 0);
    for channel in 0..CHANNELS {
        let (s, t) = hours(&centre, channel, start).with_context(|| name(channel))?;
        stored += s;
        told += t;
    }
    Ok(Return { first_live, behind, stored, told })
}

/// Readings of the week that the centre has, or has been told of.
fn arrived(centre: &Centre) -> Result<u64> {
    let told = centre.metric("tram_node_losses_total")?;
    let stored = centre.metric("tram_readings_stored_total")?;
    let live = centre.history(STATION, "soil_temperature", 3)?.len() as u64;
    Ok(told + stored.saturating_sub(live))
}

/// Every hour of a channel has readings or a gap that tells of it, and together they are all there
/// were. Says how many were stored and how many told.
fn hours(centre: &Centre, channel: u16, start: i64) -> Result<(u64, u64)> {
    let (channel, end) = (name(channel), start + DAYS * 86_400);
    let [from, to] = [start, end].map(|s| Timestamp::from_second(s).map(|t| t.to_string()));
    let asked = format!("station={STATION}&channel={channel}&from={}&to={}", from?, to?);
    let hourly = centre.json(&format!("/api/v1/history?{asked}&step=1h&fn=count"))?;
    let mut hours = BTreeSet::new();
    let mut stored = 0;
    for row in hourly.get("rows").and_then(Value::as_array).context("rows")? {
        stored += row.get("count").and_then(Value::as_u64).context("a count")?;
        hours.insert(second(row, "time")?.div_euclid(3_600));
    }
    let mut told = 0;
    let gaps = centre.json(&format!("/api/v1/gaps?{asked}&limit=10000"))?;
    for gap in gaps.as_array().context("rows")? {
        ensure!(gap.get("cause") == Some(&"thinned".into()), "{gap}");
        ensure!(gap.get("summary").is_some_and(Value::is_object), "{gap}");
        told += gap.get("readings").and_then(Value::as_u64).context("a count")?;
        let (first, last) = (second(gap, "from")?, second(gap, "to")?);
        hours.extend(first.div_euclid(3_600)..=last.div_euclid(3_600));
    }
    ensure!(stored + told == (DAYS * 86_400).unsigned_abs(), "{stored} stored, {told} told");
    let represented = i64::try_from(hours.len())?;
    ensure!(represented == HOURS, "{represented} of {HOURS} hours are represented");
    Ok((stored, told))
}

fn second(row: &Value, key: &str) -> Result<i64> {
    let time: Timestamp = row.get(key).and_then(Value::as_str).context("a time")?.parse()?;
    Ok(time.as_second())
}

fn name(channel: u16) -> String {
    format!("week_{channel:02}")
}

/// Puts the week into the spool, as if the node had been there all the time.
fn fill(folder: &Path, start: i64) -> Result<()> {
    let (mut spool, _) = Spool::open(folder, OPTIONS)?;
    let mut numbers = Vec::new();
    for channel in 0..CHANNELS {
        let name = ChannelName::new(&name(channel))?;
        numbers.push(spool.channel_number(&name, Quantity::WaterLevel)?);
    }
    for n in 0..DAYS * 86_400 / BATCH {
        let seconds = (start + n * BATCH..start + (n + 1) * BATCH).collect::<Vec<_>>();
        let columns = numbers.iter().map(|number| {
            let noise = |s: i64| (s.wrapping_mul(0x9e37_79b9) >> 7).rem_euclid(40);
            let values = seconds.iter().map(|s| Some(20_000 + noise(s + i64::from(number.0) * 77)));
            let mut column = Column::new(*number, Quantity::WaterLevel);
            column.micros = seconds.iter().map(|s| s * SECOND).collect();
            column.values = values.collect();
            column.quality = vec![QualityRun { quality: Quality::GOOD, len: 30 }];
            column
        });
        spool.append(ClockState::Ntp, columns.collect())?;
    }
    Ok(spool.close()?)
}

fn centre(folder: &Path) -> Result<Centre> {
    let file = folder.join("ingest.toml");
    let text = format!(
        "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n\
         [[station]]\nid = \"{STATION}\"\nname = \"Away\"\nlat = 22.0\nlon = 104.0\n",
        folder.display()
    );
    std::fs::write(&file, text)?;
    Centre::start(folder, &file)
}

fn node(folder: &Path, port: u16) -> Result<Node> {
    let spool = format!(
        "max_bytes = {}\nsegment_bytes = {}\ncommit_s = 30\n\
         [sending]\nbacklog_bytes_per_s = {BACKLOG_BYTES_PER_S}",
        OPTIONS.max_bytes, OPTIONS.segment_bytes
    );
    let (at, scenario) = (Node::open_broker(port), "scenario = \"quiet\"");
    Node::prepare_with(folder, STATION, &at, scenario, &spool, PARTS)
}
