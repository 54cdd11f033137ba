//! A run of the store that is written down.

use std::path::Path;

use anyhow::{Result, bail};
use tram_pages::witness::{Disk, Operation, Snapshot, Survives, Witness};
use tram_pipeline::{Pipeline, Record};
use tram_store::{Opened, Options, Store};
use tram_wire::UnixMicros;

use super::script::{Message, NOW, pipeline, script};
use crate::Random;

/// The consumer whose cursor holds the log back.
const CONSUMER: &str = "test";

/// A run that is over, and everything it did to its files.
#[derive(Debug)]
pub struct Run {
    /// What was done, in order.
    pub(super) operations: Vec<Operation>,
    /// What was sent, with the operation after which it was acknowledged.
    pub(super) messages: Vec<(Message, usize)>,
}

pub(super) fn open(folder: &Path) -> Result<Opened> {
    let options = Options { consumers: vec![CONSUMER.to_owned()], ..Options::default() };
    Ok(Store::open(folder, options)?)
}

impl Run {
    /// Sends so many batches of each of two nodes, in an order and with a grouping that the seed
    /// says, and between them seals, trims, rolls up, stops and starts.
    ///
    /// # Errors
    /// When the store refuses something.
    pub fn record(folder: &Path, seed: u64, batches: u64) -> Result<Self> {
        let witness = Witness::of(folder)?;
        let mut random = Random::new(seed);
        let script = script(&mut random, batches)?;
        let mut messages = Vec::new();
        let mut opened = open(folder)?;
        let mut pipeline = pipeline(opened.memory.clone())?;
        let mut rest = script.into_iter().peekable();
        let mut appends = 0_u64;
        while rest.peek().is_some() {
            let n = 1 + usize::try_from(random.below(4))?;
            let group: Vec<Message> = rest.by_ref().take(n).collect();
            append(&mut opened, &mut pipeline, &group)?;
            let acknowledged = witness.operations();
            messages.extend(group.into_iter().map(|m| (m, acknowledged)));
            appends += 1;
            match appends % 9 {
                3 => {
                    opened.sealer.seal()?;
                    // Now and days later, when small chunks are brought together.
                    for days in [0, 3] {
                        while opened.keeper.step(UnixMicros(NOW.0 + days * 86_400_000_000))?.more {}
                    }
                }
                5 | 6 => {
                    opened.log.advance(CONSUMER, opened.log.stats().last);
                    opened.log.maintain()?;
                }
                8 => {
                    drop(opened);
                    opened = open(folder)?;
                    pipeline = super::script::pipeline(opened.memory.clone())?;
                    // What a node does when it meets the centre again.
                    let births: Vec<_> = messages.iter().take(2).map(|(m, _)| m.clone()).collect();
                    append(&mut opened, &mut pipeline, &births)?;
                }
                _ => {}
            }
        }
        drop(opened);
        Ok(Self { operations: witness.record(), messages })
    }

    /// How many moments there are for a power cut: before, between and after all operations.
    #[must_use]
    pub fn moments(&self) -> usize {
        self.operations.len() + 1
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

/// Appends what is for the log, and takes it as acknowledged.
pub(super) fn append(
    opened: &mut Opened,
    pipeline: &mut Pipeline,
    group: &[Message],
) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for message in group {
        match message.send(pipeline).into_record() {
            Ok(record) => records.push(record),
            Err(other) => bail!("not taken: {other:?}"),
        }
    }
    opened.log.append(&records)?;
    let receipts: Vec<_> = records.iter().map(Record::receipt).collect();
    pipeline.committed(&receipts);
    Ok(records)
}
