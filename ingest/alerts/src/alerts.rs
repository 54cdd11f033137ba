//! The engine: readings in, alarms, messages and deliveries out, each exactly once.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tram_rules::{Observation, Rule};
use tram_wire::{EpisodeId, UnixMicros};

use crate::{
    AlertsError, CapMessage, Config, Counters, Delivery, DeliveryResult, Feed, NodeAlarm, Station,
    audit,
    change::Change,
    database, drill,
    evaluation::Evaluation,
    feed,
    ledger::{self, Recorded},
    messages,
    outbox::{self, Receivers},
    people,
    settings::Settings,
    sweep,
    time::SECOND,
};

/// How often states without a transition are written at least, while time passes.
const WRITE_EVERY: i64 = SECOND;
/// How often renewals and clean-up are looked at.
const SWEEP_EVERY: i64 = 30 * SECOND;
/// How long after its start the engine calls no station silent: nodes that waited for the centre
/// need time to come back.
pub const SILENCE_GRACE: i64 = 120 * SECOND;

/// What stands at one position of the commit log, as far as alarms are concerned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// Its position; positions ascend, the first one is 1 or more.
    pub position: u64,
    /// Its readings, in any order; channel by channel is fastest.
    pub observations: Vec<Observation>,
    /// The words of nodes.
    pub alarms: Vec<NodeAlarm>,
}

/// What a call changed. It is on the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The alarms that changed, in order; one that changed twice is there twice.
    pub changed: Vec<EpisodeId>,
    /// Somebody is to be told though no alarm has changed: nobody has answered, or channels are
    /// tried.
    pub told: bool,
}

/// The alert engine and its file. One thread at a time: share it behind a mutex.
pub struct Alerts {
    path: PathBuf,
    pub(crate) connection: Connection,
    /// What was done about damage when the file was opened.
    saved: Option<String>,
    pub(crate) settings: Settings,
    evaluation: Evaluation,
    receivers: Receivers,
    counters: Counters,
    /// What the file says.
    cursor: u64,
    started: UnixMicros,
    write_at: UnixMicros,
    sweep_at: UnixMicros,
}

impl core::fmt::Debug for Alerts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Alerts").field("position", &self.position()).finish_non_exhaustive()
    }
}

impl Alerts {
    /// Opens the file, or makes it. What the rules of the last run announced and the rules of this
    /// run don't have is withdrawn; so is what was announced by a state that cannot be read back,
    /// which begins anew.
    ///
    /// # Errors
    /// [`AlertsError`] when the file or the configuration cannot be used.
    pub fn open(
        path: &Path,
        config: &Config,
        rules: Vec<Rule>,
        stations: Vec<Station>,
        now: UnixMicros,
    ) -> Result<Self, AlertsError> {
        let settings = Settings::new(config, rules, stations)?;
        let (connection, saved) = database::open(path)?;
        let cursor = database::cursor(&connection)?;
        let evaluation = Evaluation::load(&connection, &settings, cursor)?;
        let mut alerts = Self {
            path: path.canonicalize().unwrap_or_else(|_| path.to_owned()),
            connection,
            saved,
            settings,
            evaluation,
            receivers: Receivers::default(),
            counters: Counters::default(),
            cursor,
            started: now,
            write_at: now,
            sweep_at: now,
        };
        alerts.counters.states_lost_total = alerts.evaluation.lost.len() as u64;
        let lost = &alerts.evaluation.lost;
        let orphans = sweep::orphans(&alerts.connection, &alerts.settings, lost, now)?;
        alerts.commit(&orphans, &[], true, now)?;
        alerts.evaluation.forget_gone(&alerts.connection)?;
        Ok(alerts)
    }

    /// What was done about damage to the file when it was opened, if there was some.
    #[must_use]
    pub fn saved(&self) -> Option<&str> {
        self.saved.as_deref()
    }

    /// Whether somebody has met damage in the file.
    #[must_use]
    pub fn damaged(&self) -> bool {
        database::damaged(&self.path)
    }

    /// When it is [`damaged`](Self::damaged): saves what can be read of the file into a new one, and goes
    /// on with that from where it stands. Says what was done.
    ///
    /// # Errors
    /// [`AlertsError`] when that cannot be done.
    pub fn heal(&mut self) -> Result<String, AlertsError> {
        // Nobody may have the file open meanwhile.
        self.connection = Connection::open_in_memory()?;
        let said = database::save(&self.path)?;
        self.connection = database::open(&self.path)?.0;
        self.cursor = database::cursor(&self.connection)?;
        self.evaluation = Evaluation::load(&self.connection, &self.settings, self.cursor)?;
        Ok(said)
    }

    /// The last log position that has been evaluated; feed what follows it. After an error this is
    /// where the file stands.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.evaluation.position
    }

    /// The last log position of which nothing is needed again, even after a crash: the log may
    /// forget everything up to and including it.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Evaluates entries of the log, in order. Entries at or before [`position`](Self::position)
    /// are skipped. When something is raised, lowered or cleared, it is on the disk with its
    /// messages, deliveries and states before this returns, in one transaction; states alone are
    /// written about once a second, and read again from the log after a crash.
    ///
    /// # Errors
    /// [`AlertsError`]; the engine then stands where its file stands.
    pub fn apply(&mut self, entries: &[Entry], now: UnixMicros) -> Result<Applied, AlertsError> {
        let (mut changes, mut sirens) = (Vec::new(), Vec::new());
        for entry in entries.iter().filter(|entry| entry.position > 0) {
            if entry.position <= self.evaluation.position {
                continue;
            }
            let Entry { position, observations, alarms } = entry;
            let position = *position;
            self.evaluation.observe(&self.settings, position, observations, now, &mut changes);
            for alarm in alarms {
                if !alarm.kind.transition() {
                    sirens.push(*alarm);
                    continue;
                }
                self.evaluation.alarm(&self.settings, position, alarm, now, &mut changes);
            }
            self.evaluation.position = position;
            self.counters.observations_total += observations.len() as u64;
        }
        let routine = now >= self.write_at;
        if changes.is_empty() && sirens.is_empty() && !routine {
            return Ok(Applied::default());
        }
        self.commit(&changes, &sirens, routine, now)
    }

    /// Lets time pass; call it about once a second, with the log read to its end. Finds stations
    /// that say nothing, renews messages before they expire, gives up what cannot be delivered,
    /// and forgets what is long over.
    ///
    /// # Errors
    /// [`AlertsError`]; the engine then stands where its file stands.
    pub fn tick(&mut self, now: UnixMicros) -> Result<Applied, AlertsError> {
        let mut changes = Vec::new();
        if now.since(self.started) >= SILENCE_GRACE {
            self.evaluation.tick(&self.settings, now, &mut changes);
        }
        if now >= self.sweep_at {
            self.sweep_at = now.plus(SWEEP_EVERY);
            let tx = self.connection.transaction()?;
            sweep::renew(&tx, &self.settings, now)?;
            let given_up = outbox::give_up(&tx, &self.settings, now)?
                + people::give_up(&tx, &self.settings.roster, now)?;
            sweep::forget(&tx, now)?;
            tx.commit()?;
            self.counters.given_up_total += given_up;
            changes.extend(drill::over(&self.connection, now)?);
        }
        let told = self.escalate(now)?;
        let routine = now >= self.write_at;
        if changes.is_empty() && !routine {
            return Ok(Applied { told, ..Applied::default() });
        }
        let applied = self.commit(&changes, &[], routine, now)?;
        Ok(Applied { told, ..applied })
    }

    /// Takes the steps of chains that nobody has answered, and has the channels tried when it is
    /// time. Whether somebody is to be told.
    fn escalate(&mut self, now: UnixMicros) -> Result<bool, AlertsError> {
        let tx = self.connection.transaction()?;
        let escalated = people::escalate(&tx, &self.settings, now)?;
        let tested = people::self_test(&tx, &self.settings, now)?;
        // Without a change nothing is written, and nothing waits for the disk.
        tx.commit()?;
        self.counters.escalations_total += escalated.steps;
        self.counters.tellings_refused_total += escalated.refused;
        Ok(escalated.steps > 0 || tested)
    }

    /// Writes every state. At the end of the program it spares reading the log again.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be written.
    pub fn flush(&mut self) -> Result<(), AlertsError> {
        while self.evaluation.unwritten() > 0 {
            self.commit(&[], &[], true, self.write_at)?;
        }
        Ok(())
    }

    /// Writes changes and states in one transaction; on failure goes back to what the file holds.
    fn commit(
        &mut self,
        changes: &[Change],
        sirens: &[NodeAlarm],
        routine: bool,
        now: UnixMicros,
    ) -> Result<Applied, AlertsError> {
        let result = self.try_commit(changes, sirens, routine, now);
        if result.is_err() {
            self.cursor = database::cursor(&self.connection)?;
            self.evaluation = Evaluation::load(&self.connection, &self.settings, self.cursor)?;
        }
        result
    }

    fn try_commit(
        &mut self,
        changes: &[Change],
        sirens: &[NodeAlarm],
        routine: bool,
        now: UnixMicros,
    ) -> Result<Applied, AlertsError> {
        let tx = self.connection.transaction()?;
        let (mut applied, mut refused) = (Applied::default(), 0);
        for change in changes {
            match ledger::record(&tx, &self.settings, change, now)? {
                Recorded::Written(alarm, untold) => {
                    applied.changed.push(alarm.id);
                    self.counters.tellings_refused_total += untold;
                }
                Recorded::Nothing => {}
                Recorded::Refused => refused += 1,
            }
        }
        for alarm in sirens {
            audit::siren(&tx, now, alarm)?;
        }
        let written = self.evaluation.write(&tx, &self.settings, routine)?;
        let cursor = self.evaluation.settled_without(&written);
        database::set_cursor(&tx, cursor)?;
        tx.commit()?;
        self.cursor = cursor;
        self.evaluation.written(&written);
        if routine {
            self.write_at = now.plus(WRITE_EVERY);
        }
        self.counters.transitions_total += applied.changed.len() as u64;
        self.counters.episodes_refused_total += refused;
        Ok(applied)
    }

    /// What is due over the channel `target` now, oldest first, at most
    /// [`MAX_DUE`](crate::MAX_DUE). One thread serves one channel: send these one after the
    /// other, tell [`done`](Self::done) of each, ask again. What waits for people is put into
    /// messages here.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read or written.
    pub fn due(&mut self, target: &str, now: UnixMicros) -> Result<Vec<Delivery>, AlertsError> {
        let limit = self.receivers.limit(target, now);
        if limit == 0 {
            return Ok(Vec::new());
        }
        if self.settings.roster.takes_notices(target) {
            let tx = self.connection.transaction()?;
            let made = people::compose(&tx, &self.settings, target, now)?;
            if made > 0 {
                tx.commit()?;
                self.counters.notices_total += made;
            }
        }
        let roster = &self.settings.roster;
        let mut due = people::due(&self.connection, roster, target, limit, now)?;
        let rest = limit.saturating_sub(u32::try_from(due.len()).unwrap_or(u32::MAX));
        due.extend(self.receivers.due(&self.connection, target, rest, now)?);
        Ok(due)
    }

    /// Remembers that an attempt at a message begins. When the program dies before
    /// [`done`](Self::done), the next attempt is [`repeated`](Delivery::repeated). For channels whose
    /// receiver does not know a message that comes twice.
    ///
    /// # Errors
    /// [`AlertsError`] when it could not be written: then do not send.
    pub fn begin(&mut self, delivery: &Delivery, now: UnixMicros) -> Result<(), AlertsError> {
        if delivery.notice {
            people::begin(&self.connection, delivery, now)?;
        }
        Ok(())
    }

    /// What goes on and concerns the machine `target`: the newest transition of each open alarm, as
    /// it was or would be delivered. For those who want to be told again.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn standing(&self, target: &str) -> Result<Vec<Vec<u8>>, AlertsError> {
        outbox::standing(&self.connection, &self.settings, target)
    }

    /// When there will be something for the receiver `target`, `now` at the earliest; `None` when
    /// nothing waits.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn next_due(
        &self,
        target: &str,
        now: UnixMicros,
    ) -> Result<Option<UnixMicros>, AlertsError> {
        let machine = self.receivers.next_due(&self.connection, target)?;
        let people = people::next_due(&self.connection, target, now)?;
        let next = machine.into_iter().chain(people).min();
        let silent_until = self.receivers.silent_until(target).unwrap_or(now);
        Ok(next.map(|next| next.max(now).max(silent_until)))
    }

    /// Marks how an attempt ended. A crash before this repeats the attempt with the same key.
    ///
    /// # Errors
    /// [`AlertsError`] when it could not be marked; the delivery will then be repeated.
    pub fn done(
        &mut self,
        delivery: &Delivery,
        result: &DeliveryResult,
        now: UnixMicros,
    ) -> Result<(), AlertsError> {
        self.receivers.note(&delivery.target, result, now);
        let tx = self.connection.transaction()?;
        match delivery.notice {
            true => people::done(&tx, delivery, result, now)?,
            false => Receivers::done(&tx, delivery, result, now)?,
        }
        people::note_proof(&tx, &delivery.target, result, now)?;
        tx.commit()?;
        match result {
            DeliveryResult::Delivered | DeliveryResult::Sent(_) => {
                self.counters.delivered_total += 1;
            }
            DeliveryResult::Refused(_) | DeliveryResult::Failed(_) | DeliveryResult::Unclear(_) => {
                self.counters.failed_total += 1;
            }
        }
        Ok(())
    }

    /// The Atom feed of public CAP messages.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn feed(&self, now: UnixMicros) -> Result<Feed, AlertsError> {
        feed::feed(&self.connection, &self.settings, now)
    }

    /// A public CAP message; `None` when there is no such message or it is no public one.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn cap(&self, identifier: &str) -> Result<Option<CapMessage>, AlertsError> {
        messages::public(&self.connection, identifier)
    }

    /// What has been counted since the start, and what stands now.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn counters(&self) -> Result<Counters, AlertsError> {
        let (late_total, overflow_total) = self.evaluation.losses();
        let mut counters = self.counters.clone();
        counters.states = self.evaluation.states() as u64;
        counters.stations_refused_total = self.evaluation.refused_total;
        counters.late_readings_total = late_total;
        counters.overflowed_readings_total = overflow_total;
        counters.read(&self.connection)?;
        Ok(counters)
    }
}

mod reload;

#[cfg(test)]
mod tests;
