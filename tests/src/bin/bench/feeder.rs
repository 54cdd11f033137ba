//! Pipeline, log and sealer without MQTT: the libraries of the centre, called as its commit thread
//! and its sealer call them.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tram_pipeline::{Incoming, Outcome, Pipeline, Policy, Record};
use tram_store::{Keeper, Log, Opened, Options, Sealer, Store};
use tram_wire::{Kind, NodeId, Topic, UnixMicros};

use super::{clock, site::folder_bytes};

/// How often the centre lets the log forget.
const MAINTAIN: Duration = Duration::from_secs(1);

/// When a group of messages is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// The bounds of the centre's commit thread; its third one, 5 ms, is never met at full speed.
pub(crate) const PRODUCTION: Group = Group { messages: 2_048, bytes: 1024 * 1024 };

/// A store that is fed.
pub(crate) struct Feeder {
    pub(crate) log: Log,
    pub(crate) sealer: Option<Sealer>,
    keeper: Keeper,
    pub(crate) store: Store,
    pub(crate) pipeline: Pipeline,
    pub(crate) commits: Vec<Duration>,
    dir: PathBuf,
    now: UnixMicros,
    records: Vec<Record>,
    bytes: usize,
    maintained: Instant,
}

impl Feeder {
    /// Opens the store in `dir` for these nodes; everything is received at `now`.
    pub(crate) fn open(
        dir: &Path,
        nodes: impl IntoIterator<Item = NodeId>,
        now: UnixMicros,
    ) -> Result<Self> {
        let Opened { log, sealer, keeper, store, memory, .. } =
            Store::open(dir, Options::default())?;
        let policy = Policy { nodes: nodes.into_iter().collect(), ..Policy::default() };
        Ok(Self {
            log,
            sealer: Some(sealer),
            keeper,
            store,
            pipeline: Pipeline::new(policy, memory),
            commits: Vec::new(),
            dir: dir.to_owned(),
            now,
            records: Vec::new(),
            bytes: 0,
            maintained: clock::now(),
        })
    }

    /// Takes one message, and commits when the group is full.
    pub(crate) fn take(&mut self, topic: &str, payload: &[u8], group: Group) -> Result<()> {
        let message = Incoming { topic, content_type: None, payload, retained: false };
        let outcome = self.pipeline.receive(message, self.now);
        let record = match outcome.into_record() {
            Ok(record) => record,
            Err(Outcome::Status(_)) => return Ok(()),
            Err(other) => anyhow::bail!("{topic} was not accepted: {other:?}"),
        };
        self.bytes += record.bytes();
        self.records.push(record);
        if self.records.len() >= group.messages || self.bytes >= group.bytes {
            self.commit()?;
        }
        Ok(())
    }

    /// Commits what is there, and lets the log forget from time to time.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let start = clock::now();
        self.log.append(&self.records)?;
        self.commits.push(clock::now() - start);
        let receipts: Vec<_> = self.records.iter().map(Record::receipt).collect();
        self.pipeline.committed(&receipts);
        self.pipeline.acks();
        self.records.clear();
        self.bytes = 0;
        if start - self.maintained > MAINTAIN {
            self.log.maintain()?;
            self.maintained = clock::now();
        }
        Ok(())
    }

    /// Takes the birth of a node and commits it.
    pub(crate) fn birth(&mut self, node: NodeId, payload: &[u8]) -> Result<()> {
        let topic = Topic { node, kind: Kind::Birth }.to_string();
        self.take(&topic, payload, PRODUCTION)
    }

    /// Seals everything and lets the log forget all of it.
    pub(crate) fn seal(&mut self) -> Result<()> {
        let sealer = self.sealer.as_mut().context("the sealer is elsewhere")?;
        sealer.seal()?;
        while self.log.maintain()? > 0 {}
        Ok(())
    }

    /// Seals everything and has the keeper do all it would do by this time: days that are over are
    /// rolled up, and their small chunks brought together.
    pub(crate) fn settle(&mut self, by: UnixMicros) -> Result<()> {
        self.seal()?;
        while self.keeper.step(by)?.more {}
        Ok(())
    }

    /// Closes the store and says what it needs on disk.
    pub(crate) fn close(self) -> Footprint {
        let dir = self.dir.clone();
        drop(self);
        Footprint::of(&dir)
    }
}

/// Bytes on disk, by what they are for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Footprint {
    /// Sealed readings.
    pub(crate) series: u64,
    /// Rollups.
    pub(crate) rollup: u64,
    /// The commit log with everything beside its entries: file of a size that stays.
    pub(crate) log: u64,
}

impl Footprint {
    /// Of a store's folder.
    pub(crate) fn of(dir: &Path) -> Self {
        let [series, rollup] = ["series", "rollup"].map(|d| folder_bytes(&dir.join(d)));
        let log = folder_bytes(dir) - series - rollup;
        Self { series, rollup, log }
    }
}
