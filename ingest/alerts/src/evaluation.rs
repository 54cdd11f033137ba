//! Rules over readings, with the states they need: what is in memory, what of it is on disk, and
//! from where the log has to be read again after a crash.
//!
//! Each state remembers up to which log position it is on disk. A transition writes its own state
//! and nothing else, so a thousand other stations do not slow a warning down; the other states are
//! written in turn when there is time. Read again after a crash, each state skips what it has
//! seen, so every reading counts exactly once.

use std::collections::{HashMap, HashSet, hash_map::Entry as Slot};

use rusqlite::{Connection, Transaction};
use tram_rules::{Claim, Observation, Rule, Selector, State};
use tram_wire::{AlarmKind, ChannelName, NodeId, Quantity, UnixMicros};

use crate::{AlertsError, NodeAlarm, change::Change, settings::Settings};

/// The most states, one for each rule and station; stations beyond are not evaluated, and counted.
pub const MAX_STATES: usize = 65_536;
/// The most bytes of states that one routine commit writes; the oldest changes go first.
const MAX_WRITTEN_BYTES: usize = 8 * 1024 * 1024;

/// One rule at one station.
struct Held {
    state: State,
    /// What the file holds of it includes everything up to this log position.
    stored: u64,
    /// The first position whose effect the file does not hold.
    dirty_from: Option<u64>,
    /// A transition has just come of it, so it is written with that.
    turned: bool,
    /// Time has passed for it since the start.
    ticked: bool,
}

impl Held {
    fn new(state: State, stored: u64) -> Self {
        Self { state, stored, dirty_from: None, turned: false, ticked: false }
    }
}

/// The states of all rules.
pub(crate) struct Evaluation {
    held: HashMap<(usize, NodeId), Held>,
    /// Where the log stands.
    pub(crate) position: u64,
    /// Readings of stations beyond [`MAX_STATES`].
    pub(crate) refused_total: u64,
    /// Rules and stations that are no longer evaluated, and that the file still knows.
    gone: Vec<(String, String)>,
    /// Rules and stations whose state could not be read back.
    pub(crate) lost: Vec<(String, String)>,
}

impl Evaluation {
    /// Reads the states back; those of rules that are gone are forgotten.
    pub(crate) fn load(
        connection: &Connection,
        settings: &Settings,
        position: u64,
    ) -> Result<Self, AlertsError> {
        let mut evaluation = Self {
            held: HashMap::new(),
            position,
            refused_total: 0,
            lost: Vec::new(),
            gone: Vec::new(),
        };
        let mut query = connection.prepare("SELECT rule, station, position, body FROM state")?;
        let rows = query.query_map([], |row| {
            let (rule, station): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((rule, station, row.get::<_, i64>(2)?, row.get::<_, String>(3)?))
        })?;
        for row in rows {
            let (rule, station, stored, body) = row?;
            let Some(index) = settings.rules.iter().position(|r| r.id.as_str() == rule) else {
                evaluation.gone.push((rule, station));
                continue;
            };
            // A state that another version of the rules wrote must not keep warnings from starting.
            let Ok(state) = serde_json::from_str::<State>(&body) else {
                evaluation.lost.push((rule, station));
                continue;
            };
            let key = (index, *state.station());
            evaluation.held.insert(key, Held::new(state, stored.cast_unsigned()));
        }
        evaluation.expect_stations(settings);
        Ok(evaluation)
    }

    /// A station that a rule names is watched for silence before it has said anything.
    fn expect_stations(&mut self, settings: &Settings) {
        for (index, rule) in settings.rules.iter().enumerate() {
            let named = rule.stations.iter().filter_map(|selector| match selector {
                Selector::One(station) => Some(station),
                Selector::All => None,
            });
            let known = settings.stations().filter(|station| rule.applies_to_station(station));
            for station in named.chain(known) {
                // Beyond the limit there is nobody to wait for.
                let _ = self.held(index, &rule.place(station));
            }
        }
    }

    /// Goes on with the rules of `settings` where the ones `before` were evaluated. States of rules
    /// in the same version stay; the others begin anew, and what they announced is taken back.
    pub(crate) fn move_to(
        &mut self,
        before: &[Rule],
        settings: &Settings,
        changes: &mut Vec<Change>,
    ) {
        let next = self.position.saturating_add(1);
        for ((index, station), mut held) in std::mem::take(&mut self.held) {
            let Some(old) = before.get(index) else { continue };
            let quantity = old.measure().unwrap_or(Quantity::Dimensionless);
            let mut taken_back = |told: Vec<tram_rules::Transition>| {
                let any = !told.is_empty();
                changes.extend(told.iter().map(|t| Change::evaluated(t, quantity, false)));
                any
            };
            let found = settings.rules.iter().position(|rule| rule.id == old.id);
            let new = found.and_then(|index| Some((index, settings.rules.get(index)?)));
            let watches = |rule: &Rule| match rule.group() {
                Some(group) => *group == station,
                None => rule.applies_to_station(&station),
            };
            match new {
                Some((index, rule)) if watches(rule) => {
                    if rule.version != old.version {
                        held.turned |= taken_back(rule.begin(&mut held.state));
                        held.dirty_from.get_or_insert(next);
                    }
                    self.held.insert((index, station), held);
                }
                _ => {
                    taken_back(old.end(&held.state));
                    self.gone.push((old.id.to_string(), station.to_string()));
                }
            }
        }
        self.expect_stations(settings);
    }

    /// Forgets in the file what is no longer evaluated, so that it does not come back with a rule
    /// of the same name.
    pub(crate) fn forget_gone(&mut self, connection: &Connection) -> Result<(), AlertsError> {
        for (rule, station) in &self.gone {
            connection
                .prepare_cached("DELETE FROM state WHERE rule = ?1 AND station = ?2")?
                .execute((rule, station))?;
        }
        self.gone.clear();
        Ok(())
    }

    /// The state of a rule at a station, made when there is room.
    fn held(&mut self, index: usize, station: &NodeId) -> Option<&mut Held> {
        let full = self.held.len() >= MAX_STATES;
        match self.held.entry((index, *station)) {
            Slot::Occupied(entry) => Some(entry.into_mut()),
            Slot::Vacant(_) if full => None,
            Slot::Vacant(entry) => Some(entry.insert(Held::new(State::new(*station), 0))),
        }
    }

    /// Evaluates one reading or claim at a log position with one rule.
    fn evaluate(
        &mut self,
        index: usize,
        station: &NodeId,
        position: u64,
        evaluate: impl FnOnce(&mut State) -> Vec<tram_rules::Transition>,
    ) -> Vec<tram_rules::Transition> {
        let Some(held) = self.held(index, station) else {
            self.refused_total = self.refused_total.saturating_add(1);
            return Vec::new();
        };
        if position <= held.stored {
            return Vec::new();
        }
        let transitions = evaluate(&mut held.state);
        held.dirty_from.get_or_insert(position);
        held.turned |= !transitions.is_empty();
        transitions
    }

    /// Evaluates the readings of one log entry.
    pub(crate) fn observe(
        &mut self,
        settings: &Settings,
        position: u64,
        observations: &[Observation],
        now: UnixMicros,
        changes: &mut Vec<Change>,
    ) {
        // Readings come channel by channel: the rules that apply seldom differ from the last.
        let mut last: Option<(NodeId, ChannelName, Vec<usize>)> = None;
        for observation in observations {
            let (station, channel) = (observation.station, observation.channel);
            if last.as_ref().is_none_or(|(s, c, _)| *s != station || *c != channel) {
                let applies = |(_, rule): &(usize, &Rule)| rule.applies(&station, &channel);
                let rules = settings.rules.iter().enumerate().filter(applies);
                last = Some((station, channel, rules.map(|(index, _)| index).collect()));
            }
            for index in last.iter().flat_map(|(_, _, rules)| rules) {
                let Some(rule) = settings.rules.get(*index) else { continue };
                let transitions = self.evaluate(*index, &rule.place(&station), position, |state| {
                    rule.observe(state, observation, now)
                });
                let quantity = rule.measure().unwrap_or(observation.quantity);
                changes.extend(transitions.iter().map(|t| Change::evaluated(t, quantity, false)));
            }
        }
    }

    /// Takes the word of a node. A rule evaluated here in the same version adopts a raise and
    /// lowers by itself, once the readings are here; of any other rule the node's word is the only
    /// one there is.
    pub(crate) fn alarm(
        &mut self,
        settings: &Settings,
        position: u64,
        alarm: &NodeAlarm,
        now: UnixMicros,
        changes: &mut Vec<Change>,
    ) {
        let same = |rule: &&(usize, &Rule)| {
            rule.1.id == alarm.rule
                && rule.1.version == alarm.version
                && rule.1.applies(&alarm.station, &alarm.channel)
        };
        let rules: Vec<(usize, &Rule)> = settings.rules.iter().enumerate().collect();
        let Some((index, rule)) = rules.iter().find(same) else {
            changes.extend(Change::of_node(alarm));
            return;
        };
        if alarm.kind != AlarmKind::Raised {
            return;
        }
        let NodeAlarm { channel, at, level, value, .. } = *alarm;
        let claim = Claim { channel, at, level, value };
        let transitions =
            self.evaluate(*index, &alarm.station, position, |state| rule.adopt(state, &claim, now));
        let quantity = rule.measure().unwrap_or(alarm.quantity);
        changes.extend(transitions.iter().map(|t| Change::evaluated(t, quantity, true)));
    }

    /// Lets time pass for every state.
    pub(crate) fn tick(&mut self, settings: &Settings, now: UnixMicros, changes: &mut Vec<Change>) {
        let next = self.position.saturating_add(1);
        for ((index, _), held) in &mut self.held {
            let Some(rule) = settings.rules.get(*index) else { continue };
            let transitions = rule.tick(&mut held.state, now);
            // The first time, it may begin to wait for a station that has never spoken, and that
            // has to survive a restart.
            if !transitions.is_empty() || !held.ticked {
                held.dirty_from.get_or_insert(next);
            }
            held.ticked = true;
            held.turned |= !transitions.is_empty();
            let quantity = rule.measure().unwrap_or(Quantity::Dimensionless);
            changes.extend(transitions.iter().map(|t| Change::evaluated(t, quantity, false)));
        }
    }

    /// How many states the file does not hold as they are.
    pub(crate) fn unwritten(&self) -> usize {
        self.held.values().filter(|held| held.dirty_from.is_some()).count()
    }

    /// Writes the states that have turned and, with `routine`, as many others as fit.
    pub(crate) fn write(
        &self,
        tx: &Transaction<'_>,
        settings: &Settings,
        routine: bool,
    ) -> Result<Vec<(usize, NodeId)>, AlertsError> {
        let dirty = |key, held: &Held| held.dirty_from.map(|from| (!held.turned, from, key));
        let mut dirty: Vec<(bool, u64, (usize, NodeId))> =
            self.held.iter().filter_map(|(key, held)| dirty(*key, held)).collect();
        dirty.sort_unstable();
        let (mut written, mut bytes) = (Vec::new(), 0);
        for (resting, _, key) in dirty {
            if resting && (!routine || bytes > MAX_WRITTEN_BYTES) {
                break;
            }
            let (Some(held), Some(rule)) = (self.held.get(&key), settings.rules.get(key.0)) else {
                continue;
            };
            let body = serde_json::to_string(&held.state)?;
            bytes += body.len();
            tx.prepare_cached(
                "INSERT OR REPLACE INTO state (rule, station, position, body) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((
                rule.id.as_str(),
                key.1.as_str(),
                self.position.cast_signed(),
                body,
            ))?;
            written.push(key);
        }
        Ok(written)
    }

    /// Remembers that what [`write`](Self::write) wrote is on the disk.
    pub(crate) fn written(&mut self, keys: &[(usize, NodeId)]) {
        let position = self.position;
        for key in keys {
            if let Some(held) = self.held.get_mut(key) {
                held.stored = position;
                held.dirty_from = None;
                held.turned = false;
            }
        }
    }

    /// The last log position of which no state needs anything again once `keys` are written.
    pub(crate) fn settled_without(&self, keys: &[(usize, NodeId)]) -> u64 {
        let keys: HashSet<_> = keys.iter().collect();
        let rest = self.held.iter().filter(|(key, _)| !keys.contains(key));
        let dirty = rest.filter_map(|(_, held)| held.dirty_from).min();
        dirty.map_or(self.position, |from| from.saturating_sub(1).min(self.position))
    }

    /// How many states there are.
    pub(crate) fn states(&self) -> usize {
        self.held.len()
    }

    /// Readings that came too late for their rule, and readings a full state let go.
    pub(crate) fn losses(&self) -> (u64, u64) {
        self.held.values().fold((0, 0), |(late, overflow), held| {
            (late + held.state.late_total(), overflow + held.state.overflow_total())
        })
    }
}
