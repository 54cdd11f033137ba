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

use super::{
    centre::{Answer, Centre},
    siren::{self, Siren},
};
use crate::{
    clock::{Clock, instant},
    speech::Speech,
    technician::report::{Check, Outcome, Proof},
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
    /// What came of the siren's test, where there is one.
    pub(super) siren: Option<Check>,
    /// Somebody pressed Ctrl-C, or the station has ended.
    pub(super) interrupted: bool,
}

/// Watches until everything is proved or the time is over.
pub(super) struct Examiner {
    pub(super) witness: Arc<Witness>,
    pub(super) channels: Vec<Wanted>,
    pub(super) centre: Option<Centre>,
    pub(super) siren: Option<Siren>,
    pub(super) clock: Clock,
    pub(super) limit: Duration,
    pub(super) speech: Speech,
    /// The station has ended.
    pub(super) ended: Arc<AtomicBool>,
}

impl Examiner {
    /// Blocks until it is over, then lets the station stop.
    pub(super) fn examine(self) -> Findings {
        let siren = self.siren.as_ref().map(|s| s.test(&self.ended, &self.speech));
        let began = instant();
        let mut findings = Findings {
            verdicts: BTreeMap::new(),
            connection: Connection::None,
            centre: None,
            ahead_s: None,
            siren,
            interrupted: false,
        };
        loop {
            let ended = self.ended.load(Ordering::Relaxed);
            self.look(&mut findings);
            let seen = proved(&findings, self.centre.is_some()) == self.channels.len();
            let done = seen && self.siren_recorded(&findings);
            findings.interrupted = ended && !done;
            if done || ended || began.elapsed() >= self.limit {
                break;
            }
            self.witness.hurry();
            thread::sleep(ASK_EVERY);
        }
        findings.connection = self.witness.connected();
        if let Some(check) = findings.siren.as_mut().filter(|c| c.outcome == Outcome::Passed) {
            if self.witness.siren_recorded() {
                check.told = siren::recorded();
            } else {
                (check.outcome, check.told) = (Outcome::Failed, siren::unrecorded());
            }
        }
        self.witness.enough();
        findings
    }

    /// Whether nothing has to be waited for because of the siren.
    fn siren_recorded(&self, findings: &Findings) -> bool {
        let heard = findings.siren.as_ref().is_some_and(|c| c.outcome == Outcome::Passed);
        !heard || self.witness.siren_recorded()
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

#[cfg(test)]
mod tests {
    use tram_wire::{BatchId, NodeId, Point, Quality, Seq, SpoolId, Tests};

    use super::*;

    fn seen(micros: i64, value: Option<i64>, quality: Quality, acknowledged: bool) -> Seen {
        let node = NodeId::new("a-1").unwrap();
        let batch = BatchId { node, spool: SpoolId(1), seq: Seq(1) };
        Seen { point: Point { micros, value, quality }, batch, acknowledged }
    }

    fn answer(time: &str, value: &str) -> Answer {
        let row = format!(
            r#"[{{"channel":"l","quantity":"water_level","value":{value},"time":"{time}"}}]"#
        );
        Answer { rows: serde_json::from_str(&row).unwrap(), clock: None }
    }

    fn proof(seen: &[Seen], answer: Option<&Answer>) -> Proof {
        let name = ChannelName::new("l").unwrap();
        judge(Wanted { name, quantity: Quantity::WaterLevel }, seen, answer).proof
    }

    #[test]
    fn a_channel_is_proved_by_its_own_reading_and_by_no_other() {
        let at = 1_772_438_400_000_000;
        let good = |acknowledged| seen(at, Some(77_520), Quality::GOOD, acknowledged);
        assert_eq!(proof(&[], None), Proof::None);
        assert_eq!(proof(&[good(false)], None), Proof::None);
        assert_eq!(proof(&[good(true)], None), Proof::Acknowledged);
        let (now, then) = ("2026-03-02T08:00:00Z", "2026-03-02T07:59:00Z");
        assert_eq!(proof(&[good(false)], Some(&answer(now, "77.52"))), Proof::Store);
        // What the centre held before the station was started proves nothing.
        assert_eq!(proof(&[good(false)], Some(&answer(then, "77.52"))), Proof::None);
        assert_eq!(proof(&[good(true)], Some(&answer(now, "79.52"))), Proof::Acknowledged);
    }

    #[test]
    fn a_part_that_gives_nothing_proves_nothing() {
        let at = 1_772_438_400_000_000;
        let missing = seen(at, None, Quality::missing(Tests::SENSOR_ERROR), true);
        let answer = answer("2026-03-02T08:00:00Z", "null");
        assert_eq!(proof(&[missing], Some(&answer)), Proof::None);
    }
}
