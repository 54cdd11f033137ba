//! The rules that run on the node, and the siren they sound. The network is not asked.
//!
//! What the relay does follows from [`Siren`] alone, and that from calls of rules and from what
//! people do; here is the pin, and what is told of it.

mod button;
mod opening;
mod relay;
mod request;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use tram_rules::{
    Latched, Observation, Phase, Rule, Siren, SirenRefusal, State, Tone, Transition,
    TransitionKind, rehearse,
};
use tram_wire::{
    Act, Actor, AlarmKind, ChannelName, NodeId, Text, UnixMicros, UptimeMicros, Verdict,
};

pub(crate) use button::Button;
pub(crate) use opening::open;
pub(crate) use relay::Relay;
pub(crate) use request::{Desk, MAX_WAITING_REQUESTS, Report, Request, Wish};

use crate::clock::Moment;

/// A transition and whether the siren sounds after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision {
    pub(crate) transition: Transition,
    pub(crate) siren: bool,
}

/// Something that was done with the siren, for the alarm record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) kind: AlarmKind,
    pub(crate) actor: Actor,
    /// The alarm it was done to; none for a test or a drill.
    pub(crate) alarm: Option<Latched>,
    /// The channel of its rule, where the station has it.
    pub(crate) channel: Option<ChannelName>,
    /// Whether an alarm sounds afterwards.
    pub(crate) siren: bool,
}

/// What survives a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    rules: Vec<(String, State)>,
    siren: Siren,
}

impl Kept {
    /// Reads what [`Watch::encoded`] wrote.
    pub(crate) fn decoded(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// What the watch is made of.
pub(crate) struct Parts {
    pub(crate) node: NodeId,
    pub(crate) rules: Vec<Rule>,
    pub(crate) channels: Vec<ChannelName>,
    pub(crate) kept: Kept,
    pub(crate) relay: Option<Relay>,
    pub(crate) button: Option<Button>,
    /// The longest an alarm sounds, in microseconds.
    pub(crate) limit_us: u64,
}

/// Rules with their states, and the siren.
pub(crate) struct Watch {
    node: NodeId,
    rules: Vec<(Rule, State)>,
    channels: Vec<ChannelName>,
    siren: Siren,
    relay: Option<Relay>,
    button: Option<Button>,
    limit_us: u64,
}

impl Watch {
    /// Takes up the states of an earlier run where there are any, and sounds the siren at once
    /// when it sounded then and nobody has reset it.
    pub(crate) fn new(parts: Parts, now: UptimeMicros) -> Self {
        let Parts { node, rules, channels, kept, relay, button, limit_us } = parts;
        let Kept { rules: mut states, siren } = kept;
        let rules = rules.into_iter().map(|rule| {
            let at =
                states.iter().position(|(id, s)| id == rule.id.as_str() && *s.station() == node);
            let state = at.map_or_else(|| State::new(node), |i| states.swap_remove(i).1);
            (rule, state)
        });
        let rules = rules.collect();
        let mut watch = Self { node, rules, channels, siren, relay, button, limit_us };
        watch.siren.tick(now, limit_us);
        watch.drive(now);
        if watch.sounds(now) {
            warn!("the siren sounds: it did when the program ended, and nobody has reset it");
        }
        watch
    }

    /// What survives a restart.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let states: Vec<(&str, &State)> =
            self.rules.iter().map(|(rule, state)| (rule.id.as_str(), state)).collect();
        let kept = serde_json::json!({ "rules": states, "siren": self.siren });
        // States are numbers and names, which JSON can always hold.
        serde_json::to_vec(&kept).unwrap_or_default()
    }

    /// Takes one reading.
    pub(crate) fn observe(&mut self, observation: &Observation, now: Moment) -> Vec<Decision> {
        let mut all = Vec::new();
        for (rule, state) in &mut self.rules {
            if rule.applies(&observation.station, &observation.channel) {
                all.extend(rule.observe(state, observation, now.unix));
            }
        }
        self.decide(all, now.uptime)
    }

    /// The system's clock was set by so many microseconds. What the rules remember moves along, so
    /// that nothing is too late, too old or too soon.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for (rule, state) in &mut self.rules {
            state.shift(rule, by);
        }
    }

    /// Looks at the time.
    pub(crate) fn tick(&mut self, unix: UnixMicros, now: UptimeMicros) -> Vec<Decision> {
        let mut all = Vec::new();
        for (rule, state) in &mut self.rules {
            all.extend(rule.tick(state, unix));
        }
        self.decide(all, now)
    }

    /// Looks at the button and at the siren's own time: as often as anything is looked at.
    pub(crate) fn look(&mut self, now: UptimeMicros) -> Vec<Done> {
        let mut done = Vec::new();
        if self.button.as_mut().is_some_and(|b| b.pressed(now)) {
            let by = Text::new("button").expect("it is short");
            let (_, more) = self.act(Act::Reset, Actor::Button, by, now);
            done.extend(more);
        }
        let exhausted = self.siren.tick(now, self.limit_us);
        self.drive(now);
        for alarm in exhausted {
            let minutes = self.limit_us / 60_000_000;
            warn!(
                rule = %alarm.rule,
                "the siren has sounded for {minutes} minutes and falls silent; nobody has reset it"
            );
            done.push(self.done(AlarmKind::Exhausted, Actor::Node, Some(alarm), now));
        }
        done
    }

    /// How long nothing changes by itself, in microseconds.
    pub(crate) fn rest_us(&self, now: UptimeMicros) -> Option<u64> {
        self.siren.rest_us(now, self.limit_us)
    }

    /// Whether somebody may press a button at any moment.
    pub(crate) fn listens(&self) -> bool {
        self.button.is_some()
    }

    /// Does what somebody wants of the siren.
    pub(crate) fn act(
        &mut self,
        act: Act,
        actor: Actor,
        by: Text<64>,
        now: UptimeMicros,
    ) -> (Verdict, Vec<Done>) {
        if self.relay.is_none() {
            return (Verdict::NoSiren, Vec::new());
        }
        let result = match act {
            Act::Test => self.test(actor, now),
            Act::Reset => {
                let done = self.siren.reset();
                done.map(|all| self.all_done(AlarmKind::Reset, actor, &all, now))
            }
            Act::Silence(seconds) => {
                let done = self.siren.silence(now, u64::from(seconds) * 1_000_000);
                done.map(|all| self.all_done(AlarmKind::Silenced, actor, &all, now))
            }
            Act::Drill => self.drill(actor, now),
        };
        let (act, actor) = (act.name(), actor.name());
        match result {
            Ok(done) if self.relay.as_ref().is_some_and(Relay::broken) => {
                warn!(act, actor, %by, "the siren's relay cannot be switched");
                (Verdict::Failed, done)
            }
            Ok(done) => {
                info!(act, actor, %by, "siren");
                (Verdict::Done, done)
            }
            Err(refusal) => {
                let verdict = match refusal {
                    SirenRefusal::NothingSounds => Verdict::NothingSounds,
                    SirenRefusal::Occupied => Verdict::Occupied,
                };
                info!(act, actor, %by, "refused to the siren: {}", verdict.name());
                (verdict, Vec::new())
            }
        }
    }

    fn test(&mut self, actor: Actor, now: UptimeMicros) -> Result<Vec<Done>, SirenRefusal> {
        self.siren.test(now)?;
        self.drive(now);
        info!("TEST of the siren, no alarm: three short pulses");
        Ok(vec![self.done(AlarmKind::Tested, actor, None, now)])
    }

    /// A drill has no way to the relay: what it goes through ends in words.
    fn drill(&mut self, actor: Actor, now: UptimeMicros) -> Result<Vec<Done>, SirenRefusal> {
        self.siren.free(now)?;
        let rules = self.rules.iter().map(|(rule, _)| rule);
        for rehearsal in rehearse(rules, self.node, &self.channels) {
            let (rule, level, siren) = (rehearsal.rule, rehearsal.level, rehearsal.siren);
            info!(%rule, level, siren, "DRILL, no alarm: what would have sounded the siren");
        }
        Ok(vec![self.done(AlarmKind::Drilled, actor, None, now)])
    }

    fn all_done(
        &mut self,
        kind: AlarmKind,
        actor: Actor,
        alarms: &[Latched],
        now: UptimeMicros,
    ) -> Vec<Done> {
        self.drive(now);
        alarms.iter().map(|alarm| self.done(kind, actor, Some(*alarm), now)).collect()
    }

    fn done(
        &self,
        kind: AlarmKind,
        actor: Actor,
        alarm: Option<Latched>,
        now: UptimeMicros,
    ) -> Done {
        let rule = alarm.and_then(|a| self.rules.iter().find(|(rule, _)| rule.id == a.rule));
        let channel = rule.and_then(|(rule, _)| {
            self.channels.iter().find(|c| rule.applies(&self.node, c)).copied()
        });
        Done { kind, actor, alarm, channel, siren: self.sounds(now) }
    }

    /// How the siren is.
    pub(crate) fn report(&self, now: UptimeMicros) -> Report {
        let tone = match self.siren.tone(now) {
            Tone::Quiet => "quiet",
            Tone::Alarm => "alarm",
            Tone::Test(_) => "test",
        };
        Report {
            tone: tone.to_owned(),
            fitted: self.relay.is_some(),
            relay_fails: self.relay.as_ref().is_some_and(Relay::broken),
            silent_for_s: self.siren.silent_until().map(|t| t.since(now).div_ceil(1_000_000)),
            latched: self.siren.latched().to_vec(),
        }
    }

    /// Releases the relay at an orderly stop: a program that is not there could neither end the
    /// alarm nor hear a button. What is latched sounds again at the next start.
    pub(crate) fn stop(&mut self, now: UptimeMicros) {
        if self.sounds(now) {
            warn!(
                "the siren sounds and is silenced by this stop; it sounds again at the next start, \
                 unless somebody resets it"
            );
        }
        if let Some(relay) = &mut self.relay {
            relay.switch(false);
        }
    }

    /// The siren first, words later.
    fn decide(&mut self, transitions: Vec<Transition>, now: UptimeMicros) -> Vec<Decision> {
        if transitions.is_empty() {
            return Vec::new();
        }
        self.drive(now);
        let siren = self.sounds(now);
        transitions
            .into_iter()
            .map(|transition| {
                let Transition { rule, kind, level, channel, .. } = &transition;
                let what = kind.name();
                if matches!(kind, TransitionKind::NoData | TransitionKind::DataBack) {
                    info!(%rule, %channel, "{what}");
                } else {
                    info!(%rule, %channel, level, siren, "{what}");
                }
                Decision { transition, siren }
            })
            .collect()
    }

    /// Lets the relay follow.
    fn drive(&mut self, now: UptimeMicros) {
        let Some(relay) = &mut self.relay else { return };
        self.siren.take(self.rules.iter().filter_map(|(rule, state)| rule.call(state)));
        relay.switch(self.siren.tone(now).on());
    }

    /// Whether an alarm is to be heard.
    fn sounds(&self, now: UptimeMicros) -> bool {
        let switched = self.relay.as_ref().is_some_and(|r| !r.broken());
        switched && self.siren.tone(now) == Tone::Alarm
    }
}

/// Whether somebody has to come and reset it.
pub(crate) fn waits(latched: &Latched) -> bool {
    latched.phase != Phase::Reset
}

#[cfg(test)]
mod tests;
