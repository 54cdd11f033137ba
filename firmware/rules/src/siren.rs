//! From the levels of rules to the relay of a siren: a latch with a longest time, a reset, and a
//! test that cannot be taken for an alarm.
//!
//! Time is the node's uptime, an argument. What sounds is decided from [`Call`]s alone, and only
//! [`Rule::call`] makes those.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use tram_wire::{EpisodeId, RuleId, UptimeMicros};

use crate::{Rule, State, as_text};

/// The most alarms that are latched at once, one for each rule; beyond it the oldest that no rule
/// calls for any more is let go.
pub const MAX_LATCHED: usize = 64;
/// How many pulses a test has. An alarm sounds without a pause, so nobody who hears one can take it
/// for the other.
pub const TEST_PULSES: u64 = 3;
/// How long a pulse of a test sounds, in microseconds.
pub const TEST_ON_US: u64 = 300_000;
/// How long it is quiet after each, in microseconds.
pub const TEST_OFF_US: u64 = 700_000;
const TEST_US: u64 = TEST_PULSES * (TEST_ON_US + TEST_OFF_US);

/// The word of a rule that the siren has to sound. Only [`Rule::call`] makes one, from the state
/// that the node's own readings have led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    rule: RuleId,
    version: u32,
    episode: EpisodeId,
    level: u8,
}

impl Rule {
    /// The call for the siren, while a level holds from which on it sounds.
    #[must_use]
    pub fn call(&self, state: &State) -> Option<Call> {
        let (episode, level) = state.open(self).max_by_key(|(_, level)| *level)?;
        self.siren(level).then_some(Call { rule: self.id, version: self.version, episode, level })
    }
}

/// How far an alarm of the siren has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It sounds, unless silenced for a while.
    Sounding,
    /// It has sounded for as long as it may.
    Exhausted,
    /// Somebody has reset it, and its rule still calls.
    Reset,
}

/// An alarm that the siren sounds or has sounded for. It stays until it is reset, also when its
/// rule calls no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latched {
    /// Which rule.
    #[serde(with = "as_text")]
    pub rule: RuleId,
    /// Which version of it.
    pub version: u32,
    /// Which episode.
    #[serde(with = "as_text")]
    pub episode: EpisodeId,
    /// The highest level that was called for.
    pub level: u8,
    /// How far it has come.
    pub phase: Phase,
    /// Whether the rule still calls.
    pub calling: bool,
    /// How long it has sounded, in microseconds.
    pub sounded_us: u64,
}

/// What is to be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    Quiet,
    /// An alarm: without a pause.
    Alarm,
    /// A test, and whether one of its pulses sounds now.
    Test(bool),
}

impl Tone {
    /// Whether the relay is pulled.
    #[must_use]
    pub fn on(self) -> bool {
        matches!(self, Self::Alarm | Self::Test(true))
    }
}

/// Why something is not done with the siren.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SirenRefusal {
    /// There is nothing to reset or to silence.
    NothingSounds,
    /// An alarm is latched or a test goes on: nothing may be mixed with it.
    Occupied,
}

/// The siren of a node. Serializable, so that a restart neither silences an alarm nor gives it its
/// time again; a silence and a test end with the run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Siren {
    latched: Vec<Latched>,
    #[serde(skip)]
    silent_until: Option<UptimeMicros>,
    #[serde(skip)]
    test: Option<UptimeMicros>,
    #[serde(skip)]
    looked: Option<UptimeMicros>,
}

impl Siren {
    /// Takes the calls of all rules as they are now. A new episode, or a higher level of one, sounds
    /// although the one before was reset, silenced or has sounded for its time.
    pub fn take(&mut self, calls: impl IntoIterator<Item = Call>) {
        self.latched.iter_mut().for_each(|l| l.calling = false);
        for call in calls {
            self.latch(call);
        }
        // What was reset and is over is done with.
        self.latched.retain(|l| l.calling || l.phase != Phase::Reset);
    }

    fn latch(&mut self, call: Call) {
        let Call { rule, version, episode, level } = call;
        let known = self.latched.iter_mut().find(|l| l.rule == rule);
        if let Some(known) = known {
            if known.episode == episode && level <= known.level {
                known.calling = true;
                return;
            }
        } else if self.latched.len() >= MAX_LATCHED {
            let gone = self.latched.iter().position(|l| !l.calling).unwrap_or(0);
            self.latched.remove(gone);
        }
        self.latched.retain(|l| l.rule != rule);
        let phase = Phase::Sounding;
        let latched =
            Latched { rule, version, episode, level, phase, calling: true, sounded_us: 0 };
        self.latched.push(latched);
        self.silent_until = None;
        self.test = None;
    }

    /// Lets time pass. Returns the alarms that have now sounded for `limit_us`, and are quiet from
    /// now on.
    pub fn tick(&mut self, now: UptimeMicros, limit_us: u64) -> Vec<Latched> {
        self.count(now);
        if self.test.is_some_and(|began| now.since(began) >= TEST_US) {
            self.test = None;
        }
        let mut exhausted = Vec::new();
        for alarm in self.latched.iter_mut().filter(|l| l.phase == Phase::Sounding) {
            if alarm.sounded_us >= limit_us {
                alarm.phase = Phase::Exhausted;
                exhausted.push(*alarm);
            }
        }
        exhausted
    }

    /// Adds what has sounded since it was last counted: of the time in which a silence ended, only
    /// what came after it.
    fn count(&mut self, now: UptimeMicros) {
        let looked = self.looked.replace(now).unwrap_or(now);
        let heard_from = self.silent_until.map_or(looked, |until| until.max(looked));
        self.silent_until = self.silent_until.filter(|until| now < *until);
        let passed = now.since(heard_from);
        for alarm in self.latched.iter_mut().filter(|l| l.phase == Phase::Sounding) {
            alarm.sounded_us = alarm.sounded_us.saturating_add(passed);
        }
    }

    /// What is to be heard now.
    #[must_use]
    pub fn tone(&self, now: UptimeMicros) -> Tone {
        let sounding = self.latched.iter().any(|l| l.phase == Phase::Sounding);
        if sounding && self.silent_until.is_none_or(|until| now >= until) {
            return Tone::Alarm;
        }
        match self.test {
            Some(began) if now.since(began) < TEST_US => {
                Tone::Test(now.since(began) % (TEST_ON_US + TEST_OFF_US) < TEST_ON_US)
            }
            _ => Tone::Quiet,
        }
    }

    /// How long it can be left alone, in microseconds: until then [`tone`](Self::tone) and
    /// [`tick`](Self::tick) say nothing new.
    #[must_use]
    pub fn rest_us(&self, now: UptimeMicros, limit_us: u64) -> Option<u64> {
        let pulse = self.test.map(|began| {
            let at = now.since(began) % (TEST_ON_US + TEST_OFF_US);
            if at < TEST_ON_US { TEST_ON_US - at } else { TEST_ON_US + TEST_OFF_US - at }
        });
        let silence = self.silent_until.map(|until| until.since(now));
        let sounding = self.latched.iter().filter(|l| l.phase == Phase::Sounding);
        let limit = sounding.map(|l| limit_us.saturating_sub(l.sounded_us)).min();
        [pulse, silence, limit].into_iter().flatten().min()
    }

    /// Ends every alarm, sounding or not. While its rule still calls, an alarm stays quiet until the
    /// level rises or another episode begins.
    ///
    /// # Errors
    /// [`SirenRefusal::NothingSounds`] when nothing is latched that was not reset before.
    pub fn reset(&mut self) -> Result<Vec<Latched>, SirenRefusal> {
        let mut done = Vec::new();
        for alarm in self.latched.iter_mut().filter(|l| l.phase != Phase::Reset) {
            alarm.phase = Phase::Reset;
            done.push(*alarm);
        }
        if done.is_empty() {
            return Err(SirenRefusal::NothingSounds);
        }
        self.latched.retain(|l| l.calling);
        self.silent_until = None;
        Ok(done)
    }

    /// Keeps quiet for a while. What sounds now sounds again then, unless somebody resets it.
    ///
    /// # Errors
    /// [`SirenRefusal::NothingSounds`].
    pub fn silence(
        &mut self,
        now: UptimeMicros,
        span_us: u64,
    ) -> Result<Vec<Latched>, SirenRefusal> {
        let sounding = self.latched.iter().filter(|l| l.phase == Phase::Sounding);
        let sounding: Vec<Latched> = sounding.copied().collect();
        if sounding.is_empty() {
            return Err(SirenRefusal::NothingSounds);
        }
        self.count(now);
        self.silent_until = Some(now.plus(span_us));
        Ok(sounding)
    }

    /// Begins a test.
    ///
    /// # Errors
    /// [`SirenRefusal::Occupied`] while anything is latched or a test goes on.
    pub fn test(&mut self, now: UptimeMicros) -> Result<(), SirenRefusal> {
        self.free(now)?;
        self.test = Some(now);
        Ok(())
    }

    /// Whether a test or a drill may be made.
    ///
    /// # Errors
    /// [`SirenRefusal::Occupied`] while anything is latched or a test goes on.
    pub fn free(&self, now: UptimeMicros) -> Result<(), SirenRefusal> {
        let testing = self.test.is_some_and(|began| now.since(began) < TEST_US);
        if testing || !self.latched.is_empty() {
            return Err(SirenRefusal::Occupied);
        }
        Ok(())
    }

    /// Until when it has been silenced.
    #[must_use]
    pub fn silent_until(&self) -> Option<UptimeMicros> {
        self.silent_until
    }

    /// What is latched, the oldest first.
    #[must_use]
    pub fn latched(&self) -> &[Latched] {
        &self.latched
    }
}

#[cfg(test)]
mod tests;
