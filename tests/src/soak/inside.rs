//! The centre without its program: the same crates, driven by simulated time on one thread, in the
//! order in which the program's threads would get to it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tram_alerts::{Alerts, DeliveryResult, Entry, NodeAlarm, Station};
use tram_pipeline::{Counters, Incoming, Pipeline, Policy, Receipt, Record, ThirdParty};
use tram_rules::{Observation, Rule, Words};
use tram_store::{
    Keeper, Log, LogEntry, LogId, LogReader, Opened, Options, Sealer, Store,
    sink::{self, Limits, MAX_READ_ENTRIES, Sight, Sink, SinkCounters, Step},
};
use tram_wire::{Ack, NodeId, UnixMicros};

use super::{
    engine::Engine,
    fleet::{Message, Sum},
};

/// The alert engine's and the sink's names among the consumers of the log.
const ALERTS: &str = "alerts";
const SINK: &str = "engine";
const HOOK: &str = "receiver";
/// The most entries that are evaluated in one transaction, as in the program.
const MAX_ENTRIES: usize = 256;
/// What is in the head for longer than this is sealed even when it is little, as in the program.
const SEAL_AT_LATEST: i64 = 3_600_000_000;

/// The shipped rules that concern every station.
const RULES: [&str; 4] = [
    "heavy-rain-10min.toml",
    "heavy-rain-60min.toml",
    "more/air-quality-pm2_5.toml",
    "station-silent.toml",
];

/// How late each consumer is, in entries of the log.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lag {
    pub(super) alerts: u64,
    pub(super) sink: u64,
}

/// The centre.
pub(super) struct Inside {
    folder: PathBuf,
    pipeline: Pipeline,
    log: Log,
    sealer: Sealer,
    keeper: Keeper,
    store: Store,
    alerts: Alerts,
    alerts_reader: LogReader,
    sink: Sink,
    sink_reader: LogReader,
    /// What the sink writes to.
    pub(super) engine: Engine,
    start: UnixMicros,
    sealed: UnixMicros,
    /// How long each commit took since the last [`take_commits`](Self::take_commits).
    commits: Vec<Duration>,
    /// Notifications delivered.
    pub(super) delivered: u64,
}

impl Inside {
    pub(super) fn open(
        folder: &Path,
        nodes: Vec<NodeId>,
        start: UnixMicros,
        seal_readings: u64,
        engine: Engine,
    ) -> Result<Self> {
        let options = Options {
            consumers: vec![ALERTS.to_owned()],
            bounded_consumers: vec![(sink::consumer(SINK), sink::DEFAULT_HOLD_BYTES)],
            seal_readings,
            ..Options::default()
        };
        let Opened { log, sealer, keeper, store, memory, .. } = Store::open(folder, options)?;
        let alerts = alerts(folder, &nodes, start)?;
        let policy = Policy {
            nodes: nodes.into_iter().collect(),
            third_party: ThirdParty::Refuse,
            ..Policy::default()
        };
        Ok(Self {
            folder: folder.to_owned(),
            pipeline: Pipeline::new(policy, memory),
            log,
            sealer,
            keeper,
            alerts_reader: store.reader()?,
            sink_reader: store.reader()?,
            store,
            alerts,
            sink: Sink::new(LogId(0), Limits::default()),
            engine,
            start,
            sealed: start,
            commits: Vec::new(),
            delivered: 0,
        })
    }

    /// Takes what has come in, in groups as large as the program's, and returns what is
    /// acknowledged.
    pub(super) fn receive(
        &mut self,
        messages: &[Message],
        now: UnixMicros,
    ) -> Result<Vec<(NodeId, Ack)>> {
        for group in messages.chunks(2_048) {
            let mut records = Vec::with_capacity(group.len());
            for message in group {
                let incoming = Incoming {
                    topic: &message.topic,
                    content_type: None,
                    payload: &message.payload,
                    retained: false,
                };
                records.extend(self.pipeline.receive(incoming, now).into_record().ok());
            }
            if records.is_empty() {
                continue;
            }
            let begun = instant();
            self.log.append(&records)?;
            self.commits.push(begun.elapsed());
            let receipts: Vec<Receipt> = records.iter().map(Record::receipt).collect();
            self.pipeline.committed(&receipts);
        }
        Ok(self.pipeline.acks())
    }

    /// Everything behind the log gets its turn.
    pub(super) fn consume(&mut self, now: UnixMicros) -> Result<()> {
        self.evaluate(now)?;
        self.pour(now)?;
        if self.sealer.due() || now.since(self.sealed) >= SEAL_AT_LATEST {
            self.seal(now)?;
        }
        self.maintain()
    }

    /// Lets the log forget what everybody has.
    pub(super) fn maintain(&mut self) -> Result<()> {
        self.log.advance(ALERTS, log_id(self.alerts.cursor()));
        self.log.advance(&sink::consumer(SINK), self.sink.cursor());
        self.log.maintain()?;
        Ok(())
    }

    /// Moves the head into the files, and does what there is to keep.
    pub(super) fn seal(&mut self, now: UnixMicros) -> Result<()> {
        self.sealed = now;
        self.sealer.seal()?;
        while self.keeper.step(now)?.more {}
        Ok(())
    }

    fn evaluate(&mut self, now: UnixMicros) -> Result<()> {
        loop {
            let position = log_id(self.alerts.position());
            let entries = self.alerts_reader.after(position, MAX_ENTRIES)?;
            if entries.is_empty() {
                break;
            }
            let entries: Vec<Entry> = entries.iter().map(entry).collect();
            self.alerts.apply(&entries, now)?;
        }
        self.alerts.tick(now)?;
        loop {
            let due = self.alerts.due(HOOK, now)?;
            if due.is_empty() {
                return Ok(());
            }
            for delivery in due {
                self.alerts.done(&delivery, &DeliveryResult::Delivered, now)?;
                self.delivered += 1;
            }
        }
    }

    fn pour(&mut self, now: UnixMicros) -> Result<()> {
        let now = Duration::from_micros(now.since(self.start).unsigned_abs());
        loop {
            match self.sink.poll(now) {
                Step::Rest(_) => return Ok(()),
                // This one never says when it was started.
                Step::Look => self.sink.seen(Sight::Unknown, now),
                Step::Send(lines) => {
                    let answer = self.engine.write(lines, now);
                    self.sink.answered(answer, now);
                }
                Step::Read { after } => {
                    let entries = self.sink_reader.after(after, MAX_READ_ENTRIES)?;
                    if entries.is_empty() {
                        return Ok(());
                    }
                    self.sink.take(&entries, now);
                }
            }
        }
    }

    pub(super) fn lag(&self) -> Lag {
        let last = self.log.stats().last;
        let behind = |at: LogId| last.0.saturating_sub(at.0).unsigned_abs();
        Lag { alerts: behind(log_id(self.alerts.position())), sink: behind(self.sink.written()) }
    }

    pub(super) fn counters(&self) -> &Counters {
        self.pipeline.counters()
    }

    pub(super) fn sink_counters(&self) -> SinkCounters {
        self.sink.counters()
    }

    pub(super) fn alarms(&self) -> Result<tram_alerts::Counters> {
        Ok(self.alerts.counters()?)
    }

    pub(super) fn head_readings(&self) -> u64 {
        self.store.stats().head_readings
    }

    /// Bytes of payload in the log.
    pub(super) fn log_payload(&self) -> u64 {
        self.log.stats().bytes
    }

    /// Bytes of a file or folder of the data folder.
    pub(super) fn bytes(&self, name: &str) -> u64 {
        bytes_below(&self.folder.join(name))
    }

    /// How long the commits took since the last call.
    pub(super) fn take_commits(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.commits)
    }

    /// Reads everything of a datastream.
    pub(super) fn sum(&self, key: &tram_pipeline::DatastreamKey) -> Result<Sum> {
        let mut sum = Sum::default();
        for reading in self.store.history(key, UnixMicros(0), UnixMicros(i64::MAX))? {
            let reading = reading?;
            sum.add(reading.time.0, reading.value, reading.quality);
        }
        Ok(sum)
    }
}

fn bytes_below(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|e| bytes_below(&e.path())).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |m| m.len()),
    }
}

/// The real time, for how long a commit takes.
#[expect(
    clippy::disallowed_methods,
    reason = "a commit's time is the disk's, not the simulation's"
)]
pub(super) fn instant() -> Instant {
    Instant::now()
}

fn log_id(position: u64) -> LogId {
    LogId(i64::try_from(position).unwrap_or(i64::MAX))
}

fn alerts(folder: &Path, nodes: &[NodeId], start: UnixMicros) -> Result<Alerts> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/rules");
    let rules = RULES.iter().map(|name| {
        let document =
            tram_config::read::<Rule>(&rules.join(name)).map_err(|m| anyhow::anyhow!("{m}"))?;
        Ok(document.value)
    });
    let rules = rules.collect::<Result<Vec<Rule>>>()?;
    let secret = folder.join("secret");
    std::fs::write(&secret, "5".repeat(64))?;
    let written = folder.join("alerts.toml");
    let text = format!(
        "sender = \"soak@example.org\"\nsender_name = {{ vi = \"S\", en = \"S\", zh = \"S\" }}\n\
         public_url = \"http://127.0.0.1:8080\"\ndefault_area = \"a\"\n\
         [[area]]\nid = \"a\"\nname = {{ vi = \"A\", en = \"A\", zh = \"A\" }}\n\
         communes = [\"02647\"]\n\
         [[webhook]]\nname = \"{HOOK}\"\nurl = \"http://127.0.0.1:1/\"\nsecret_file = \"{}\"\n",
        secret.display()
    );
    std::fs::write(&written, text)?;
    let config = tram_config::read::<tram_alerts::Config>(&written);
    let config = config.map_err(|m| anyhow::anyhow!("{m}"))?.value;
    ensure!(config.check().is_empty(), "{:?}", config.check());
    let station = |id: &NodeId| {
        let name = || id.to_string();
        Station { id: *id, name: Words { vi: name(), en: name(), zh: name() } }
    };
    let stations = nodes.iter().map(station).collect();
    Alerts::open(&folder.join("alerts.db"), &config, rules, stations, start).context("the alarms")
}

/// An entry as far as alarms are concerned, as the program hands it over.
fn entry(entry: &LogEntry) -> Entry {
    let observations = entry.columns.iter().flat_map(|column| {
        let key = column.key;
        column.points().map(move |point| Observation {
            station: key.node,
            channel: key.channel,
            quantity: key.quantity,
            time: UnixMicros(point.micros),
            value: point.value,
            quality: point.quality,
        })
    });
    let alarm = entry
        .alarm
        .as_ref()
        .map(|a| NodeAlarm::new(entry.node, &a.alarm, a.key.channel, a.key.quantity, a.at));
    Entry {
        position: entry.id.0.unsigned_abs(),
        observations: observations.collect(),
        alarms: alarm.into_iter().collect(),
    }
}
