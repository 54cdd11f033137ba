//! Orders of the centre: who may have the siren tested, reset and silenced from afar: the centre, by its signature over a
//! challenge that this node has made up a moment ago. No clock is asked, and nothing has to be
//! remembered over a restart: the next run makes up challenges of its own.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
};

use ring::signature::{ED25519, UnparsedPublicKey};
use tokio::sync::mpsc;
use tracing::{info, warn};
use tram_wire::{
    Actor, Answer, CHALLENGE_LIVES_S, Challenge, NodeId, Order, Signed, UptimeMicros, Verdict,
};

use crate::siren::{Desk, Request, Wish};

/// The most keys that are trusted.
pub(crate) const MAX_COMMAND_KEYS: usize = 8;
/// The largest file of keys that is read.
const MAX_KEY_FILE_BYTES: u64 = 4096;
/// A challenge is given out again for this long, then a fresh one: so whoever asks has half its life
/// left at least, and whoever asks all the time cannot keep others from using theirs.
const FRESH_US: u64 = LIVES_US / 2;
const LIVES_US: u64 = CHALLENGE_LIVES_S as u64 * 1_000_000;
/// The most outcomes that are remembered, for a centre that has missed the answer.
const MAX_REMEMBERED: usize = 32;

/// The most outcomes that wait to be answered, twice as many as orders can be under way. One that
/// found no room would go unanswered, which the centre tells as no answer.
const MAX_OUTCOMES: usize = 32;

/// An Ed25519 public key (RFC 8032).
pub(crate) type PublicKey = [u8; 32];

/// What is to be done about a signed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// Do it, and tell [`Doorkeeper::settled`].
    Do(Order),
    /// Answer this.
    Answer(u64, Verdict),
    /// It is being done; the answer comes.
    UnderWay,
}

/// The way of an order: judged here, done by the thread that has the siren, answered.
pub(crate) struct Orders {
    doorkeeper: Doorkeeper,
    desk: Desk,
    outcomes: mpsc::Receiver<(u64, Verdict)>,
    tell: mpsc::Sender<(u64, Verdict)>,
}

impl Orders {
    pub(crate) fn new(doorkeeper: Doorkeeper, desk: Desk) -> Self {
        let (tell, outcomes) = mpsc::channel(MAX_OUTCOMES);
        Self { doorkeeper, desk, outcomes, tell }
    }

    /// A challenge for whoever asks; none when the system has no random numbers.
    pub(crate) fn challenge(&mut self, now: UptimeMicros) -> Option<Answer> {
        match self.doorkeeper.challenge(now) {
            Ok(challenge) => Some(Answer::Challenge(challenge)),
            Err(e) => {
                warn!("the system gives no random numbers: {e}; no order can be taken");
                None
            }
        }
    }

    /// Has an order done if it is right. Returns the answer where it is known already.
    pub(crate) fn take(&mut self, signed: &Signed, now: UptimeMicros) -> Option<Answer> {
        let order = match self.doorkeeper.admit(signed, now) {
            Admitted::UnderWay => return None,
            Admitted::Answer(id, verdict) => {
                warn!(order = format!("{id:016x}"), "no order is done: {}", verdict.name());
                return Some(Answer::Outcome { id, verdict });
            }
            Admitted::Do(order) => order,
        };
        let (id, act, tell) = (order.id, order.act.name(), self.tell.clone());
        info!(order = format!("{id:016x}"), act, by = %order.by, "ordered by the centre");
        let reply = Box::new(move |verdict, _| {
            let _ = tell.try_send((id, verdict));
        });
        let (wish, actor) = (Wish::Act(order.act), Actor::Centre);
        if self.desk.ask(Request { wish, actor, by: order.by, reply }) {
            return None;
        }
        self.doorkeeper.settled(id, Verdict::Failed);
        Some(Answer::Outcome { id, verdict: Verdict::Failed })
    }

    /// Waits for what has become of an order. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Answer {
        match self.outcomes.recv().await {
            Some((id, verdict)) => {
                self.doorkeeper.settled(id, verdict);
                Answer::Outcome { id, verdict }
            }
            // The other end is held here, too.
            None => std::future::pending().await,
        }
    }
}

/// Judges orders.
pub(crate) struct Doorkeeper {
    node: NodeId,
    /// Those of the station file.
    keys: Vec<PublicKey>,
    /// Where enrolment writes those of the centre.
    file: PathBuf,
    /// The newest last.
    challenges: Vec<(Challenge, UptimeMicros)>,
    remembered: VecDeque<(u64, Option<Verdict>)>,
}

impl Doorkeeper {
    /// Trusts `keys`, and those in `file` when there is one.
    pub(crate) fn new(node: NodeId, keys: Vec<PublicKey>, file: PathBuf) -> Self {
        Self { node, keys, file, challenges: Vec::new(), remembered: VecDeque::new() }
    }

    /// A challenge for whoever asks.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn challenge(&mut self, now: UptimeMicros) -> Result<Challenge, getrandom::Error> {
        self.challenges.retain(|(_, made)| now.since(*made) < LIVES_US);
        match self.challenges.last() {
            Some((challenge, made)) if now.since(*made) < FRESH_US => Ok(*challenge),
            _ => {
                let mut bytes = [0; 16];
                getrandom::fill(&mut bytes)?;
                self.challenges.push((Challenge(bytes), now));
                Ok(Challenge(bytes))
            }
        }
    }

    /// Judges an order: its signature, then for whom and for which moment it is. A challenge is
    /// used up by the order that is admitted.
    pub(crate) fn admit(&mut self, signed: &Signed, now: UptimeMicros) -> Admitted {
        let read = Order::decode(&signed.order);
        let id = read.as_ref().map_or(0, |order| order.id);
        let keys = self.trusted();
        if keys.is_empty() {
            return Admitted::Answer(id, Verdict::NoKey);
        }
        let message = Signed::signed_bytes(&signed.order);
        let verifies = |key: &PublicKey| {
            UnparsedPublicKey::new(&ED25519, key).verify(&message, &signed.signature).is_ok()
        };
        if !keys.iter().any(verifies) {
            return Admitted::Answer(id, Verdict::Untrusted);
        }
        let Ok(order) = read else { return Admitted::Answer(id, Verdict::Misdirected) };
        if order.node != self.node {
            return Admitted::Answer(id, Verdict::Misdirected);
        }
        if let Some((_, verdict)) = self.remembered.iter().find(|(known, _)| *known == id) {
            return verdict.map_or(Admitted::UnderWay, |v| Admitted::Answer(id, v));
        }
        self.challenges.retain(|(_, made)| now.since(*made) < LIVES_US);
        let known = self.challenges.iter().position(|(c, _)| *c == order.challenge);
        let Some(known) = known else { return Admitted::Answer(id, Verdict::Expired) };
        self.challenges.remove(known);
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back((id, None));
        Admitted::Do(order)
    }

    /// Remembers what became of an order.
    pub(crate) fn settled(&mut self, id: u64, verdict: Verdict) {
        if let Some((_, known)) = self.remembered.iter_mut().find(|(known, _)| *known == id) {
            *known = Some(verdict);
        }
    }

    /// The keys of the moment: enrolment may have written others.
    fn trusted(&self) -> Vec<PublicKey> {
        let mut keys = self.keys.clone();
        match read_keys(&self.file) {
            Ok(more) => keys.extend(more),
            Err(why) => warn!("{}: {why}", self.file.display()),
        }
        keys.truncate(MAX_COMMAND_KEYS);
        keys
    }
}

/// Reads a file of keys: a line each, 64 hexadecimal digits; `#` begins a remark. None when there
/// is no file.
fn read_keys(file: &Path) -> Result<Vec<PublicKey>, String> {
    match fs::metadata(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(format!("cannot be read: {e}")),
        Ok(about) if about.len() > MAX_KEY_FILE_BYTES => return Err("is too large".to_owned()),
        Ok(_) => {}
    }
    let text = fs::read_to_string(file).map_err(|e| format!("cannot be read: {e}"))?;
    let lines = text.lines().map(|l| l.split('#').next().unwrap_or_default().trim());
    lines.filter(|l| !l.is_empty()).map(public_key).collect()
}

/// Reads a key.
///
/// # Errors
/// A sentence that says what a key looks like.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, String> {
    let wrong = || "write the 64 hexadecimal digits that `tram-ingest node key` prints";
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong().to_owned());
    }
    let mut key = [0; 32];
    for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
        let digits = text.get(at..at + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
