//! A run of the store that is written down.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tram_pages::witness::{Disk, Fault, Operation, Snapshot, Survives, Witness};
use tram_pipeline::{Outcome, Pipeline, Record};
use tram_store::{Opened, Options, Store, StoreError};
use tram_wire::UnixMicros;

use super::script::{Kind, Message, NOW, pipeline, script};
use crate::Random;

/// The consumer whose cursor holds the log back.
const CONSUMER: &str = "test";
/// How often something is tried.
const TRIES: usize = 6;
/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// A run that is over, and everything it did to its files.
#[derive(Debug)]
pub struct Run {
    /// What was done, in order.
    pub(super) operations: Vec<Operation>,
    /// What was sent, with the operation after which it was acknowledged.
    pub(super) messages: Vec<(Message, usize)>,
    /// How often the injected fault struck.
    pub struck: u64,
    /// How often the store had to be opened again because its log took nothing more.
    pub restarts: u64,
}

pub(crate) fn open(folder: &Path) -> Result<Opened, StoreError> {
    let options = Options { consumers: vec![CONSUMER.to_owned()], ..Options::default() };
    Store::open(folder, options)
}

/// Sends one message that is new.
pub(crate) fn send(opened: &mut Opened, pipeline: &mut Pipeline, message: &Message) -> Result<()> {
    let record = match message.send(pipeline) {
        // A birth says the same each time.
        Outcome::Duplicate(_) => return Ok(()),
        outcome => outcome.into_record().map_err(|o| anyhow::anyhow!("not taken: {o:?}"))?,
    };
    opened.log.append(std::slice::from_ref(&record))?;
    pipeline.committed(&[record.receipt()]);
    Ok(())
}

/// The store as the centre uses it.
struct Centre {
    folder: PathBuf,
    opened: Option<(Opened, Pipeline)>,
    births: Vec<Message>,
    restarts: u64,
}

impl Run {
    /// Sends so many batches of each of two nodes, in an order and with a grouping that the seed
    /// says, and between them seals, trims, rolls up, stops and starts. What goes wrong is tried
    /// again; after an error that ends the log, the store is opened anew.
    ///
    /// # Errors
    /// When the store goes on to refuse something.
    pub fn record(folder: &Path, seed: u64, batches: u64, fault: Option<Fault>) -> Result<Self> {
        let witness = Witness::of(folder)?;
        witness.inject(fault);
        let mut random = Random::new(seed);
        let script = script(&mut random, batches)?;
        let births = script.iter().filter(|m| m.kind == Kind::Birth).cloned().collect();
        let mut centre = Centre { folder: folder.to_owned(), opened: None, births, restarts: 0 };
        centre.start()?;
        let mut messages = Vec::new();
        let mut rest = script.into_iter().peekable();
        let mut appends = 0_u64;
        while rest.peek().is_some() {
            let n = 1 + usize::try_from(random.below(4))?;
            let group: Vec<Message> = rest.by_ref().take(n).collect();
            centre.append(&group)?;
            let acknowledged = witness.operations();
            messages.extend(group.into_iter().map(|m| (m, acknowledged)));
            appends += 1;
            match appends % 9 {
                3 => centre.seal(),
                5 | 6 => centre.maintain()?,
                8 => centre.start()?,
                _ => {}
            }
        }
        let restarts = centre.restarts;
        drop(centre);
        let struck = witness.heal();
        Ok(Self { operations: witness.record(), messages, struck, restarts })
    }

    /// How many moments there are for a power cut: before, between and after all operations.
    #[must_use]
    pub fn moments(&self) -> usize {
        self.operations.len() + 1
    }

    /// Whether the next thing at this moment is that a write-ahead log is synced: everything of a
    /// transaction is written, and nobody knows yet.
    #[must_use]
    pub fn commits_at(&self, moment: usize) -> bool {
        let next = self.operations.get(moment);
        matches!(next, Some(Operation::Sync(file)) if file.to_string_lossy().ends_with("-wal"))
    }

    /// The moments just after a sync failed.
    #[must_use]
    pub fn failed_syncs(&self) -> Vec<usize> {
        let failed = |(_, o): &(usize, &Operation)| matches!(o, Operation::SyncFailed(_));
        self.operations.iter().enumerate().filter(failed).map(|(n, _)| n + 1).collect()
    }

    /// Gives the disk of each moment to `look`, once for each of the ways in which what is not
    /// synced may survive, and once for each of so many seeds. `choose` says which moments.
    ///
    /// # Errors
    /// Those of `look`.
    pub fn cut(
        &self,
        seeds: u64,
        mut choose: impl FnMut(usize) -> bool,
        mut look: impl FnMut(usize, Survives, &Snapshot) -> Result<()>,
    ) -> Result<()> {
        let mut disk = Disk::default();
        for moment in 0..self.moments() {
            if let Some(operation) = moment.checked_sub(1).and_then(|n| self.operations.get(n)) {
                disk.apply(operation);
            }
            if !choose(moment) {
                continue;
            }
            let some = (0..seeds).map(|n| Survives::Some((moment as u64) << 8 | n));
            let mut seen: Vec<Snapshot> = Vec::new();
            for way in [Survives::Everything, Survives::Nothing, Survives::AllButTheEnd]
                .into_iter()
                .chain(some)
            {
                let snapshot = disk.cut(way);
                // When all is synced, there is only one way.
                if !seen.contains(&snapshot) {
                    look(moment, way, &snapshot)?;
                    seen.push(snapshot);
                }
            }
        }
        Ok(())
    }
}

impl Centre {
    /// Stops and starts.
    fn start(&mut self) -> Result<()> {
        self.opened = None;
        for _ in 0..TRIES {
            // What fails once may go well when the supervisor starts the program again.
            let Ok(opened) = open(&self.folder) else { continue };
            let pipeline = pipeline(opened.memory.clone())?;
            self.opened = Some((opened, pipeline));
            if self.births.is_empty() || self.try_append(&self.births.clone())?.is_ok() {
                return Ok(());
            }
            self.opened = None;
        }
        open(&self.folder).map(drop).context("the store does not open")?;
        anyhow::bail!("the store opens and takes nothing")
    }

    fn parts(&mut self) -> Result<&mut (Opened, Pipeline)> {
        self.opened.as_mut().context("the store is closed")
    }

    /// Sends messages until they are acknowledged.
    fn append(&mut self, group: &[Message]) -> Result<()> {
        for _ in 0..TRIES {
            match self.try_append(group)? {
                Ok(()) => return Ok(()),
                Err(_) => {
                    self.restarts += 1;
                    self.start()?;
                }
            }
        }
        anyhow::bail!("the store goes on to take nothing")
    }

    /// As the centre's commit thread does it: what may be repeated is, the rest ends the log.
    fn try_append(&mut self, group: &[Message]) -> Result<Result<(), StoreError>> {
        let (opened, pipeline) = self.parts()?;
        let mut records = Vec::new();
        for message in group {
            match message.send(pipeline) {
                Outcome::Duplicate(duplicate) if duplicate.durable => {}
                outcome => match outcome.into_record() {
                    Ok(record) => records.push(record),
                    Err(other) => anyhow::bail!("not taken: {other:?}"),
                },
            }
        }
        let mut tries = 0;
        loop {
            match opened.log.append(&records) {
                Ok(_) => break,
                Err(error) if error.fatal() || tries == TRIES => return Ok(Err(error)),
                Err(_) => tries += 1,
            }
        }
        let receipts: Vec<_> = records.iter().map(Record::receipt).collect();
        pipeline.committed(&receipts);
        Ok(Ok(()))
    }

    /// Seals, then tidies now and days later, when small chunks are brought together. What goes
    /// wrong here leaves the readings in the log.
    fn seal(&mut self) {
        let Some((opened, _)) = &mut self.opened else { return };
        let _ = opened.sealer.seal();
        for days in [0, 3] {
            while opened.keeper.step(UnixMicros(NOW.0 + days * DAY)).is_ok_and(|kept| kept.more) {}
        }
    }

    fn maintain(&mut self) -> Result<()> {
        let (opened, _) = self.parts()?;
        opened.log.advance(CONSUMER, opened.log.stats().last);
        match opened.log.maintain() {
            Err(error) if error.fatal() => {
                self.restarts += 1;
                self.start()
            }
            // It is done again next time.
            _ => Ok(()),
        }
    }
}
