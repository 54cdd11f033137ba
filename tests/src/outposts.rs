//! Nodes that are killed again and again before a real centre, and the account at the end: every
//! time a channel was due there is a reading in the centre's log or one loss that says why not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tram_pipeline::Identity;
use tram_store::{LogEntry, LogId, Options, Store};
use tram_wire::{BatchId, LossCause};

use crate::{Centre, Node, PARTS, until};

/// How long everything may take to arrive.
const PATIENCE: Duration = Duration::from_secs(120);
/// Group commits of the nodes, in seconds.
const COMMIT_S: i64 = 2;
/// Between the time of a reading and its batch in the spool, besides the group commit: the batch's
/// age, and what a busy machine takes.
const SLACK_US: i64 = 5_000_000;

/// The channels and how often they are due, in microseconds.
const CHANNELS: [(&str, i64); 5] = [
    ("pressure", 500_000),
    ("air_temperature", 500_000),
    ("soil_temperature", 50_000),
    ("rain", 50_000),
    ("water_level", 500_000),
];

/// Behind the parts of every node that is killed: a siren and its gauge.
const GAUGE: &str = r#"
[[ultrasonic]]
port = "a"
interval_s = 0.5
echoes = 2
farthest_m = 20.0
datum_m = 92.45
water_level = "water_level"
"#;

/// A centre and nodes whose siren goes on and off with the waves.
#[derive(Debug)]
pub struct Outposts {
    centre: Centre,
    folder: PathBuf,
    nodes: Vec<Node>,
    /// When each was killed, Unix microseconds.
    killed: Vec<Vec<i64>>,
}

/// What became of everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account {
    /// Kills.
    pub kills: usize,
    /// Readings in the log, each once.
    pub stored: usize,
    /// Readings that were due and are told to be lost, each once.
    pub lost: u64,
    /// Alarms in the log, each once.
    pub alarms: usize,
    /// The longest time before a kill from which readings are lost, in microseconds.
    pub longest: i64,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, stored, lost, alarms, longest } = *self;
        let seconds = longest / 1_000_000;
        let tenths = longest / 100_000 % 10;
        write!(
            f,
            "{kills} kills: {stored} readings stored, each once; {lost} that were due are reported \
             lost, each once, at most {seconds}.{tenths} s of sampling before a kill; {alarms} \
             alarms, none lost; 0 duplicates"
        )
    }
}

impl Outposts {
    /// Starts a centre and so many nodes.
    ///
    /// # Errors
    /// When something does not start.
    pub fn start(folder: &Path, nodes: usize) -> Result<Self> {
        let names: Vec<String> = (1..=nodes).map(|n| format!("outpost-{n:02}")).collect();
        let configuration = folder.join("ingest.toml");
        let mut text = format!(
            "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n",
            folder.display(),
        );
        for name in &names {
            text.push_str(&format!(
                "[[station]]\nid = \"{name}\"\nname = \"Outpost\"\nlat = 22.0\nlon = 104.0\n"
            ));
        }
        std::fs::write(&configuration, text)?;
        let rules = folder.join("rules");
        std::fs::create_dir_all(&rules)?;
        std::fs::write(rules.join("waves.toml"), waves()?)?;
        let centre = Centre::start(folder, &configuration)?;
        let mut outposts =
            Self { centre, folder: folder.to_owned(), nodes: Vec::new(), killed: Vec::new() };
        for (name, seed) in names.iter().zip(1..) {
            let at = Node::open_broker(outposts.centre.mqtt_port);
            let scenario = format!("scenario = \"quiet\"\nseed = {seed}");
            let parts = format!("[siren]\npin = 27{PARTS}{GAUGE}");
            let spool = format!("commit_s = {COMMIT_S}");
            let mut node = Node::prepare_with(folder, name, &at, &scenario, &spool, &parts)?;
            let file = node.folder().join("edge.toml");
            let text = std::fs::read_to_string(&file)?;
            // Keys of the file's first table cannot stand behind others.
            let rules = rules.display();
            std::fs::write(&file, format!("rules = \"{rules}\"\n{text}"))?;
            node.start()?;
            outposts.nodes.push(node);
            outposts.killed.push(Vec::new());
        }
        Ok(outposts)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Waits until the centre has stored this many more readings.
    ///
    /// # Errors
    /// When it does not.
    pub fn more(&self, readings: u64) -> Result<()> {
        let stored = || self.centre.metric("tram_readings_stored_total").ok();
        let before = stored().context("the centre counts")?;
        until("new readings in the store", PATIENCE, || {
            stored().filter(|now| *now >= before + readings)
        })?;
        Ok(())
    }

    /// Kills a node and starts it again.
    ///
    /// # Errors
    /// When it had ended by itself.
    pub fn kill(&mut self, index: usize) -> Result<()> {
        let node = self.nodes.get_mut(index).context("there is such a node")?;
        node.kill()?;
        if let Some(killed) = self.killed.get_mut(index) {
            killed.push(jiff::Timestamp::now().as_microsecond());
        }
        node.start()
    }

    /// Stops the nodes in order once everything has arrived, kills the centre, and reads its log.
    ///
    /// # Errors
    /// What is missing, there twice, or told wrong.
    pub fn settle(mut self) -> Result<Account> {
        // Some seconds: the last batches are committed, and the last losses told.
        self.more(2_000)?;
        for node in &mut self.nodes {
            node.stop()?;
        }
        self.centre.kill()?;
        let opened = Store::open(&self.folder.join("centre"), Options::default())?;
        let mut reader = opened.store.reader()?;
        let mut log = Log::default();
        let mut cursor = LogId(0);
        loop {
            let entries = reader.after(cursor, 1_000).context("the log is whole")?;
            let Some(last) = entries.last() else { break };
            cursor = last.id;
            entries.iter().try_for_each(|e| log.take(e))?;
        }
        let mut sum = Account::default();
        for (node, killed) in self.nodes.iter().zip(&self.killed) {
            let one = log.account(node, killed).with_context(|| node.name.clone())?;
            sum.kills += one.kills;
            sum.stored += one.stored;
            sum.lost += one.lost;
            sum.alarms += one.alarms;
            sum.longest = sum.longest.max(one.longest);
        }
        Ok(sum)
    }
}

/// The flood rule with a siren at the height of the waves.
fn waves() -> Result<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/rules/flood-lao-cai.toml");
    let text = std::fs::read_to_string(path)?;
    let mut changed = text.clone();
    for (from, to) in [
        ("stations = [\"lao-cai-river-01\"]", "stations = [\"*\"]"),
        ("raise = 80.00", "raise = 77.502"),
        ("clear = 79.80", "clear = 77.499"),
        ("hold_s = 1800", "hold_s = 0"),
        ("siren_from = 3", "siren_from = 1"),
    ] {
        ensure!(changed.contains(from), "the flood rule has no `{from}` any more");
        changed = changed.replacen(from, to, 1);
    }
    Ok(changed)
}

/// A loss in the log.
#[derive(Debug, Clone, Copy)]
struct Told {
    from: i64,
    to: i64,
    readings: u64,
    cause: LossCause,
}

/// The centre's log by node and channel.
#[derive(Debug, Default)]
struct Log {
    readings: BTreeMap<(String, String), BTreeMap<i64, Option<i64>>>,
    losses: BTreeMap<(String, String), Vec<Told>>,
    alarms: BTreeSet<String>,
}

impl Log {
    fn take(&mut self, entry: &LogEntry) -> Result<()> {
        for column in &entry.columns {
            let key = (entry.node.to_string(), column.key.channel.to_string());
            let channel = self.readings.entry(key).or_default();
            for p in column.points() {
                let before = channel.insert(p.micros, p.value);
                ensure!(before.is_none(), "{} at {} is stored twice", column.key.channel, p.micros);
            }
        }
        for gap in &entry.losses {
            let key = gap.key.context("a loss of a known channel")?;
            let key = (entry.node.to_string(), key.channel.to_string());
            let (from, to, readings, cause) = (gap.from, gap.to, gap.readings, gap.cause);
            self.losses.entry(key).or_default().push(Told { from, to, readings, cause });
        }
        if let (Some(_), Identity::Spool { spool, seq }) = (&entry.alarm, entry.identity) {
            let name = BatchId { node: entry.node, spool, seq }.to_string();
            ensure!(self.alarms.insert(name.clone()), "the alarm {name} is stored twice");
        }
        Ok(())
    }

    fn account(&self, node: &Node, killed: &[i64]) -> Result<Account> {
        let mut account = Account { kills: killed.len(), ..Account::default() };
        let alarms = node.alarms()?;
        ensure!(!alarms.is_empty(), "the siren was never heard");
        let lost: Vec<_> = alarms.iter().filter(|a| !self.alarms.contains(*a)).collect();
        ensure!(lost.is_empty(), "alarms are lost: {lost:?}");
        account.alarms = alarms.len();
        let sampled = node.sampled()?;
        for (channel, interval) in CHANNELS {
            let key = (node.name.clone(), channel.to_owned());
            let stored = self.readings.get(&key).with_context(|| format!("no {channel}"))?;
            for ((_, time), value) in sampled.iter().filter(|((c, _), _)| c == channel) {
                let found = stored.get(time);
                let found = found.with_context(|| format!("{channel} at {time} is lost"))?;
                ensure!(found == value, "{channel} at {time} was {value:?}, is {found:?}");
            }
            let losses = self.losses.get(&key).map_or(&[][..], Vec::as_slice);
            every_time_once(stored, losses, interval).with_context(|| channel.to_owned())?;
            account.stored += stored.len();
            account.lost += losses.iter().map(|l| l.readings).sum::<u64>();
            for loss in losses {
                let longest = before_a_kill(loss, killed);
                ensure!(
                    longest <= COMMIT_S * 1_000_000 + SLACK_US,
                    "{channel}: {longest} µs of sampling are lost in {loss:?}"
                );
                account.longest = account.longest.max(longest);
            }
        }
        Ok(account)
    }
}

/// From the first to the last reading, each time that was due has a reading or is in one loss.
fn every_time_once(
    stored: &BTreeMap<i64, Option<i64>>,
    losses: &[Told],
    interval: i64,
) -> Result<()> {
    let mut times: Vec<i64> = stored.keys().copied().collect();
    for loss in losses {
        ensure!(loss.cause == LossCause::Interrupted, "{loss:?}");
        let count = usize::try_from(loss.readings)?;
        let told = (0..).map(|n| loss.from + n * interval).take(count);
        times.extend(told);
        ensure!(times.last() == Some(&loss.to), "the number does not fit the time: {loss:?}");
    }
    times.sort_unstable();
    let next = times.iter().skip(1);
    let wrong: Vec<_> = times.iter().zip(next).filter(|(a, b)| **a + interval != **b).collect();
    let first = wrong.first().map(|(a, b)| (*a - interval, *b + interval));
    let near = |l: &&Told| first.is_some_and(|(from, to)| l.from <= to && l.to >= from);
    let near: Vec<&Told> = losses.iter().filter(near).collect();
    let stored: Vec<_> = first.map(|(a, b)| stored.range(a..=b).collect()).unwrap_or_default();
    ensure!(
        wrong.is_empty(),
        "twice, or neither stored nor told: {wrong:?}; at the first, told {near:?}, stored {stored:?}"
    );
    Ok(())
}

/// How long before the kill it belongs to a loss begins; 0 for one that belongs to none.
fn before_a_kill(loss: &Told, killed: &[i64]) -> i64 {
    let within = killed.iter().filter(|at| (loss.from..=loss.to).contains(at));
    within.map(|at| at - loss.from).max().unwrap_or(0)
}
