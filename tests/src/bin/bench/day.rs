//! `memory`, `latest`, `history`: a day of 2,000 stations in, then questions to it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tram_tests::{Centre, Random};
use tram_wire::UnixMicros;

use super::{
    clock,
    feeder::Footprint,
    load::{Fleet, Plan},
    site::{self, Broker},
    station::{self, MINUTELY},
    table::{Goal, Table},
};

const STATIONS: u16 = 2_000;
/// Microseconds.
const DAY: i64 = 86_400_000_000;
const HALF_HOUR: i64 = 1_800_000_000;
/// How often each question is asked.
const QUESTIONS: usize = 300;
/// Questions before those that count: they open the connection and warm what there is to warm.
const WARM: usize = 10;

/// Feeds the day and asks.
pub(crate) async fn run(table: &mut Table) -> Result<()> {
    table.section("2,000 stations × 6 channels, a day of a reading a minute in");
    let folder = tempfile::tempdir()?;
    let centre = site::start(folder.path(), Broker::Embedded, STATIONS)?;
    let mut fleet = Fleet::connect(centre.mqtt_port, STATIONS).await?;
    let connected = resident_mib(&centre)?;
    let now = clock::today()?;
    let readings = u64::try_from(DAY / MINUTELY.span())? * MINUTELY.readings();
    let plan = Plan::of(readings * u64::from(STATIONS), STATIONS, MINUTELY, now.plus(-DAY));
    let cpu = site::processor(&centre)?;
    let outcome = fleet.run(&plan).await?;
    let used = site::processor(&centre)? - cpu;
    let goal = Goal::less(512.0, 128.0);
    table.asked("peak memory, a connection a station", site::peak_mib(&centre)?, "MiB", goal);
    table.figure("  of it, with 2,000 connections and no reading yet", connected, "MiB");
    table.figure("  readings in", outcome.readings as f64, "readings");
    table.figure("  rate", outcome.rate(), "readings/s");
    table.figure("  CPU of the centre", used / (outcome.readings as f64 / 1e6), "s/million");
    table.figure("  memory behind the day", resident_mib(&centre)?, "MiB");
    drop(fleet);
    tokio::task::block_in_place(|| {
        questions(table, &centre, now)?;
        disk(table, centre, folder.path(), outcome.readings)
    })
}

/// Bytes on disk once everything is sealed and forgotten by the log.
fn disk(table: &mut Table, centre: Centre, folder: &std::path::Path, readings: u64) -> Result<()> {
    let mut centre = centre;
    centre.program.stop(Duration::from_secs(30))?;
    let data = folder.join("data");
    let nodes = (0..STATIONS).map(station::node).collect::<Result<Vec<_>>>()?;
    let mut feeder = super::feeder::Feeder::open(&data, nodes, clock::today()?)?;
    // The day after: both days that the readings lie in are over.
    feeder.settle(clock::today()?.plus(2 * DAY))?;
    let Footprint { series, rollup, log } = feeder.close();
    let each = |bytes: u64| bytes as f64 / readings as f64;
    let goal = Goal::less(2.0, 1.0);
    table.asked("disk, the day sealed", each(series), "bytes/reading", goal);
    table.figure("  rollups beside", each(rollup), "bytes/reading");
    table.figure("  the log, trimmed, whose size does not grow", log as f64 / 1e6, "MB");
    Ok(())
}

fn questions(table: &mut Table, centre: &Centre, now: UnixMicros) -> Result<()> {
    let mut latest = ask(centre, QUESTIONS, || Ok("/api/v1/latest".to_owned()))?;
    let ms = |times: &mut Vec<Duration>, q| clock::ms(clock::quantile(times, q));
    let what = "latest of 12,000 datastreams over HTTP, p99";
    table.asked(what, ms(&mut latest, 0.99), "ms", Goal::less(50.0, 5.0));
    table.figure("  p50", ms(&mut latest, 0.5), "ms");

    let mut random = Random::new(7);
    let mut half_hour = ask(centre, QUESTIONS, || {
        let n = random.below(u64::from(STATIONS));
        let (name, _) = station::channel(usize::try_from(random.below(6))?)?;
        let back = i64::try_from(random.below(u64::try_from(DAY - HALF_HOUR)?))?;
        let to = now.plus(-back);
        let node = station::node(u16::try_from(n)?)?;
        let (from, to) = (rfc3339(to.plus(-HALF_HOUR))?, rfc3339(to)?);
        Ok(format!("/api/v1/history?station={node}&channel={name}&from={from}&to={to}"))
    })?;
    let what = "30 minutes of one series over HTTP, anywhere in the day, p99";
    table.asked(what, ms(&mut half_hour, 0.99), "ms", Goal::less(5.0, 1.0));
    table.figure("  p50", ms(&mut half_hour, 0.5), "ms");
    Ok(())
}

/// Asks again and again on one connection; the time of each answer, read to its end.
pub(crate) fn ask(
    centre: &Centre,
    questions: usize,
    mut path: impl FnMut() -> Result<String>,
) -> Result<Vec<Duration>> {
    let agent = ureq::Agent::new_with_defaults();
    let mut times = Vec::new();
    for n in 0..questions + WARM {
        let url = centre.url(&path()?);
        let start = clock::now();
        let mut answer = agent.get(&url).call().with_context(|| url.clone())?;
        let text = answer.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        let took = clock::now() - start;
        ensure!(text.len() > 100, "{url}: {}", String::from_utf8_lossy(&text));
        if n >= WARM {
            times.push(took);
        }
    }
    Ok(times)
}

/// As addresses have it.
pub(crate) fn rfc3339(time: UnixMicros) -> Result<String> {
    Ok(jiff::Timestamp::from_microsecond(time.0)?.to_string())
}

fn resident_mib(centre: &Centre) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", centre.program.id()))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.split_whitespace().next().context("no number")?.parse::<f64>()? / 1024.0)
}
