//! What the store says after a power cut, against what was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use tram_pages::witness::Snapshot;
use tram_pipeline::{Identity, Outcome, Record};
use tram_store::{LogId, Opened, Store, check::Severity};
use tram_wire::UnixMicros;

use super::{
    Run,
    run::open,
    script::{Kind, Truth, pipeline},
};

/// What was found after one power cut.
#[derive(Debug, Clone, Copy, Default)]
pub struct Survived {
    /// Readings acknowledged before the cut, all of them there once.
    pub acknowledged: usize,
    /// Readings there that were not acknowledged yet.
    pub ahead: usize,
}

impl Run {
    /// Opens the files of a snapshot in an empty folder and compares.
    ///
    /// # Errors
    /// When the store does not open, an acknowledged reading is missing or differs, something is
    /// there twice or was never sent, or a message sent again is not taken for what it is.
    pub fn check(&self, moment: usize, snapshot: &Snapshot, folder: &Path) -> Result<Survived> {
        snapshot.write(folder)?;
        let mut opened = open(folder).context("the store does not open")?;
        let damage = opened.recovery.findings.iter().find(|f| f.severity == Severity::Damage);
        ensure!(damage.is_none(), "a power cut is taken for damage: {damage:?}");
        let all: Truth = self.messages.iter().flat_map(|(m, _)| m.readings.clone()).collect();
        let acknowledged: Truth = (self.messages.iter())
            .filter(|(_, at)| *at <= moment)
            .flat_map(|(m, _)| m.readings.clone())
            .collect();
        let found = readings(&opened.store)?;
        for (reading, value) in &acknowledged {
            ensure!(found.get(reading) == Some(value), "{reading:?} of {value} is lost");
        }
        for (reading, value) in &found {
            ensure!(all.get(reading) == Some(value), "{reading:?} of {value} was never sent");
        }
        no_batch_twice(&opened)?;
        self.send_again(moment, &mut opened)?;
        same(&readings(&opened.store)?, &all).context("after sending everything again")?;
        no_batch_twice(&opened)?;
        opened.sealer.seal()?;
        opened.log.maintain()?;
        drop(opened);
        let opened = open(folder).context("the store does not open again")?;
        same(&readings(&opened.store)?, &all).context("after sealing and a restart")?;
        Ok(Survived { acknowledged: acknowledged.len(), ahead: found.len() - acknowledged.len() })
    }

    /// Sends everything once more, as nodes do that heard no acknowledgement.
    fn send_again(&self, moment: usize, opened: &mut Opened) -> Result<()> {
        let mut pipeline = pipeline(opened.memory.clone())?;
        for (message, at) in &self.messages {
            let outcome = message.send(&mut pipeline);
            let duplicate = matches!(&outcome, Outcome::Duplicate(d) if d.durable);
            let known = *at <= moment && message.kind != Kind::Birth;
            ensure!(duplicate || !known, "an acknowledged message is taken again: {outcome:?}");
            if duplicate {
                continue;
            }
            let record = outcome.into_record().map_err(|o| anyhow::anyhow!("not taken: {o:?}"))?;
            opened.log.append(std::slice::from_ref(&record))?;
            pipeline.committed(&[Record::receipt(&record)]);
        }
        let refused = self.messages.iter().filter(|(m, _)| m.kind == Kind::Refused).count();
        let kept = opened.store.quarantine(1000, 0)?.len();
        ensure!(kept == refused, "{kept} messages in the quarantine, {refused} were refused");
        Ok(())
    }
}

fn same(found: &Truth, all: &Truth) -> Result<()> {
    for (reading, value) in all {
        ensure!(found.get(reading) == Some(value), "{reading:?} of {value} is missing");
    }
    ensure!(found.len() == all.len(), "{} readings instead of {}", found.len(), all.len());
    Ok(())
}

/// Everything the store holds, by identity; none may be there twice.
fn readings(store: &Store) -> Result<Truth> {
    let mut found = BTreeMap::new();
    for key in store.datastreams() {
        let (mut total, mut sum) = (0, 0);
        for reading in store.history(&key, UnixMicros(0), UnixMicros(i64::MAX))? {
            let reading = reading?;
            let value = reading.value.context("a reading without a value")?;
            let twice = found.insert((key, reading.time.0), value);
            ensure!(twice.is_none(), "{key:?} at {} is there twice", reading.time.0);
            total += 1;
            sum += i128::from(value);
        }
        // From the rollups of each length, and from the readings.
        for step in [60_000_000, 3_600_000_000, 86_400_000_000, i64::MAX] {
            let (mut counted, mut summed) = (0, 0);
            for bucket in store.aggregate(&key, UnixMicros(0), UnixMicros(i64::MAX), step)? {
                let bucket = bucket?;
                counted += bucket.count;
                summed += bucket.sum.unwrap_or_default();
            }
            ensure!(
                (counted, summed) == (total, sum),
                "{key:?} has {total} readings of {sum} in all, by steps of {step} µs {counted} of {summed}"
            );
        }
    }
    Ok(found)
}

/// No record of a spool is in the log twice.
fn no_batch_twice(opened: &Opened) -> Result<()> {
    let mut seen = BTreeSet::new();
    let mut reader = opened.store.reader()?;
    let mut cursor = opened.log.stats().trimmed;
    loop {
        let entries = reader.after(cursor, 1000)?;
        let Some(last) = entries.last() else { return Ok(()) };
        cursor = LogId(last.id.0);
        for entry in entries {
            if let Identity::Spool { spool, seq } = entry.identity {
                ensure!(seen.insert((entry.node, spool, seq)), "{seq} is in the log twice");
            }
        }
    }
}
