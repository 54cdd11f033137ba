//! A day in simulated time, hour by hour, and the judgement at its end.

use std::{fmt::Write as _, path::Path, time::Duration};

use anyhow::{Result, ensure};
use tram_wire::UnixMicros;

use super::{
    engine::Engine,
    flat::{Flat, Limit},
    fleet::Fleet,
    inside::{Inside, instant},
    plot::{Chart, Line, svg},
};

const SECOND: i64 = 1_000_000;
const MIB: f64 = 1_048_576.0;
/// 2026-03-01T06:00:00Z: midnight is in the middle of the run.
const START: UnixMicros = UnixMicros(1_772_344_800_000_000);
/// After this many steps without sampling everything must have been acknowledged.
const DRAIN_STEPS: u32 = 2_000;

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Stations, of six channels each.
    pub stations: usize,
    /// Periods that are compared; of a full soak, hours.
    pub periods: u32,
    /// Length of one, in seconds.
    pub period_s: u32,
    /// How often the centre gets its turn, in seconds of simulated time.
    pub step_s: u32,
    /// The period in which it storms over every tenth station.
    pub storm: u32,
    /// The period in which the engine behind the sink is overloaded.
    pub away: u32,
    /// Periods at the start that are not compared.
    pub settling: usize,
    /// Readings in the head at which it is sealed.
    pub seal_readings: u64,
    /// Seed of all chance.
    pub seed: u64,
}

impl Plan {
    /// A day of 2,000 stations.
    #[must_use]
    pub fn day(seed: u64) -> Self {
        Self {
            stations: 2_000,
            periods: 24,
            period_s: 3_600,
            step_s: 5,
            storm: 14,
            away: 9,
            settling: 4,
            seal_readings: 1_000_000,
            seed,
        }
    }

    /// An hour of 100 stations, for every test run.
    #[must_use]
    pub fn hour(seed: u64) -> Self {
        Self {
            stations: 100,
            periods: 12,
            period_s: 300,
            step_s: 15,
            storm: 7,
            away: 5,
            settling: 4,
            seal_readings: 15_000,
            seed,
        }
    }
}

/// What was seen in one period.
#[derive(Debug, Clone, Default)]
struct Seen {
    readings: u64,
    rss: u64,
    rss_max: u64,
    fds: u64,
    head_max: u64,
    log_payload_max: u64,
    log_file: u64,
    data: u64,
    alerts_lag: u64,
    sink_lag: u64,
    p50: f64,
    p99: f64,
    most: f64,
    held: usize,
    open_alarms: u64,
    took: Duration,
}

/// A simulated day under way.
pub struct Day {
    plan: Plan,
    fleet: Fleet,
    centre: Inside,
    now: UnixMicros,
    seen: Vec<Seen>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The judgements.
    pub flats: Vec<Flat>,
    /// Why it failed; empty when it did not.
    pub failures: Vec<String>,
    /// A table, a line a period.
    pub table: String,
    /// Sentences about the whole.
    pub summary: String,
    /// Charts, as SVG.
    pub svg: String,
}

impl Day {
    /// Prepares a day with its files in `folder`.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn new(plan: Plan, folder: &Path) -> Result<Self> {
        let mut fleet = Fleet::new(plan.stations, START, plan.seed)?;
        let away = |n: u32| Duration::from_secs(u64::from(plan.period_s) * u64::from(n));
        let engine = Engine::new(away(plan.away)..away(plan.away + 1));
        let nodes = fleet.nodes().collect();
        let mut centre = Inside::open(folder, nodes, START, plan.seal_readings, engine)?;
        let mut births = Vec::new();
        fleet.births(&mut births)?;
        centre.receive(&births, START)?;
        Ok(Self { plan, fleet, centre, now: START, seen: Vec::new() })
    }

    /// Runs it; `tell` hears a line after each period.
    ///
    /// # Errors
    /// When the centre cannot go on, or what balanced does not.
    pub fn run(mut self, mut tell: impl FnMut(&str)) -> Result<Outcome> {
        let begun = instant();
        tell(Seen::HEADER);
        for period in 0..self.plan.periods {
            let seen = self.period(period)?;
            tell(&seen.line(period));
            self.seen.push(seen);
        }
        self.drain()?;
        let failures = self.count()?;
        let flats = self.judge();
        let mut outcome = Outcome {
            failures,
            table: self.table(),
            summary: self.summary(begun.elapsed())?,
            svg: self.charts(),
            flats,
        };
        for flat in outcome.flats.iter().filter(|f| !f.good()) {
            outcome.failures.push(format!("{} is not flat: {flat}", flat.name));
        }
        Ok(outcome)
    }

    fn period(&mut self, period: u32) -> Result<Seen> {
        let (begun, before) = (instant(), self.centre.counters().stored);
        let mut seen = Seen { rss: u64::MAX, ..Seen::default() };
        let storm = period == self.plan.storm;
        for step in 0..self.plan.period_s / self.plan.step_s {
            self.step(storm, true)?;
            seen.head_max = seen.head_max.max(self.centre.head_readings());
            seen.log_payload_max = seen.log_payload_max.max(self.centre.log_payload());
            let lag = self.centre.lag();
            seen.alerts_lag = seen.alerts_lag.max(lag.alerts);
            seen.sink_lag = seen.sink_lag.max(lag.sink);
            if step.is_multiple_of(4) {
                let rss = memory()?;
                seen.rss = seen.rss.min(rss);
                seen.rss_max = seen.rss_max.max(rss);
            }
            ensure!(self.centre.counters().balanced(), "{:?}", self.centre.counters());
        }
        let mut commits = self.centre.take_commits();
        commits.sort_unstable();
        let quantile = |q: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
            let i = ((commits.len() as f64 * q) as usize).min(commits.len().saturating_sub(1));
            commits.get(i).map_or(0.0, |d| d.as_secs_f64() * 1e3)
        };
        (seen.p50, seen.p99, seen.most) = (quantile(0.5), quantile(0.99), quantile(1.0));
        seen.readings = self.centre.counters().stored - before;
        seen.fds = std::fs::read_dir("/proc/self/fd")?.count() as u64;
        seen.log_file = self.centre.bytes("log.db");
        seen.data = self.centre.bytes("series") + self.centre.bytes("rollup");
        seen.held = self.fleet.held();
        seen.open_alarms = self.centre.alarms()?.open_episodes;
        seen.took = begun.elapsed();
        Ok(seen)
    }

    fn step(&mut self, storm: bool, sampling: bool) -> Result<()> {
        let step = i64::from(self.plan.step_s) * SECOND;
        let mut messages = Vec::new();
        self.fleet.step(self.now, step, storm, sampling, &mut messages)?;
        self.now = self.now.plus(step);
        for (node, ack) in self.centre.receive(&messages, self.now)? {
            self.fleet.acknowledge(node, &ack);
        }
        self.centre.consume(self.now)
    }

    /// Lets everything that is under way arrive.
    fn drain(&mut self) -> Result<()> {
        for _ in 0..DRAIN_STEPS {
            let lag = self.centre.lag();
            if self.fleet.drained() && lag.sink == 0 && lag.alerts == 0 {
                self.centre.seal(self.now)?;
                return self.centre.maintain();
            }
            self.step(false, false)?;
        }
        anyhow::bail!("{} batches are never acknowledged", self.fleet.held());
    }

    /// Counts every reading by its identity; says what is not as it should be.
    fn count(&self) -> Result<Vec<String>> {
        let mut failures = Vec::new();
        let counters = self.centre.counters();
        let (sampled, stored) = (self.fleet.sampled, counters.stored);
        if stored != sampled || !counters.balanced() || counters.pending != 0 {
            failures.push(format!("{sampled} readings were sampled: {counters:?}"));
        }
        let sink = self.centre.sink_counters();
        let (lines, written) = (self.centre.engine.lines, sink.written);
        if lines != sampled || written != sampled || sink.lost_entries != 0 {
            failures.push(format!("the engine has {lines} of {sampled} readings: {sink:?}"));
        }
        for (key, expected) in self.fleet.expected() {
            let found = self.centre.sum(&key)?;
            if found != expected {
                failures.push(format!("{key:?} holds {found:?} in place of {expected:?}"));
            }
            if failures.len() > 10 {
                break;
            }
        }
        let alarms = self.centre.alarms()?;
        if alarms.transitions_total == 0 {
            failures.push("the storm has raised no alarm".to_owned());
        }
        Ok(failures)
    }

    fn judge(&self) -> Vec<Flat> {
        let settled = self.seen.get(self.plan.settling..).unwrap_or_default();
        // The storm and the engine's absence are not the quiet that is compared; what they leave
        // behind is.
        let away = self.plan.away.abs_diff(u32::try_from(self.plan.settling).unwrap_or(0)) as usize;
        let quiet = |except: usize| -> Vec<&Seen> {
            settled.iter().enumerate().filter(|(i, _)| *i != except).map(|(_, s)| s).collect()
        };
        let all: Vec<&Seen> = settled.iter().collect();
        let of =
            |seen: &[&Seen], f: fn(&Seen) -> f64| seen.iter().map(|s| f(s)).collect::<Vec<_>>();
        let rise = |share, noise| Limit::Rise { share, noise };
        vec![
            Flat::of(
                "memory, least of each period",
                "MiB",
                &of(&all, |s| s.rss as f64 / MIB),
                rise(0.05, 4.0),
            ),
            Flat::of(
                "memory, most of each period",
                "MiB",
                &of(&all, |s| s.rss_max as f64 / MIB),
                rise(0.05, 6.0),
            ),
            Flat::of("open files", "files", &of(&all, |s| s.fds as f64), rise(0.0, 2.0)),
            Flat::of(
                "head, most of each period",
                "k",
                &of(&all, |s| s.head_max as f64 / 1e3),
                rise(0.05, 1.0),
            ),
            Flat::of(
                "log payload, most of each period",
                "MiB",
                &of(&quiet(away), |s| s.log_payload_max as f64 / MIB),
                rise(0.10, 0.5),
            ),
            Flat::of(
                "log.db",
                "MiB",
                &of(&quiet(away), |s| s.log_file as f64 / MIB),
                rise(0.10, 4.0),
            ),
            Flat::of("commit, median", "ms", &of(&all, |s| s.p50), rise(0.50, 2.0)),
            Flat::of("commit, 99th percentile", "ms", &of(&all, |s| s.p99), rise(1.0, 20.0)),
            Flat::of(
                "real time for a period",
                "s",
                &of(&all, |s| s.took.as_secs_f64()),
                Limit::Shown,
            ),
        ]
    }

    fn table(&self) -> String {
        let mut text = format!("{}\n", Seen::HEADER);
        for (seen, period) in self.seen.iter().zip(0..) {
            text += &seen.line(period);
            text.push('\n');
        }
        text
    }

    fn summary(&self, took: Duration) -> Result<String> {
        let counters = self.centre.counters();
        let (stored, alarms) = (counters.stored, self.centre.alarms()?);
        let (log, series) = (self.centre.bytes("log.db"), self.centre.bytes("series"));
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{} stations of 6 channels, {} periods of {} s, seed {}: {stored} readings in {:.0} s of real time",
            self.plan.stations,
            self.plan.periods,
            self.plan.period_s,
            self.plan.seed,
            took.as_secs_f64()
        );
        let _ = writeln!(
            text,
            "connections broken {}, duplicates {} readings, quarantined {}, transitions of alarms {}, notifications {}, engine away: {} requests turned away",
            self.fleet.broken,
            counters.duplicate,
            counters.quarantined_total(),
            alarms.transitions_total,
            self.centre.delivered,
            self.centre.engine.refused,
        );
        let _ = writeln!(
            text,
            "on disk at the end: series {:.1} MiB ({:.2} bytes a reading), rollups {:.1} MiB, log.db {:.1} MiB",
            series as f64 / MIB,
            series as f64 / stored as f64,
            self.centre.bytes("rollup") as f64 / MIB,
            log as f64 / MIB,
        );
        Ok(text)
    }

    fn charts(&self) -> String {
        let line = |name: &str, f: fn(&Seen) -> f64| Line {
            name: name.to_owned(),
            values: self.seen.iter().map(f).collect(),
        };
        let chart = |title: &str, lines: Vec<Line>| Chart { title: title.to_owned(), lines };
        let charts = [
            chart(
                "memory of the process, MiB",
                vec![
                    line("least", |s| s.rss as f64 / MIB),
                    line("most", |s| s.rss_max as f64 / MIB),
                ],
            ),
            chart("readings in the head, most", vec![line("head", |s| s.head_max as f64)]),
            chart(
                "log, MiB",
                vec![
                    line("payload", |s| s.log_payload_max as f64 / MIB),
                    line("file", |s| s.log_file as f64 / MIB),
                ],
            ),
            chart("commit, ms", vec![line("p50", |s| s.p50), line("p99", |s| s.p99)]),
            chart("readings an hour", vec![line("stored", |s| s.readings as f64)]),
        ];
        let hours = f64::from(self.plan.periods) * f64::from(self.plan.period_s) / 3_600.0;
        svg(&charts, hours, "h")
    }
}

impl Seen {
    const HEADER: &'static str = "period  readings  mem min-max MiB  fds    head max  log MiB (file)  \
        lag alerts/sink  commit p50/p99/max ms  held  alarms  data MiB  real s";

    fn line(&self, period: u32) -> String {
        format!(
            "{period:>6} {:>9}  {:>7.1}-{:<7.1} {:>4} {:>11}  {:>6.1} ({:>5.1})  {:>7}/{:<7}  {:>6.1}/{:>5.1}/{:<6.1} {:>5} {:>7} {:>9.1} {:>7.1}",
            self.readings,
            self.rss as f64 / MIB,
            self.rss_max as f64 / MIB,
            self.fds,
            self.head_max,
            self.log_payload_max as f64 / MIB,
            self.log_file as f64 / MIB,
            self.alerts_lag,
            self.sink_lag,
            self.p50,
            self.p99,
            self.most,
            self.held,
            self.open_alarms,
            self.data as f64 / MIB,
            self.took.as_secs_f64(),
        )
    }
}

/// Bytes of memory of this process that are resident.
fn memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
    Ok(kib.unwrap_or(0) * 1_024)
}
