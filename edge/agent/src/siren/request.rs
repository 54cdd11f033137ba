//! What people want of the siren, on its way to the thread that has it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::{Deserialize, Serialize};
use tram_rules::Latched;
use tram_wire::{Act, Actor, Text, Verdict};

/// The most requests that wait; the next one is refused.
pub(crate) const MAX_WAITING_REQUESTS: usize = 16;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To know how it is.
    Report,
    /// To do something.
    Act(Act),
}

/// How the siren is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// `quiet`, `alarm` or `test`.
    pub(crate) tone: String,
    /// Whether there is one.
    pub(crate) fitted: bool,
    /// Whether its relay cannot be switched.
    pub(crate) relay_fails: bool,
    /// For how many seconds it is still silenced.
    pub(crate) silent_for_s: Option<u64>,
    /// The alarms that nobody has ended, and those reset whose danger goes on.
    pub(crate) latched: Vec<Latched>,
}

/// What was asked for, and whom to tell.
pub(crate) struct Request {
    pub(crate) wish: Wish,
    pub(crate) actor: Actor,
    pub(crate) by: Text<64>,
    /// Called once, on the thread that has the siren: it must not wait.
    pub(crate) reply: Box<dyn FnOnce(Verdict, Report) + Send>,
}

/// Where requests are handed in.
#[derive(Clone)]
pub(crate) struct Desk(SyncSender<Request>);

impl Desk {
    /// A desk, and the other side of it.
    pub(crate) fn new() -> (Self, Receiver<Request>) {
        let (sender, receiver) = sync_channel(MAX_WAITING_REQUESTS);
        (Self(sender), receiver)
    }

    /// Hands a request in; whether there was room.
    pub(crate) fn ask(&self, request: Request) -> bool {
        self.0.try_send(request).is_ok()
    }
}
