//! The thread that reads the parts. It never waits for the network, the disk or anybody else:
//! what it finds goes through a bounded channel to the [keeper](crate::keeper), and what does not
//! fit is counted as lost.

mod clock;
mod missed;
mod reading;
mod siren;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender},
    },
    time::Duration,
};

use tracing::{info, warn};
use tram_emulator::Board;
use tram_node::{Batcher, Limits, Measured, Qc, Schedule};
use tram_rules::Observation;
use tram_wire::{
    AlarmKind, ChannelName, ChannelNumber, ClockState, NodeId, Point, Quality, Quantity,
    UnixMicros, UptimeMicros,
};

use crate::{
    clock::{Clock, Moment, Steps, random},
    condition::Condition,
    config::seconds,
    hal::Backend,
    handover::Handover,
    keeper::{AlarmDraft, Work},
    lost::Resume,
    notice::Notices,
    sensor::{Care, Failure, Mounted},
    siren::{Decision, Request, Watch},
};

/// How often lines and unfinished readings are looked at.
const TICK_US: u64 = 20_000;
/// At the latest after this long somebody looks whether to stop.
const LONGEST_WAIT_US: u64 = 200_000;
/// How often the rules look at the time.
const RULE_TICK_US: u64 = 1_000_000;
/// A reading takes this long at most, however long its interval is.
const LONGEST_READING_US: u64 = 2_000_000;
/// Left free before the next reading is due.
const MARGIN_US: u64 = 50_000;
/// An air temperature older than this corrects nothing.
const AIR_VALID_US: u64 = 3_600_000_000;
/// The rules' states are kept this often even when nothing happens.
const STATES_EVERY_US: u64 = 60_000_000;

/// A channel with its number and what is remembered of it.
pub(crate) struct Channel {
    pub(crate) name: ChannelName,
    pub(crate) number: ChannelNumber,
    pub(crate) quantity: Quantity,
    pub(crate) limits: Limits,
    pub(crate) qc: Qc,
    /// The latest Unix time of a reading, so that no time is given twice.
    pub(crate) latest: Option<i64>,
}

/// A part and its reading under way.
struct Post {
    mounted: Mounted,
    /// For each key, the position of its channel.
    channels: Vec<(&'static str, usize)>,
    under_way: Option<UnderWay>,
    notices: Notices,
    care: Care,
    /// Its line could not be read since the reading began.
    broken: Option<Failure>,
}

#[derive(Debug, Clone, Copy)]
struct UnderWay {
    /// What the reading's time will be, and on which clock.
    at: i64,
    clock: ClockState,
    until: UptimeMicros,
    /// The part is not asked this time.
    skipped: bool,
}

/// The thread's state.
pub(crate) struct Sampler {
    node: NodeId,
    clock: Clock,
    backend: Box<dyn Backend>,
    /// A recording's time passes as fast as the node can go.
    replay: Option<Replay>,
    posts: Vec<Post>,
    channels: Vec<Channel>,
    schedule: Schedule,
    /// The clock the schedule was made for.
    scheduled_on: ClockState,
    steps: Steps,
    /// Added to times that lie before others of their channel, in microseconds.
    nudge: i64,
    batcher: Batcher,
    watch: Watch,
    /// What people want of the siren.
    requests: Receiver<Request>,
    handover: Handover,
    stop: Arc<AtomicBool>,
    condition: Arc<Condition>,
    latest: HashMap<ChannelName, (i64, UptimeMicros)>,
    /// When each channel was last taken before this start, until it is taken again.
    resume: HashMap<ChannelNumber, Resume>,
    /// Somebody wants what there is, now.
    wanted: Arc<AtomicBool>,
    rules_looked: Option<UptimeMicros>,
    states_kept: UptimeMicros,
    states_changed: bool,
}

/// A recording being replayed.
pub(crate) struct Replay {
    pub(crate) board: Board,
    pub(crate) end: UnixMicros,
}

/// What the thread is made of.
pub(crate) struct Setup {
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) replay: Option<Replay>,
    pub(crate) mounted: Vec<Mounted>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) batcher: Batcher,
    pub(crate) watch: Watch,
    pub(crate) requests: Receiver<Request>,
    pub(crate) keeper: SyncSender<Work>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) condition: Arc<Condition>,
    pub(crate) resume: HashMap<ChannelNumber, Resume>,
    pub(crate) wanted: Arc<AtomicBool>,
}

impl Sampler {
    /// # Errors
    /// When the intervals cannot be scheduled.
    pub(crate) fn new(setup: Setup) -> anyhow::Result<Self> {
        let Setup { node, clock, backend, replay, mounted, channels, batcher, watch, .. } = setup;
        let now = clock.now();
        // A recording can wait; sensors cannot.
        let handover = Handover::new(setup.keeper, replay.is_some());
        let mut next = 0;
        let posts: Vec<Post> = mounted
            .into_iter()
            .map(|mounted| {
                let channels = mounted.keys.iter().map(|key| {
                    next += 1;
                    (*key, next - 1)
                });
                let channels = channels.collect();
                Post {
                    mounted,
                    channels,
                    under_way: None,
                    notices: Notices::default(),
                    care: Care::default(),
                    broken: None,
                }
            })
            .collect();
        let schedule = schedule(&posts)?;
        Ok(Self {
            node,
            clock,
            backend,
            replay,
            posts,
            channels,
            schedule,
            scheduled_on: now.state,
            steps: Steps::default(),
            nudge: nudge(),
            batcher,
            watch,
            requests: setup.requests,
            handover,
            stop: setup.stop,
            condition: setup.condition,
            latest: HashMap::new(),
            resume: setup.resume,
            wanted: setup.wanted,
            rules_looked: None,
            states_kept: now.uptime,
            states_changed: false,
        })
    }

    /// Samples until somebody says stop or the recording ends, then hands over what is left.
    pub(crate) fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            self.step(now);
            self.condition.sampled(now.uptime);
            if self.played_out(now) {
                info!("the recording has been replayed to its end");
                break;
            }
            self.wait(now);
        }
        self.watch.stop(self.clock.now().uptime);
        if let Some(draft) = self.batcher.flush() {
            self.handover.draft(draft);
        }
        self.handover.finish(self.watch.encoded());
    }

    /// One look at everything.
    fn step(&mut self, now: Moment) {
        self.backend.tick(now.uptime);
        self.follow_the_clock(now);
        for post in &mut self.posts {
            if let Err(e) = post.mounted.source.poll(now.uptime) {
                post.says(Some(&e.to_string()), now);
                post.broken = Some(Failure::line(&e));
            }
        }
        while let Some(due) = self.schedule.due(now.micros()) {
            if due.missed > 0 {
                self.condition.missed_total.fetch_add(due.missed, Ordering::Relaxed);
                self.miss(due.index, due.at, due.missed, now);
            }
            self.begin(due.index, due.at, now);
        }
        for index in 0..self.posts.len() {
            self.proceed(index, now);
        }
        if let Some(draft) = self.batcher.poll(self.batch_age_clock(now)) {
            self.handover.draft(draft);
        }
        if self.wanted.swap(false, Ordering::Relaxed) {
            if let Some(draft) = self.batcher.flush() {
                self.handover.draft(draft);
            }
            self.handover.commit();
        }
        if self.rules_looked.is_none_or(|at| now.uptime.since(at) >= RULE_TICK_US) {
            self.rules_looked = Some(now.uptime);
            let decisions = self.watch.tick(now.unix, now.uptime);
            self.announce(decisions, now);
        }
        self.look_after_the_siren(now);
        self.handover.alarms();
        if now.uptime.since(self.states_kept) >= STATES_EVERY_US {
            self.states_kept = now.uptime;
            self.states_changed = true;
        }
        if self.states_changed {
            self.states_changed = !self.handover.states(self.watch.encoded());
        }
    }

    /// A recording's batches are finished by size: its hours pass in milliseconds.
    fn batch_age_clock(&self, now: Moment) -> UptimeMicros {
        if self.replay.is_some() { UptimeMicros(0) } else { now.uptime }
    }

    /// One reading of one channel: judged, put into the batch, shown to the rules.
    fn take(&mut self, channel: usize, at: UnderWay, value: Measured<i64>, now: Moment) {
        let nudge = self.nudge;
        let Some(c) = self.channels.get_mut(channel) else { return };
        let micros = c.unused(at, nudge);
        let quality = c.qc.check(micros, value.value, value.quality);
        let point = Point { micros, value: value.value, quality };
        let (name, number, quantity) = (c.name, c.number, c.quantity);
        if let Some(value) = value.value.filter(|_| quality.usable()) {
            self.latest.insert(name, (value, now.uptime));
        }
        self.condition.readings_total.fetch_add(1, Ordering::Relaxed);
        self.observe(name, quantity, point, at.clock, now);
        let age_clock = self.batch_age_clock(now);
        if let Some(draft) = self.batcher.push(at.clock, number, quantity, point, age_clock) {
            self.handover.draft(draft);
        }
    }

    fn observe(
        &mut self,
        channel: ChannelName,
        quantity: Quantity,
        point: Point,
        clock: ClockState,
        now: Moment,
    ) {
        let Point { micros, value, quality } = point;
        let unbelieved = matches!(clock, ClockState::Unsynchronised { .. });
        let offset = if unbelieved { now.raw_offset() } else { 0 };
        let time = UnixMicros(micros.saturating_add(offset));
        let quality: Quality = quality;
        let observation =
            Observation { station: self.node, channel, quantity, time, value, quality };
        let decisions = self.watch.observe(&observation, now);
        self.announce(decisions, now);
    }

    /// Alarms for the centre.
    fn announce(&mut self, decisions: Vec<Decision>, now: Moment) {
        for Decision { transition: t, siren } in decisions {
            self.states_changed = true;
            let Some(kind) = t.kind.alarm() else { continue };
            let Some(channel) = self.channels.iter().find(|c| c.name == t.channel) else {
                continue;
            };
            let offset = if now.believed() { 0 } else { now.raw_offset() };
            let alarm = AlarmDraft {
                clock: now.state,
                rule: t.rule,
                version: t.version,
                episode: t.episode,
                kind,
                level: if kind == AlarmKind::Cleared { 0 } else { t.level },
                channel: channel.number,
                at: t.at.0.saturating_sub(offset),
                value: t.value,
                siren,
            };
            self.handover.alarm(alarm);
        }
    }

    fn played_out(&self, now: Moment) -> bool {
        let idle = self.posts.iter().all(|p| p.under_way.is_none());
        self.replay.as_ref().is_some_and(|r| now.unix >= r.end && idle)
    }

    /// Waits until there is something to do.
    fn wait(&mut self, now: Moment) {
        let busy = self.posts.iter().any(|p| p.under_way.is_some());
        let streams = self.watch.listens() || self.posts.iter().any(|p| p.mounted.source.streams());
        let due = self.schedule.next(now.micros()).unwrap_or(i64::MAX);
        let to_due = u64::try_from(due.saturating_sub(now.micros())).unwrap_or(0);
        if let Some(replay) = &self.replay {
            let to_end = u64::try_from(replay.end.since(now.unix)).unwrap_or(0);
            let step = if busy { TICK_US.min(to_due) } else { to_due.min(to_end) };
            replay.board.advance(now.uptime.0.saturating_add(step.max(1)));
            return;
        }
        let most = if busy || streams { TICK_US } else { LONGEST_WAIT_US };
        let to_batch = self.batcher.due().map_or(u64::MAX, |at| at.since(now.uptime));
        let to_siren = self.watch.rest_us(now.uptime).unwrap_or(u64::MAX);
        let wait = to_due.min(to_batch).min(to_siren).clamp(1_000, most);
        std::thread::sleep(Duration::from_micros(wait));
    }
}

impl Post {
    /// In microseconds.
    fn interval(&self) -> i64 {
        i64::try_from(seconds(self.mounted.interval_s).as_micros()).unwrap_or(i64::MAX)
    }

    /// Logs when a part begins to fail and when it is back, however often it does.
    fn says(&mut self, failure: Option<&str>, now: Moment) {
        let Some(line) = self.notices.note(failure, now.uptime) else { return };
        let place = &self.mounted.place;
        match line.why {
            Some(_) => warn!("{place} {line}"),
            None => info!("{place} {line}"),
        }
    }
}

fn schedule(posts: &[Post]) -> Result<Schedule, tram_node::ScheduleError> {
    let intervals: Vec<Duration> = posts.iter().map(|p| seconds(p.mounted.interval_s)).collect();
    Schedule::new(&intervals)
}

/// A few microseconds, others each time.
fn nudge() -> i64 {
    1 + i64::from(random() % 9_999)
}
