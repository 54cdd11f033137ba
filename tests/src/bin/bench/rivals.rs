//! `rivals`: VictoriaMetrics and InfluxDB fed the same readings directly over HTTP, and our own
//! way from MQTT to the fsynced store in the same run.

use std::{io::Write, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use tram_wire::UnixMicros;

use super::{
    clock,
    engine::{Engine, Kind},
    feeder::Feeder,
    load::{Fleet, Plan},
    site::{self, Broker},
    station::{self, REFERENCE, Shape},
    table::{Goal, Table},
};

/// Stations, the same for everybody.
const STATIONS: u16 = 4;
/// Readings of the comparison, and of each try of a way to send them.
const READINGS: u64 = 4_000_000;
const TRY: u64 = 500_000;
/// Connections at once to a rival.
const CONNECTIONS: usize = 2;

/// Wake-ups in a message of ours, as a node sends them live and from its backlog.
const OURS: [u64; 3] = [20, 100, 400];

/// How readings are sent to a rival.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// A line for each wake-up of a station with five fields, or one for each reading.
    wide: bool,
    /// Readings in a request.
    readings: u64,
    gzip: bool,
}

const WAYS: [Way; 6] = [
    Way { wide: true, readings: 10_000, gzip: false },
    Way { wide: true, readings: 50_000, gzip: false },
    Way { wide: true, readings: 50_000, gzip: true },
    Way { wide: false, readings: 10_000, gzip: false },
    Way { wide: false, readings: 50_000, gzip: false },
    Way { wide: false, readings: 10_000, gzip: true },
];

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = if self.wide { "5 fields a line" } else { "a reading a line" };
        let gzip = if self.gzip { ", gzip" } else { "" };
        write!(f, "{lines}, {} readings a request{gzip}", self.readings)
    }
}

/// What it came to.
#[derive(Debug, Clone, Copy)]
struct Figures {
    rate: f64,
    /// Processor seconds for a million readings, until everything is in its final form.
    cpu: f64,
    /// Bytes a reading on disk then.
    bytes: f64,
}

/// Measures all three and prints the ratios.
pub(crate) async fn run(table: &mut Table) -> Result<()> {
    table.section(
        "The same readings into other databases (4 stations, 5 channels; theirs over HTTP)",
    );
    let start = clock::today()?.plus(-86_400_000_000);
    let (live, shape, ours) = ours(start).await?;
    let what = format!("Trạm over MQTT, fsynced, {} readings a message", shape.readings());
    show(table, &what, ours);
    show(table, &format!("Trạm, {} readings a message", REFERENCE.readings()), live);
    for kind in [Kind::Victoria, Kind::Influx] {
        let name = kind.name();
        if !kind.installed() {
            table.skipped(name, kind.install());
            continue;
        }
        let (way, theirs) = tokio::task::block_in_place(|| rival(kind, start))?;
        show(table, &format!("{name}, {way}"), theirs);
        table.note(format!("  {name} {}", kind.durability()));
        let goal = Goal::more(1.0, 3.0);
        let what =
            format!("rate, ours with {} readings a message to {name}'s", REFERENCE.readings());
        table.figure(what, live.rate / theirs.rate, "times");
        table.asked(format!("rate, ours to {name}'s"), ours.rate / theirs.rate, "times", goal);
        table.asked(
            format!("readings a CPU second, ours to {name}'s"),
            theirs.cpu / ours.cpu,
            "times",
            goal,
        );
        table.asked(
            format!("readings a byte of disk, ours to {name}'s"),
            theirs.bytes / ours.bytes,
            "times",
            goal,
        );
    }
    Ok(())
}

fn show(table: &mut Table, who: &str, figures: Figures) {
    table.figure(who, figures.rate, "readings/s");
    table.figure("  CPU until everything is in its final form", figures.cpu, "s/million");
    table.figure("  disk then", figures.bytes, "bytes/reading");
}

/// Sends our way with messages of several sizes. What the smallest came to, the fastest one and
/// what that came to.
async fn ours(start: UnixMicros) -> Result<(Figures, Shape, Figures)> {
    let (mut live, mut best) = (None, None::<(Shape, Figures)>);
    for wakes in OURS {
        let shape = Shape { wakes, ..REFERENCE };
        let figures = once(shape, start).await?;
        eprintln!(
            "    Trạm, {} readings a message: {:.0} readings/s",
            shape.readings(),
            figures.rate
        );
        live = live.or(Some(figures));
        if best.is_none_or(|(_, fastest)| figures.rate > fastest.rate) {
            best = Some((shape, figures));
        }
    }
    let (shape, best) = best.context("no size")?;
    Ok((live.context("no size")?, shape, best))
}

async fn once(shape: Shape, start: UnixMicros) -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let mut centre = site::start(folder.path(), Broker::Embedded, STATIONS)?;
    let mut fleet = Fleet::connect(centre.mqtt_port, STATIONS).await?;
    let before = site::processor(&centre)?;
    let outcome = fleet.run(&Plan::of(READINGS, STATIONS, shape, start)).await?;
    drop(fleet);
    tokio::task::block_in_place(|| {
        let cpu = site::processor(&centre)? - before;
        centre.program.stop(Duration::from_secs(30))?;
        let nodes = (0..STATIONS).map(station::node).collect::<Result<Vec<_>>>()?;
        let own = own_processor()?;
        let mut feeder = Feeder::open(&folder.path().join("data"), nodes, clock::today()?)?;
        feeder.settle(clock::today()?.plus(86_400_000_000))?;
        let footprint = feeder.close();
        let cpu = cpu + own_processor()? - own;
        let readings = outcome.readings as f64;
        let bytes = (footprint.series + footprint.rollup) as f64 / readings;
        Ok(Figures { rate: outcome.rate(), cpu: cpu / (readings / 1e6), bytes })
    })
}

/// Processor seconds of this process.
fn own_processor() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    let (user, system) = (ticks.next().context("stat")??, ticks.next().context("stat")??);
    Ok((user + system) / 100.0)
}

/// Finds the way it is fastest in, then measures that one twice and keeps the faster.
fn rival(kind: Kind, start: UnixMicros) -> Result<(Way, Figures)> {
    let mut best: Option<(f64, Way)> = None;
    for way in WAYS {
        let folder = tempfile::tempdir()?;
        let engine = Engine::start(kind, folder.path())?;
        let rate = feed(&engine, way, start, TRY)?;
        eprintln!("    {}, {way}: {rate:.0} readings/s", kind.name());
        if best.is_none_or(|(fastest, _)| rate > fastest) {
            best = Some((rate, way));
        }
    }
    let (_, way) = best.context("no way")?;
    let (first, second) = (whole(kind, way, start)?, whole(kind, way, start)?);
    Ok((way, if first.rate > second.rate { first } else { second }))
}

/// The whole comparison in a fresh database.
fn whole(kind: Kind, way: Way, start: UnixMicros) -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::start(kind, folder.path())?;
    let before = engine.program.processor_seconds()?;
    let rate = feed(&engine, way, start, READINGS)?;
    let bytes = engine.settled_bytes()? as f64 / READINGS as f64;
    let cpu = (engine.program.processor_seconds()? - before) / (READINGS as f64 / 1e6);
    Ok(Figures { rate, cpu, bytes })
}

/// Sends readings over several connections; all are made before the clock starts.
fn feed(engine: &Engine, way: Way, start: UnixMicros, readings: u64) -> Result<f64> {
    let bodies = bodies(way, start, readings)?;
    let url = engine.write_url();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let started = clock::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let agent = ureq::Agent::new_with_defaults();
                    loop {
                        let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(body) = bodies.get(at) else { return Ok(()) };
                        send(&agent, &url, body, way.gzip)?;
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().map_err(|_| anyhow::anyhow!("a connection's thread panicked"))?
        })
    })?;
    Ok(readings as f64 / (clock::now() - started).as_secs_f64())
}

fn send(agent: &ureq::Agent, url: &str, body: &[u8], gzip: bool) -> Result<()> {
    let mut request = agent.post(url);
    if gzip {
        request = request.header("Content-Encoding", "gzip");
    }
    let mut answer = request.send(body)?;
    ensure!(answer.status() == 204, "{url}: {}", answer.status());
    // Read to its end, the connection is used again.
    answer.body_mut().read_to_vec()?;
    Ok(())
}

/// The same readings that our stations send, as line protocol.
fn bodies(way: Way, start: UnixMicros, readings: u64) -> Result<Vec<Vec<u8>>> {
    let batches = readings / REFERENCE.readings() / u64::from(STATIONS);
    let in_request = way.readings / REFERENCE.readings();
    let (mut bodies, mut body, mut held) = (Vec::new(), Vec::new(), 0);
    for seq in 0..batches {
        for n in 0..STATIONS {
            lines(&mut body, way.wide, n, seq, start)?;
            held += 1;
            if held == in_request {
                bodies.push(finish(std::mem::take(&mut body), way.gzip)?);
                held = 0;
            }
        }
    }
    if !body.is_empty() {
        bodies.push(finish(body, way.gzip)?);
    }
    Ok(bodies)
}

fn finish(body: Vec<u8>, gzip: bool) -> Result<Vec<u8>> {
    if !gzip {
        return Ok(body);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&body)?;
    Ok(encoder.finish()?)
}

fn lines(body: &mut Vec<u8>, wide: bool, n: u16, seq: u64, start: UnixMicros) -> Result<()> {
    let rows = REFERENCE.rows(n, seq, start)?;
    let station = station::node(n)?;
    let channels = (0..REFERENCE.channels).map(station::channel).collect::<Result<Vec<_>>>()?;
    for (wake, micros) in rows.times.iter().enumerate() {
        let ms = micros / 1000;
        let values = channels.iter().zip(&rows.values).filter_map(|((name, quantity), values)| {
            let value = *values.get(wake)? as f64 / quantity.scale() as f64;
            Some((name, value, usize::from(quantity.decimals())))
        });
        if wide {
            write!(body, "tram,station={station} ")?;
            for (i, (name, value, decimals)) in values.enumerate() {
                let comma = if i == 0 { "" } else { "," };
                write!(body, "{comma}{name}={value:.decimals$}")?;
            }
            writeln!(body, " {ms}")?;
        } else {
            for (name, value, decimals) in values {
                writeln!(
                    body,
                    "tram,channel={name},station={station} value={value:.decimals$} {ms}"
                )?;
            }
        }
    }
    Ok(())
}
