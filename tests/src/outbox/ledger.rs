//! What a centre keeps: of each number the first message, and what it held.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use tram_pipeline::Progress;
use tram_spool::{Lane, Spool, power::PowerDisk};
use tram_wire::{Ack, Batch, ClockState, Loss, ReplicaId, Seq, SpoolId};

use super::{CHANNELS, SECOND, Truth};

/// Every lane of a spool.
const LANES: [Lane; 4] = [Lane::Alarm, Lane::Notice, Lane::Routine, Lane::Summary];

/// The least of a centre, with the pipeline's own memory of numbers.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    progress: Progress,
    /// Seconds by channel.
    stored: BTreeMap<u16, BTreeSet<i64>>,
    lost: Vec<Loss>,
    alarms: BTreeSet<u64>,
    /// Readings that two different messages brought.
    twice: Vec<(u16, i64)>,
}

impl Ledger {
    /// Takes a message, unless its number is settled.
    ///
    /// # Errors
    /// When it is no batch.
    pub fn take(&mut self, seq: Seq, alarm: bool, payload: &[u8]) -> Result<()> {
        if !self.progress.insert(seq) {
            return Ok(());
        }
        if alarm {
            self.alarms.insert(seq.0);
            return Ok(());
        }
        let batch = Batch::decode(payload).context("a batch")?;
        ensure!(batch.header.seq == seq, "{seq} came as {}", batch.header.seq);
        for column in &batch.columns {
            let stored = self.stored.entry(column.channel.0).or_default();
            for t in &column.micros {
                if !stored.insert(t / SECOND) {
                    self.twice.push((column.channel.0, t / SECOND));
                }
            }
        }
        self.lost.extend(batch.losses);
        Ok(())
    }

    /// Hears from a birth that nothing below this number will come.
    pub fn birth(&mut self, held_from: Seq) {
        self.progress.raise(held_from);
    }

    /// What it acknowledges.
    #[must_use]
    pub fn ack(&self, spool: SpoolId) -> Ack {
        let Progress { .. } = &self.progress;
        let ranges = self.progress.ranges();
        let most = tram_wire::MAX_ACK_RANGES;
        let skipped = ranges.len().saturating_sub(most);
        let told = ranges.iter().skip(skipped).map(|(a, b)| (Seq(*a), Seq(*b)));
        Ack {
            spool,
            replica: ReplicaId(1),
            watermark: self.progress.watermark(),
            ranges: told.collect(),
            committed: Vec::new(),
        }
    }

    /// Takes everything a spool holds or has to tell, until nothing is left.
    ///
    /// # Errors
    /// When the spool cannot be read, or does not become empty.
    pub fn drain(&mut self, spool: &mut Spool<PowerDisk>) -> Result<()> {
        for _ in 0..100 {
            while spool.tell(ClockState::Ntp, |l| (l.from, l.to))?.is_some() {}
            for lane in LANES {
                let mut after = None;
                while let Some(seq) = spool.next(lane, after) {
                    after = Some(seq);
                    spool.sending(seq)?;
                    if let Some(payload) = spool.read(seq)? {
                        self.take(seq, lane == Lane::Alarm, &payload)?;
                    }
                }
            }
            spool.acknowledge(&self.ack(spool.id()))?;
            if spool.stats().held == 0 && spool.losses().len() == 0 {
                return Ok(());
            }
            self.birth(spool.held_from());
        }
        anyhow::bail!("the spool does not become empty: {:?}", spool.stats())
    }

    /// How many readings were told to be lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost.iter().map(|l| l.readings).sum()
    }

    /// Compares with what was sampled: each reading that was safe is stored or reported lost,
    /// never both; of one that may have been safe it is that or nothing.
    ///
    /// # Errors
    /// What does not add up.
    pub fn check(&self, truth: &Truth) -> Result<()> {
        ensure!(self.twice.is_empty(), "in two messages: {:?}", self.twice);
        let unknown = self.lost.iter().filter(|l| l.channel.is_none()).count();
        ensure!(unknown == 0, "{unknown} losses of no channel");
        for channel in 0..CHANNELS {
            self.check_channel(channel, truth).with_context(|| format!("channel {channel}"))?;
        }
        let missing: Vec<_> = truth.alarms().filter(|a| !self.alarms.contains(a)).collect();
        ensure!(missing.is_empty(), "alarms are lost: {missing:?}");
        Ok(())
    }

    fn check_channel(&self, channel: u16, truth: &Truth) -> Result<()> {
        let none = BTreeSet::new();
        let stored = self.stored.get(&channel).unwrap_or(&none);
        let strange: Vec<_> = stored.iter().filter(|t| !truth.taken(channel, **t)).collect();
        ensure!(strange.is_empty(), "stored and never sampled: {strange:?}");
        let told: Vec<_> =
            self.lost.iter().filter(|l| l.channel.is_some_and(|c| c.0 == channel)).collect();
        let within = |t: i64| told.iter().any(|l| (l.from..=l.to).contains(&(t * SECOND)));
        let missing: Vec<i64> = truth.sure(channel).filter(|t| !stored.contains(t)).collect();
        let silent: Vec<_> = missing.iter().filter(|t| !within(**t)).collect();
        ensure!(silent.is_empty(), "neither stored nor told: {silent:?}");
        let maybe = truth.maybe(channel).filter(|t| !stored.contains(t) && within(*t)).count();
        let readings: u64 = told.iter().map(|l| l.readings).sum();
        let (least, most) = (missing.len() as u64, (missing.len() + maybe) as u64);
        ensure!(
            (least..=most).contains(&readings),
            "{readings} readings are told to be lost, {least} to {most} are missing"
        );
        Ok(())
    }
}
