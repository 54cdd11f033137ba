//! Orders to nodes: what somebody at the centre wants of a siren, signed, sent until it is answered,
//! and given up after a while. An order waits for the node's challenge first, so a copy of it is
//! worth nothing a minute later or to another node.
//!
//! Orders are few and live for seconds: they are held in memory, a bounded number of them. What was
//! ordered and what became of it is in the log of the program and in the audit of the alarms.

mod key;

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tram_wire::{Act, Answer, Challenge, Command, NodeId, Order, Signed, Text, Verdict};
use utoipa::ToSchema;

pub(crate) use key::{CommandKey, KEY};

use crate::{alarms::Alarms, clock, link::Link, time::rfc3339};

/// The most orders that are remembered.
pub(crate) const MAX_ORDERS: usize = 256;
/// The most that are under way at once.
pub(crate) const MAX_UNDER_WAY: usize = 32;
/// The most lines that wait for the audit.
const MAX_NOTES: usize = 1_024;
/// An order without an answer is given up after this long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Until then it is sent again and again. A node does it once.
const AGAIN: Duration = Duration::from_secs(2);

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It is on its way, or the node has not answered yet.
    Sent,
    /// It is done.
    Done,
    /// The node refuses; the reason says why.
    Refused,
    /// It was not done in time. Without an answer it may have been done all the same.
    Expired,
}

/// An order as it is told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Told {
    /// 16 hexadecimal digits.
    pub(crate) id: String,
    /// Which station.
    pub(crate) station: String,
    /// `test`, `reset`, `silence` or `drill`.
    pub(crate) act: String,
    /// Who gave it.
    pub(crate) by: String,
    /// When.
    pub(crate) given_at: String,
    /// How far it is.
    pub(crate) state: State,
    /// Why it was not done: `no-answer`, or what the node says, such as `no-siren`.
    pub(crate) reason: Option<String>,
}

struct Entry {
    id: u64,
    node: NodeId,
    act: Act,
    by: Text<64>,
    told: Told,
    /// Once there was a challenge.
    signed: Option<Signed>,
    give_up: Instant,
    again: Instant,
}

impl Entry {
    fn open(&self) -> bool {
        self.told.state == State::Sent
    }
}

/// Why an order is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declined {
    /// No such station in the configuration.
    UnknownStation,
    /// Too many are under way.
    Busy,
    /// The centre has no key to sign with; its log says why.
    NoKey,
}

/// The orders of this run.
pub(crate) struct Orders {
    nodes: HashSet<NodeId>,
    key: Option<CommandKey>,
    link: Arc<Link>,
    alarms: Option<Arc<Alarms>>,
    entries: Mutex<VecDeque<Entry>>,
    /// Lines for the audit.
    notes: Mutex<VecDeque<Note>>,
}

/// A line for the audit. It waits for a thread that may wait for a disk.
struct Note {
    action: &'static str,
    actor: String,
    detail: String,
}

impl Orders {
    /// Orders for these nodes.
    pub(crate) fn new(
        nodes: HashSet<NodeId>,
        key: Option<CommandKey>,
        link: Arc<Link>,
        alarms: Option<Arc<Alarms>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            nodes,
            key,
            link,
            alarms,
            entries: Mutex::default(),
            notes: Mutex::default(),
        })
    }

    /// Takes an order and begins to send it.
    ///
    /// # Errors
    /// [`Declined`].
    pub(crate) fn give(&self, node: NodeId, act: Act, by: Text<64>) -> Result<Told, Declined> {
        if !self.nodes.contains(&node) {
            return Err(Declined::UnknownStation);
        }
        if self.key.is_none() {
            return Err(Declined::NoKey);
        }
        let mut entries = self.entries();
        if entries.iter().filter(|e| e.open()).count() >= MAX_UNDER_WAY {
            return Err(Declined::Busy);
        }
        let id = crate::broker::node_add::random().map_or(0, u64::from_be_bytes);
        let now = clock::instant();
        let told = Told {
            id: format!("{id:016x}"),
            station: node.to_string(),
            act: act.name().to_owned(),
            by: by.to_string(),
            given_at: rfc3339(clock::now()),
            state: State::Sent,
            reason: None,
        };
        while entries.len() >= MAX_ORDERS {
            entries.pop_front();
        }
        let (give_up, again) = (now + PATIENCE, now + AGAIN);
        let entry = Entry { id, node, act, by, told: told.clone(), signed: None, give_up, again };
        entries.push_back(entry);
        drop(entries);
        tracing::info!(
            order = told.id,
            station = told.station,
            act = told.act,
            by = told.by,
            "ordered"
        );
        self.audit("order", by.as_str(), &told);
        self.send(node, Command::Challenge, 0);
        Ok(told)
    }

    /// Takes what a node answers.
    pub(crate) fn answered(&self, node: NodeId, answer: Answer) {
        match answer {
            Answer::Challenge(challenge) => self.challenged(node, challenge),
            Answer::Outcome { id, verdict } => self.judged(node, id, verdict),
        }
    }

    /// A challenge is for one order; the others of the node ask for another.
    fn challenged(&self, node: NodeId, challenge: Challenge) {
        let Some(key) = &self.key else { return };
        let mut entries = self.entries();
        let waits = |e: &&mut Entry| e.node == node && e.open() && e.signed.is_none();
        let Some(entry) = entries.iter_mut().find(waits) else { return };
        let Entry { id, act, by, .. } = *entry;
        let order = Order { node, challenge, id, act, by }.encode();
        let signed = Signed { signature: key.sign(&Signed::signed_bytes(&order)), order };
        entry.signed = Some(signed.clone());
        drop(entries);
        self.send(node, Command::Signed(signed), id);
    }

    fn judged(&self, node: NodeId, id: u64, verdict: Verdict) {
        let mut entries = self.entries();
        // A late answer is better than none.
        let known = |e: &&mut Entry| {
            let unanswered = e.told.reason.as_deref() == Some(NO_ANSWER);
            e.node == node && e.id == id && (e.open() || unanswered)
        };
        let Some(entry) = entries.iter_mut().find(known) else { return };
        let (state, reason) = match verdict {
            Verdict::Done => (State::Done, None),
            Verdict::Expired => (State::Expired, Some(verdict.name())),
            other => (State::Refused, Some(other.name())),
        };
        entry.told.state = state;
        entry.told.reason = reason.map(str::to_owned);
        let told = entry.told.clone();
        drop(entries);
        self.ended(&told);
    }

    /// Once a second: sends again what is not answered, and gives up what never will be.
    pub(crate) fn tick(&self, now: Instant) {
        let (mut send, mut ended) = (Vec::new(), Vec::new());
        for entry in self.entries().iter_mut().filter(|e| e.open()) {
            if now >= entry.give_up {
                entry.told.state = State::Expired;
                entry.told.reason = Some(NO_ANSWER.to_owned());
                ended.push(entry.told.clone());
            } else if now >= entry.again {
                entry.again = now + AGAIN;
                let command = entry.signed.clone().map_or(Command::Challenge, Command::Signed);
                send.push((entry.node, command, entry.id));
            }
        }
        for (node, command, id) in send {
            let order = if command == Command::Challenge { 0 } else { id };
            self.send(node, command, order);
        }
        ended.iter().for_each(|told| self.ended(told));
    }

    /// Those of this run, the newest first.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.entries().iter().rev().map(|e| e.told.clone()).collect()
    }

    fn ended(&self, told: &Told) {
        let Told { id, station, act, state, reason, .. } = told;
        let reason = reason.as_deref().unwrap_or_default();
        match state {
            State::Done => tracing::info!(order = id, station, act, "the order is done"),
            _ => tracing::warn!(order = id, station, act, ?state, reason, "the order is not done"),
        }
        let action = match state {
            State::Done => "order-done",
            State::Refused => "order-refused",
            State::Expired | State::Sent => "order-expired",
        };
        self.audit(action, station, told);
    }

    fn send(&self, node: NodeId, command: Command, order: u64) {
        self.link.mailbox.command(node, command, order);
        self.link.wake();
    }

    fn audit(&self, action: &'static str, actor: &str, told: &Told) {
        if self.alarms.is_none() {
            return;
        }
        let detail = serde_json::json!({
            "order": told.id, "station": told.station, "act": told.act, "reason": told.reason,
        });
        let (actor, detail) = (actor.to_owned(), detail.to_string());
        let mut notes = self.notes();
        if notes.len() >= MAX_NOTES {
            tracing::error!("too many lines wait for the audit; the oldest is in this log only");
            notes.pop_front();
        }
        notes.push_back(Note { action, actor, detail });
    }

    /// Whether lines wait for the audit.
    pub(crate) fn has_notes(&self) -> bool {
        !self.notes().is_empty()
    }

    /// Writes them. It may wait for the disk.
    pub(crate) fn write_notes(&self) {
        let Some(alarms) = &self.alarms else { return };
        let notes = std::mem::take(&mut *self.notes());
        for Note { action, actor, detail } in notes {
            let noted = alarms.alerts().note_order(action, &actor, &detail, clock::now());
            if let Err(error) = noted {
                tracing::error!(%error, action, detail, "an order could not be written into the audit");
            }
        }
    }

    fn notes(&self) -> MutexGuard<'_, VecDeque<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason of an order that the node never answered.
const NO_ANSWER: &str = "no-answer";

#[cfg(test)]
mod tests;
