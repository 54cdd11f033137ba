//! Follows every channel until it is proved, while the station runs.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tram_wire::{ChannelName, Quantity};

use super::centre::{Answer, Centre};
use crate::{
    clock::{Clock, instant},
    speech::Speech,
    technician::report::Proof,
    witness::{Connection, Seen, Witness},
};

/// How often the centre is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// A channel to be proved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) name: ChannelName,
    pub(super) quantity: Quantity,
}

/// What is known about one channel in the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub(super) proof: Proof,
    /// The reading that proves it, or the newest.
    pub(super) seen: Option<Seen>,
}

/// What came of it.
pub(super) struct Findings {
    pub(super) verdicts: BTreeMap<ChannelName, Verdict>,
    pub(super) connection: Connection,
    /// What the centre said last; why it said nothing.
    pub(super) centre: Option<Result<(), String>>,
    /// How far the station's clock is ahead of the centre's, in seconds.
    pub(super) ahead_s: Option<i64>,
    /// Somebody pressed Ctrl-C, or the station has ended.
    pub(super) interrupted: bool,
}

/// Watches until everything is proved or the time is over.
pub(super) struct Examiner {
    pub(super) witness: Arc<Witness>,
    pub(super) channels: Vec<Wanted>,
    pub(super) centre: Option<Centre>,
    pub(super) clock: Clock,
    pub(super) limit: Duration,
    pub(super) speech: Speech,
    /// The station has ended.
    pub(super) ended: Arc<AtomicBool>,
}

impl Examiner {
    /// Blocks until it is over, then lets the station stop.
    pub(super) fn examine(self) -> Findings {
        let began = instant();
        let mut findings = Findings {
            verdicts: BTreeMap::new(),
            connection: Connection::None,
            centre: None,
            ahead_s: None,
            interrupted: false,
        };
        loop {
            let ended = self.ended.load(Ordering::Relaxed);
            self.look(&mut findings);
            let missing = self.channels.len() - proved(&findings, self.centre.is_some());
            findings.interrupted = ended && missing > 0;
            if missing == 0 || ended || began.elapsed() >= self.limit {
                break;
            }
            self.witness.hurry();
            thread::sleep(ASK_EVERY);
        }
        findings.connection = self.witness.connected();
        self.witness.enough();
        findings
    }

    fn look(&self, findings: &mut Findings) {
        let answer = self.centre.as_ref().map(|c| c.latest().map_err(|e| format!("{e:#}")));
        let answer = match answer {
            Some(Ok(answer)) => {
                findings.centre = Some(Ok(()));
                let now = self.clock.now().unix.0.div_euclid(1_000_000);
                findings.ahead_s = answer.clock.map(|c| now - c.as_second());
                Some(answer)
            }
            Some(Err(why)) => {
                findings.centre = Some(Err(why));
                None
            }
            None => None,
        };
        for wanted in &self.channels {
            let verdict = judge(*wanted, &self.witness.seen(&wanted.name), answer.as_ref());
            let before = findings.verdicts.get(&wanted.name).map_or(Proof::None, |v| v.proof);
            if strength(verdict.proof) > strength(before) {
                self.tell(*wanted, verdict);
            } else if before != Proof::None {
                continue;
            }
            findings.verdicts.insert(wanted.name, verdict);
        }
    }

    fn tell(&self, wanted: Wanted, verdict: Verdict) {
        let value = verdict.seen.and_then(|s| s.point.value);
        let value =
            value.map(|v| crate::speech::figure::value(self.speech.language, v, wanted.quantity));
        let words = self.speech.of(verdict.proof.words());
        println!("  {}: {}, {words}", wanted.name, value.unwrap_or_default());
    }
}

fn strength(proof: Proof) -> u8 {
    match proof {
        Proof::None => 0,
        Proof::Acknowledged => 1,
        Proof::Store => 2,
    }
}

/// How many channels are proved as far as they can be.
fn proved(findings: &Findings, looked_up: bool) -> usize {
    let wanted = if looked_up { 2 } else { 1 };
    findings.verdicts.values().filter(|v| strength(v.proof) >= wanted).count()
}

/// A reading with a value that may be used; a part that gives nothing proves nothing.
fn counts(seen: &Seen) -> bool {
    seen.point.value.is_some() && seen.point.quality.usable()
}

fn judge(wanted: Wanted, seen: &[Seen], answer: Option<&Answer>) -> Verdict {
    let row = answer.and_then(|a| a.rows.iter().find(|r| r.channel == wanted.name.as_str()));
    let good = || seen.iter().rev().filter(|s| counts(s));
    let stored = row.and_then(|row| good().find(|s| row.is(wanted.quantity, &s.point)));
    if let Some(seen) = stored {
        return Verdict { proof: Proof::Store, seen: Some(*seen) };
    }
    if let Some(seen) = good().find(|s| s.acknowledged) {
        return Verdict { proof: Proof::Acknowledged, seen: Some(*seen) };
    }
    Verdict { proof: Proof::None, seen: seen.last().copied() }
}
