//! The alert engine's threads: one that evaluates what the log has taken, in its order, and one
//! for each receiver of notifications, so that a slow receiver delays nobody else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tram_alerts::{
    Alarm, AlarmState, Alerts, AlertsError, Applied, DeliveryResult, Entry, NodeAlarm, Sender,
};
use tram_rules::Observation;
use tram_store::{LogEntry, LogId, LogReader, StoreError};
use tram_wire::{EpisodeId, UnixMicros};

use crate::{board::Board, clock, ledger::Ledger, live::Hub, trace::Name, wake::Wake};

/// The engine's name among the consumers of the log.
pub(crate) const CONSUMER: &str = "alerts";
/// The most entries of the log that are evaluated in one transaction.
const MAX_ENTRIES: usize = 256;
/// How often time itself is evaluated: missing data, renewals.
const TICK: Duration = Duration::from_secs(1);
/// How often channels over which nothing gets through are named in the log.
const DOUBT: Duration = Duration::from_secs(24 * 3_600);
/// How long a receiver's thread sleeps at most.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The alarms, shared by the threads and the web server.
pub(crate) struct Alarms {
    alerts: Mutex<Alerts>,
    board: Arc<Board>,
    hub: Arc<Hub>,
    /// Rings when there may be something to deliver.
    outbox: Wake,
}

impl Alarms {
    /// The engine behind the board and the live feed.
    pub(crate) fn new(alerts: Alerts, board: Arc<Board>, hub: Arc<Hub>) -> Arc<Self> {
        let alarms = Self { alerts: Mutex::new(alerts), board, hub, outbox: Wake::default() };
        alarms.publish(&[]);
        Arc::new(alarms)
    }

    /// The engine; held for as short as possible.
    pub(crate) fn alerts(&self) -> MutexGuard<'_, Alerts> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells every page which alarms have changed, and the receivers' threads to look.
    pub(crate) fn publish(&self, changed: &[EpisodeId]) {
        let all = self.alerts().alarms(clock::now());
        match all {
            Ok(all) => {
                let changed: Vec<Alarm> =
                    all.iter().filter(|a| changed.contains(&a.id)).cloned().collect();
                self.board.alarm_levels(&levels(&all));
                self.hub.alarms(all, &changed);
            }
            Err(error) => tracing::error!(%error, "the alarm list cannot be read"),
        }
        self.outbox.ring();
    }

    /// Ends the receivers' threads when they next look.
    pub(crate) fn stop(&self) {
        self.outbox.stop();
    }
}

/// The highest level of each station whose alarm goes on; a drill is no danger on the map.
fn levels(alarms: &[Alarm]) -> HashMap<String, u8> {
    let mut levels = HashMap::new();
    for alarm in alarms.iter().filter(|a| a.state == AlarmState::Raised && !a.drill) {
        let level: &mut u8 = levels.entry(alarm.station.clone()).or_default();
        *level = (*level).max(alarm.level);
    }
    levels
}

/// Evaluates the log.
pub(crate) struct Evaluator {
    /// The alarms.
    pub(crate) alarms: Arc<Alarms>,
    /// The log.
    pub(crate) reader: LogReader,
    /// Takes how far the engine is.
    pub(crate) ledger: Arc<Ledger>,
    /// Rings when the log has grown.
    pub(crate) grown: Arc<Wake>,
    /// When channels were last doubted.
    pub(crate) doubted: Option<Instant>,
}

impl Evaluator {
    /// Starts the thread; it ends when the bell says so.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("alerts".to_owned()).spawn(move || self.run())
    }

    fn run(mut self) {
        let mut ticked = clock::instant();
        loop {
            let heard = self.grown.rings();
            if let Err(reason) = self.catch_up() {
                tracing::error!(reason, "the rules are behind; they are evaluated again");
                // Without the pause a broken disk would be asked without end.
                if !self.grown.sleep(self.grown.rings(), TICK) {
                    break;
                }
            }
            ticked = self.tick(ticked);
            let rest = TICK.saturating_sub(clock::instant().duration_since(ticked));
            if !self.grown.sleep(heard, rest) {
                break;
            }
        }
        if let Err(error) = self.alarms.alerts().flush() {
            tracing::error!(%error, "the rules' state could not be written; it is made again");
        }
    }

    /// Evaluates what is in the log and was not evaluated yet.
    fn catch_up(&mut self) -> Result<(), String> {
        // What the log has forgotten cannot be evaluated any more.
        let mut gone = LogId(0);
        while !self.grown.stopping() {
            let position = log_id(self.alarms.alerts().position()).max(gone);
            let entries = match self.reader.after(position, MAX_ENTRIES) {
                Ok(entries) => entries,
                Err(StoreError::Trimmed { oldest, .. }) => {
                    tracing::warn!(oldest, "entries of the log are gone that were not evaluated");
                    gone = LogId(oldest.saturating_sub(1));
                    continue;
                }
                Err(StoreError::Damaged { entry, detail, .. }) => {
                    tracing::error!(entry, detail, "an entry of the log cannot be evaluated");
                    gone = LogId(entry);
                    continue;
                }
                Err(error) => return Err(error.to_string()),
            };
            if entries.is_empty() {
                break;
            }
            let evaluated: Vec<Entry> = entries.iter().map(entry).collect();
            let applied = self.alarms.alerts().apply(&evaluated, clock::now());
            self.note(&applied.map_err(|e| e.to_string())?);
            for LogEntry { id, node, identity, .. } in &entries {
                tracing::debug!(batch = %Name::new(*node, *identity), entry = %id, "evaluated");
            }
        }
        Ok(())
    }

    /// Once a second, lets the engine look at the clock. Returns when it last did.
    fn tick(&mut self, ticked: Instant) -> Instant {
        let now = clock::instant();
        if now.duration_since(ticked) < TICK {
            return ticked;
        }
        self.heal();
        self.doubt(now);
        let applied = self.alarms.alerts().tick(clock::now());
        match applied {
            Ok(applied) => self.note(&applied),
            Err(error) => tracing::error!(%error, "the rules could not look at the clock"),
        }
        now
    }

    /// Once a day, says over which channels nothing has got through for too long.
    fn doubt(&mut self, now: Instant) {
        let doubted = *self.doubted.get_or_insert(now);
        if now.duration_since(doubted) < DOUBT {
            return;
        }
        self.doubted = Some(now);
        let channels = self.alarms.alerts().channels(clock::now());
        for channel in channels.unwrap_or_default().iter().filter(|channel| !channel.proved) {
            tracing::warn!(
                channel = channel.name,
                proved_at = channel.proved_at,
                error = channel.error,
                "nothing has got through over this channel for more than a week; try it"
            );
        }
    }

    /// Saves what can be read of the alarms when somebody has met damage in their file.
    fn heal(&self) {
        let mut alerts = self.alarms.alerts();
        if !alerts.damaged() {
            return;
        }
        match alerts.heal() {
            Ok(said) => {
                tracing::error!("the alarms' file: {said}; look at the disk (dmesg, smartctl)");
            }
            Err(error) => {
                tracing::error!(%error, "the alarms' file is damaged and cannot be saved");
            }
        }
    }

    /// Tells how far the engine is and what it changed.
    fn note(&self, applied: &Applied) {
        let (position, cursor) = {
            let alerts = self.alarms.alerts();
            (alerts.position(), alerts.cursor())
        };
        self.ledger.set_alerts(log_id(position), log_id(cursor));
        if !applied.changed.is_empty() {
            self.alarms.publish(&applied.changed);
        } else if applied.told {
            self.alarms.outbox.ring();
        }
    }
}

/// A position of the engine as a place in the log.
pub(crate) fn log_id(position: u64) -> LogId {
    LogId(i64::try_from(position).unwrap_or(i64::MAX))
}

/// An entry of the log as the engine wants to see it.
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
        // Places in the log count from 1.
        position: u64::try_from(entry.id.0).unwrap_or(0),
        observations: observations.collect(),
        alarms: alarm.into_iter().collect(),
    }
}

/// Starts a channel's thread; it ends when the alarms are stopped.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn deliver(alarms: Arc<Alarms>, mut sender: Sender) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("deliver".to_owned()).spawn(move || {
        let target = sender.name().to_owned();
        let mut told_again = clock::instant();
        loop {
            let heard = alarms.outbox.rings();
            let mut rest = send_due(&alarms, &mut sender, &target)
                .and_then(|()| rest(&alarms, &target))
                .unwrap_or_else(|error| {
                    tracing::error!(target, %error, "the outbox cannot be read");
                    TICK
                });
            if let Some(every) = sender.again_every() {
                let now = clock::instant();
                if now.duration_since(told_again) >= every {
                    told_again = now;
                    tell_again(&alarms, &sender, &target);
                }
                rest = rest.min(every);
            }
            if !alarms.outbox.sleep(heard, rest) {
                return;
            }
        }
    })
}

/// Tells a machine that forgets what goes on.
fn tell_again(alarms: &Alarms, sender: &Sender, target: &str) {
    let standing = alarms.alerts().standing(target);
    match standing {
        Ok(bodies) => {
            if let Err(failed) = sender.tell_again(&bodies, clock::now()) {
                tracing::warn!(target, ?failed, "what goes on could not be told again");
            }
        }
        Err(error) => tracing::error!(target, %error, "the outbox cannot be read"),
    }
}

/// Sends what is due over a channel, one after the other and without holding the engine.
fn send_due(alarms: &Alarms, sender: &mut Sender, target: &str) -> Result<(), AlertsError> {
    let due = alarms.alerts().due(target, clock::now())?;
    for delivery in due {
        if alarms.outbox.stopping() {
            break;
        }
        if sender.forgets() {
            alarms.alerts().begin(&delivery, clock::now())?;
        }
        let result = sender.send(&delivery, clock::now());
        alarms.alerts().done(&delivery, &result, clock::now())?;
        if matches!(result, DeliveryResult::Failed(_) | DeliveryResult::Unclear(_)) {
            // The receiver is not there: the others wait until it is.
            break;
        }
    }
    Ok(())
}

/// How long there is nothing to do for a receiver.
fn rest(alarms: &Alarms, target: &str) -> Result<Duration, AlertsError> {
    let next = alarms.alerts().next_due(target, clock::now())?;
    Ok(next.map_or(LONGEST_SLEEP, |next| {
        let micros = u64::try_from(next.since(clock::now())).unwrap_or(0);
        Duration::from_micros(micros).min(LONGEST_SLEEP)
    }))
}
