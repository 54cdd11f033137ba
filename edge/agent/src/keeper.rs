//! The thread that writes: drafts become batches in the spool, alarms at once.
//!
//! When the disk refuses, sampling goes on all the same; what is lost is counted by the spool and
//! told with the first batch that can be written again.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Receiver,
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use tokio::sync::Notify;
use tracing::{debug, error, info, warn};
use tram_node::Draft;
use tram_spool::{Lost, Priority, Span, Spool, SpoolError};
use tram_wire::{
    Alarm, AlarmKind, Batch, BatchId, ChannelNumber, ClockState, EpisodeId, Loss, LossCause,
    NodeId, RuleId, Seq, SpoolId, UptimeMicros,
};

use crate::{
    clock::{Clock, Moment},
    publisher::{SharedSpool, lock},
};

/// The most work that waits for the disk: about four minutes of a batch a second.
pub(crate) const MAX_WAITING_WORK: usize = 256;
/// The most pieces of work that one commit makes durable.
const MAX_WORK_PER_COMMIT: usize = 32;
/// The most alarms that wait for a disk that refuses.
const MAX_HELD_ALARMS: usize = 64;
/// How often a recording that is held back looks whether it may go on.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A lasting failure of the disk is said this often.
const COMPLAIN_EVERY_US: u64 = 60_000_000;

/// What the sampler hands over.
#[derive(Debug)]
pub(crate) enum Work {
    /// Readings for a batch.
    Draft(Draft),
    /// A rule's decision.
    Alarm(AlarmDraft),
    /// Readings that found no room in the channel.
    Refused(Span),
    /// The rules' states, for the next run.
    RuleStates(Vec<u8>),
}

/// An alarm without its place in the spool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AlarmDraft {
    pub(crate) clock: ClockState,
    pub(crate) rule: RuleId,
    pub(crate) version: u32,
    pub(crate) episode: EpisodeId,
    pub(crate) kind: AlarmKind,
    pub(crate) level: u8,
    pub(crate) channel: ChannelNumber,
    pub(crate) at: i64,
    pub(crate) value: i64,
    pub(crate) siren: bool,
}

/// Readings in the spool.
struct Written {
    batch: BatchId,
    draft: Draft,
}

/// The thread's state.
pub(crate) struct Keeper {
    pub(crate) node: NodeId,
    pub(crate) work: Receiver<Work>,
    pub(crate) spool: SharedSpool,
    pub(crate) clock: Clock,
    /// Rung when there is something new to send.
    pub(crate) kept: Arc<Notify>,
    pub(crate) sampled_log: Option<SampledLog>,
    pub(crate) states_file: PathBuf,
    pub(crate) alarms: VecDeque<AlarmDraft>,
    /// A recording is held back while the spool is more than half full, instead of evicting.
    pub(crate) hold_back_above: Option<u64>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) trouble: Trouble,
}

impl Keeper {
    /// Works until the sampler has ended and everything is written.
    pub(crate) fn run(mut self) {
        while let Ok(first) = self.work.recv() {
            let mut written = Vec::new();
            self.take(first, &mut written);
            for _ in 1..MAX_WORK_PER_COMMIT {
                let Ok(more) = self.work.try_recv() else { break };
                self.take(more, &mut written);
            }
            self.commit(&written);
            self.hold_back();
        }
        // The last attempt for alarms that the disk has refused so far.
        self.commit(&[]);
        if !self.alarms.is_empty() {
            error!("{} alarms could not be written", self.alarms.len());
        }
    }

    fn take(&mut self, work: Work, written: &mut Vec<Written>) {
        match work {
            Work::Draft(draft) => match self.append(&draft) {
                Ok(batch) => written.extend(batch.map(|batch| Written { batch, draft })),
                Err(e) => self.note(&e),
            },
            Work::Alarm(alarm) => {
                if self.alarms.len() >= MAX_HELD_ALARMS {
                    error!("the disk refuses, and an alarm is dropped");
                    self.alarms.pop_front();
                }
                self.alarms.push_back(alarm);
                // Alarms wait for nobody. When that fails, what was appended before is gone too.
                if !self.commit_alarms() {
                    written.clear();
                }
            }
            Work::Refused(span) => lock(&self.spool).lose(span, LossCause::NotWritten),
            Work::RuleStates(states) => {
                if let Err(e) = replace(&self.states_file, &states) {
                    self.trouble.states(&e);
                }
            }
        }
    }

    /// Puts readings into the spool. `None` when they cannot be put anywhere.
    fn append(&self, draft: &Draft) -> Result<Option<BatchId>, SpoolError> {
        let (from, to) = draft.times();
        let readings = u32::try_from(draft.readings()).unwrap_or(u32::MAX);
        let span = Span { clock: draft.clock, from, to, readings };
        let mut spool = lock(&self.spool);
        let now = self.clock.now();
        let losses: Vec<Loss> =
            spool.losses().iter().map(|l| told(l, span, now, self.clock.boot())).collect();
        let told = losses.len();
        let batch = draft.clone().into_batch(spool.id(), spool.next_seq());
        let batch = Batch { losses, ..batch };
        let bytes = match batch.encode() {
            Ok(bytes) => bytes,
            Err(e) => {
                // The batcher's limits keep this from happening.
                error!("a batch cannot be encoded: {e}");
                spool.lose(span, LossCause::NotWritten);
                return Ok(None);
            }
        };
        let seq = spool.append(Priority::Routine, span, told, &bytes)?;
        let batch = BatchId { node: self.node, spool: spool.id(), seq };
        debug!(%batch, readings, from, to, bytes = bytes.len(), "sampled");
        Ok(Some(batch))
    }

    fn commit(&mut self, written: &[Written]) {
        let written = if self.commit_alarms() { written } else { &[] };
        let result = lock(&self.spool).commit();
        match result {
            Ok(()) => {
                for Written { batch, .. } in written {
                    debug!(%batch, "spooled");
                }
                if let Some(log) = &mut self.sampled_log
                    && let Err(e) = log.write(written)
                {
                    warn!("the log of sampled readings cannot be written: {e}");
                }
                if !written.is_empty() {
                    self.trouble.over();
                    self.kept.notify_one();
                }
            }
            Err(e) => self.note(&e),
        }
    }

    /// Writes the alarms that wait, each made durable at once; says whether the disk took them.
    fn commit_alarms(&mut self) -> bool {
        while let Some(alarm) = self.alarms.front() {
            let result = write_alarm(&mut lock(&self.spool), alarm);
            match result {
                Ok((spool, seq)) => {
                    debug!(batch = %BatchId { node: self.node, spool, seq }, "alarm spooled");
                    self.alarms.pop_front();
                    self.kept.notify_one();
                }
                Err(e) => {
                    self.note(&e);
                    return false;
                }
            }
        }
        true
    }

    /// Complains, now and again, and then also writes down what is lost so far.
    fn note(&mut self, e: &SpoolError) {
        if self.trouble.note(e, self.clock.now()) {
            let _ = lock(&self.spool).keep_losses();
        }
    }

    fn hold_back(&self) {
        let Some(limit) = self.hold_back_above else { return };
        while lock(&self.spool).stats().bytes > limit && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

fn write_alarm(spool: &mut Spool, a: &AlarmDraft) -> Result<(SpoolId, Seq), SpoolError> {
    let alarm = Alarm {
        spool: spool.id(),
        seq: spool.next_seq(),
        clock: a.clock,
        rule: a.rule,
        version: a.version,
        episode: a.episode,
        kind: a.kind,
        level: a.level,
        channel: a.channel,
        at: a.at,
        value: a.value,
        siren: a.siren,
    };
    let span = Span { clock: a.clock, from: a.at, to: a.at, readings: 0 };
    let seq = spool.append(Priority::Alarm, span, 0, &alarm.encode())?;
    spool.commit()?;
    Ok((spool.id(), seq))
}

/// A loss on the clock of the batch that tells it. When the two clocks have nothing to do with
/// each other (an earlier boot without a clock), all that can be said is that it was before.
fn told(lost: &Lost, batch: Span, now: Moment, boot: u32) -> Loss {
    let Lost { span, cause } = *lost;
    let by_uptime = |c: ClockState| matches!(c, ClockState::Unsynchronised { .. });
    let shift = match (by_uptime(span.clock), by_uptime(batch.clock)) {
        (false, false) => Some(0),
        (true, true) => (span.clock == batch.clock).then_some(0),
        (true, false) => {
            (span.clock == ClockState::Unsynchronised { boot }).then(|| now.raw_offset())
        }
        (false, true) => Some(-now.raw_offset()),
    };
    let (from, to) = match shift {
        Some(shift) => (span.from.saturating_add(shift), span.to.saturating_add(shift)),
        None => (batch.from, batch.from),
    };
    let readings = u64::from(span.readings);
    Loss { channel: None, from, to: to.max(from), readings, cause, summary: None }
}

/// Failures of the disk, said once and then now and again.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    last: Option<(String, UptimeMicros)>,
    states: bool,
}

impl Trouble {
    fn note(&mut self, e: &SpoolError, now: Moment) -> bool {
        let said = e.to_string();
        let again = match &self.last {
            Some((before, at)) => *before != said || now.uptime.since(*at) >= COMPLAIN_EVERY_US,
            None => true,
        };
        if again {
            error!("readings cannot be kept: {said}; sampling goes on and losses are counted");
            self.last = Some((said, now.uptime));
        }
        again
    }

    fn over(&mut self) {
        if self.last.take().is_some() {
            info!("readings are kept again");
        }
    }

    fn states(&mut self, e: &std::io::Error) {
        if !std::mem::replace(&mut self.states, true) {
            warn!("the states of the rules cannot be kept: {e}");
        }
    }
}

/// Replaces a file as a whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&new, path)
}

/// For tests: every reading that is safe in the spool, as `channel,time_us,value,quality`.
pub(crate) struct SampledLog {
    file: File,
    names: Vec<(ChannelNumber, String)>,
}

impl SampledLog {
    /// Opens the log to add to it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open(path: &Path, names: Vec<(ChannelNumber, String)>) -> Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        Ok(Self { file, names })
    }

    /// One write for all, so that a kill leaves no half line.
    fn write(&mut self, written: &[Written]) -> std::io::Result<()> {
        let mut lines = String::new();
        for column in written.iter().flat_map(|w| &w.draft.columns) {
            let name = self.names.iter().find(|(n, _)| *n == column.channel);
            let name = name.map_or("?", |(_, name)| name.as_str());
            for p in column.points() {
                let value = p.value.map_or_else(String::new, |v| v.to_string());
                lines += &format!("{name},{},{value},{}\n", p.micros, p.quality.code());
            }
        }
        self.file.write_all(lines.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::UnixMicros;

    use super::*;

    #[test]
    fn a_loss_is_told_on_the_clock_of_its_batch() {
        let now =
            Moment { unix: UnixMicros(10_000), uptime: UptimeMicros(400), state: ClockState::Ntp };
        let unset = |boot| ClockState::Unsynchronised { boot };
        let span = |clock, from| Span { clock, from, to: from + 5, readings: 3 };
        let tell = |lost, batch| {
            let lost = Lost { span: span(lost, 100), cause: LossCause::Evicted };
            let loss = told(&lost, span(batch, 9_000), now, 7);
            (loss.from, loss.to, loss.readings)
        };
        assert_eq!(tell(ClockState::Rtc, ClockState::Ntp), (100, 105, 3));
        assert_eq!(tell(unset(7), unset(7)), (100, 105, 3));
        assert_eq!(tell(unset(7), ClockState::Ntp), (9_700, 9_705, 3));
        assert_eq!(tell(ClockState::Ntp, unset(7)), (-9_500, -9_495, 3));
        assert_eq!(tell(unset(6), ClockState::Ntp), (9_000, 9_000, 3));
        assert_eq!(tell(unset(6), unset(7)), (9_000, 9_000, 3));
    }
}
