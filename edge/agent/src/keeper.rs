//! The thread that writes: drafts become batches in the spool, made durable in groups; alarms at
//! once.
//!
//! When the disk refuses, sampling goes on all the same. Drafts wait in memory as long as there is
//! room and are written when the disk takes them again; what finds no room is told as lost.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use tokio::sync::Notify;
use tracing::{debug, error, warn};
use tram_node::Draft;
use tram_spool::{Lost, SpoolError};
use tram_wire::{
    Alarm, AlarmKind, BatchId, ChannelNumber, ClockState, EpisodeId, LossCause, NodeId, RuleId,
    Seq, SpoolId, UptimeMicros,
};

use crate::{
    clock::{Clock, SharedBoots},
    condition::Condition,
    lost::losses_of,
    publisher::{SharedSpool, lock},
    replace::replace,
    sampled_log::SampledLog,
    shelf::Shelf,
    trouble::Trouble,
};

/// The most work that waits for the disk: about four minutes of a batch a second.
pub(crate) const MAX_WAITING_WORK: usize = 256;
/// The most pieces of work that are taken before somebody looks at the time.
const MAX_WORK_AT_ONCE: usize = 32;
/// How often a disk that refuses is tried again, and at the latest how often the thread looks.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// The most alarms that wait for a disk that refuses.
const MAX_HELD_ALARMS: usize = 64;
/// How often a recording that is held back looks whether it may go on.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What the sampler hands over.
#[derive(Debug)]
pub(crate) enum Work {
    /// Readings for a batch.
    Draft(Draft),
    /// A rule's decision.
    Alarm(AlarmDraft),
    /// Readings that found no room in the channel, or were due and not taken.
    Lost(Lost),
    /// Somebody waits for what was handed over.
    Commit,
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
    /// Readings wait for so long at most until they are made durable together.
    pub(crate) commit_every: Duration,
    pub(crate) trouble: Trouble,
    pub(crate) shelf: Shelf,
    /// What others look at: that it turns, and whether the disk takes what it is given.
    pub(crate) condition: Arc<Condition>,
    /// Offsets of the boots whose readings carry time since boot.
    pub(crate) boots: SharedBoots,
    /// When what was appended first has to be made durable.
    pub(crate) due: Option<UptimeMicros>,
}

impl Keeper {
    /// Works until the sampler has ended and everything is written.
    pub(crate) fn run(mut self) {
        loop {
            match self.work.recv_timeout(self.patience()) {
                Ok(first) => {
                    self.take(first);
                    for _ in 1..MAX_WORK_AT_ONCE {
                        let Ok(more) = self.work.try_recv() else { break };
                        self.take(more);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.commit_alarms();
            self.write();
            if self.due.is_some_and(|due| due <= self.clock.now().uptime) {
                self.commit();
            }
            let now = self.clock.now();
            self.boots.note(now);
            self.condition.stored(now.uptime);
            self.hold_back();
        }
        // The last attempt for what the disk has refused so far.
        self.commit_alarms();
        self.write();
        self.commit();
        let lost = self.shelf.give_up_all();
        self.lose(lost);
        if !self.alarms.is_empty() {
            error!("{} alarms could not be written", self.alarms.len());
        }
    }

    /// How long there is nothing to do when nobody brings anything.
    fn patience(&self) -> Duration {
        let now = self.clock.now().uptime;
        let due = self.due.map_or(TRY_AGAIN, |due| Duration::from_micros(due.since(now)));
        due.min(TRY_AGAIN)
    }

    fn take(&mut self, work: Work) {
        match work {
            Work::Draft(draft) => {
                let lost = self.shelf.put(draft);
                self.lose(lost);
            }
            Work::Alarm(alarm) => {
                if self.alarms.len() >= MAX_HELD_ALARMS {
                    error!("the disk refuses, and an alarm is dropped");
                    self.alarms.pop_front();
                }
                self.alarms.push_back(alarm);
                // Alarms wait for nobody.
                self.commit_alarms();
            }
            Work::Lost(lost) => {
                self.lose([lost]);
                self.due_in(self.commit_every);
            }
            Work::Commit => self.due_in(Duration::ZERO),
            Work::RuleStates(states) => {
                if let Err(e) = replace(&self.states_file, &states) {
                    self.trouble.states(&e);
                }
            }
        }
    }

    fn due_in(&mut self, wait: Duration) {
        let wait = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        let at = self.clock.now().uptime.plus(wait);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Appends what waits, as far as the disk takes it.
    fn write(&mut self) {
        while let Some(draft) = self.shelf.next() {
            let appended = lock(&self.spool).append(draft.clock, draft.columns.clone());
            match appended {
                Ok(seq) => {
                    let (batch, readings) = (self.batch_id(seq), draft.readings());
                    let (from, to) = draft.times();
                    debug!(%batch, readings, from, to, "sampled");
                    self.shelf.appended(seq, draft);
                    self.due_in(self.commit_every);
                }
                Err(SpoolError::Batch(e)) => {
                    // The batcher's limits keep this from happening.
                    error!("a batch cannot be encoded: {e}");
                    self.lose(losses_of(&draft, LossCause::NotWritten).collect::<Vec<_>>());
                }
                Err(e) => {
                    self.shelf.put_back(draft);
                    self.note(&e);
                    break;
                }
            }
        }
        self.take_back();
    }

    fn batch_id(&self, seq: Seq) -> BatchId {
        BatchId { node: self.node, spool: lock(&self.spool).id(), seq }
    }

    /// What the disk has given up waits again.
    fn take_back(&mut self) {
        let given_up = lock(&self.spool).given_up();
        if let Some(numbers) = given_up {
            let lost = self.shelf.given_up(numbers);
            self.lose(lost);
        }
    }

    fn lose(&self, lost: impl IntoIterator<Item = Lost>) {
        let mut spool = lock(&self.spool);
        lost.into_iter().for_each(|l| spool.lose(l));
    }

    fn commit(&mut self) {
        self.due = None;
        let result = lock(&self.spool).commit();
        self.take_back();
        if let Err(e) = result {
            self.due_in(TRY_AGAIN);
            self.note(&e);
            return;
        }
        let (numbers, safe) = self.shelf.committed();
        for seq in numbers {
            debug!(batch = %self.batch_id(seq), "spooled");
        }
        if let Some(log) = &mut self.sampled_log
            && let Err(e) = log.write(&safe)
        {
            warn!("the log of sampled readings cannot be written: {e}");
        }
        if !self.shelf.has_waiting() {
            self.trouble.over();
            self.condition.refused(false);
        }
        self.kept.notify_one();
    }

    /// Writes the alarms that wait, each made durable at once, as far as the disk takes them.
    fn commit_alarms(&mut self) {
        while let Some(alarm) = self.alarms.front().copied() {
            let result = lock(&self.spool).append_alarm(|spool, seq| alarm.numbered(spool, seq));
            match result {
                Ok(seq) => {
                    let batch = self.batch_id(seq);
                    debug!(%batch, "alarm spooled");
                    if let Some(log) = &mut self.sampled_log
                        && let Err(e) = log.alarm(batch)
                    {
                        warn!("the log of alarms cannot be written: {e}");
                    }
                }
                Err(e) => {
                    self.note(&e);
                    break;
                }
            }
            self.alarms.pop_front();
            self.kept.notify_one();
        }
        self.take_back();
    }

    /// Complains, now and again.
    fn note(&mut self, e: &SpoolError) {
        self.trouble.note(e, self.clock.now());
        self.condition.refused(true);
    }

    fn hold_back(&self) {
        let Some(limit) = self.hold_back_above else { return };
        while lock(&self.spool).stats().bytes > limit && !self.stop.load(Ordering::Relaxed) {
            self.condition.stored(self.clock.now().uptime);
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

impl AlarmDraft {
    fn numbered(&self, spool: SpoolId, seq: Seq) -> Alarm {
        Alarm {
            spool,
            seq,
            clock: self.clock,
            rule: self.rule,
            version: self.version,
            episode: self.episode,
            kind: self.kind,
            level: self.level,
            channel: self.channel,
            at: self.at,
            value: self.value,
            siren: self.siren,
        }
    }
}
