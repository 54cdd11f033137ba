//! From readings to transitions.
//!
//! Two machines walk along event time. `base` has taken every entry that nothing can come before
//! any more; what it says is final. `tip` has taken all entries; what it raises is said at once.
//! A late reading is put in its place and `tip` walks again from `base`; where that moves the
//! start of an episode that was announced, the episode is renamed, so that in the end every order
//! of arrival has told the same story. A level is lowered only by `base`.

use alloc::vec::Vec;
use core::mem;

use tram_wire::{ChannelName, EpisodeId, Flag, UnixMicros};

use crate::{
    Claim, Forecast, MAX_HELD_READINGS, Observation, Rule, Selector, State, Statistic, Transition,
    TransitionKind, episode_id,
    machine::{Change, Evidence, Machine},
    plan::{Plan, micros},
    silence_id,
    state::{Announced, Entry, Placed, Worse},
};

/// A processing clock set back by less than this is waited for.
const CLOCK_TOLERANCE_US: i64 = 10_000_000;

/// An episode as the entries known now tell it.
struct Episode {
    start: i64,
    /// The highest level that is not yet finally lowered.
    level: u8,
    evidence: Evidence,
    end: Option<i64>,
}

impl Rule {
    /// Takes one reading. `now` is the time of processing; it only keeps a reading from the
    /// future from making others late, and decides whether a silence is over.
    ///
    /// A reading of another station, channel or quantity is not looked at.
    pub fn observe(
        &self,
        state: &mut State,
        observation: &Observation,
        now: UnixMicros,
    ) -> Vec<Transition> {
        let mut out = Vec::new();
        let Observation { station, channel, quantity, time, value, quality } = *observation;
        if self.place(&station) != state.station
            || !self.applies_to_station(&station)
            || !self.wants(&channel, quantity)
        {
            return out;
        }
        self.renew(state, &mut out);
        self.follow_clock(state, now, &mut out);
        let value = value.filter(|_| quality.usable());
        if let Some(value) = value {
            self.hear(state, channel, value, time.0.min(now.0), now, &mut out);
        }
        let suspect = value.is_some() && quality.flag == Flag::Suspect;
        for index in self.tracks(&station, &channel, Some(quantity)) {
            let entry = Entry { at: time.0, channel: index, value, suspect, claim: None };
            self.take(state, entry, now, &mut out);
        }
        out
    }

    /// Takes the word of a node that its own rule raised a level; see [`Claim`]. A claim for
    /// another channel or for a level the rule does not have is not looked at.
    pub fn adopt(&self, state: &mut State, claim: &Claim, now: UnixMicros) -> Vec<Transition> {
        let mut out = Vec::new();
        let station = state.station;
        let Some(index) = self.tracks(&station, &claim.channel, None).next() else { return out };
        if self.level(claim.level).is_none() || !self.applies_to_station(&state.station) {
            return out;
        }
        self.renew(state, &mut out);
        self.follow_clock(state, now, &mut out);
        let entry = Entry {
            at: claim.at.0,
            channel: index,
            value: None,
            suspect: false,
            claim: Some((claim.level, claim.value)),
        };
        self.take(state, entry, now, &mut out);
        out
    }

    /// Looks at the time alone, about once a second. It can only find a silence: time never
    /// raises or lowers a level.
    pub fn tick(&self, state: &mut State, now: UnixMicros) -> Vec<Transition> {
        let mut out = Vec::new();
        self.renew(state, &mut out);
        self.follow_clock(state, now, &mut out);
        let Some(limit) = self.no_data_s.map(micros) else { return out };
        let hearing = &mut state.hearing;
        if hearing.silent.is_some() {
            return out;
        }
        let since = match hearing.heard {
            Some(heard) => heard,
            None => *hearing.waiting_since.get_or_insert(now.0),
        };
        if now.0.saturating_sub(since) > limit {
            let at = since.saturating_add(limit);
            hearing.silent = Some(at);
            out.push(self.about_silence(state, TransitionKind::NoData, at, at));
        }
        out
    }

    /// When what a track of the statistic `inverse-velocity` watches may fail; the soonest of its
    /// channels. `None` while nothing accelerates, and for every other statistic.
    #[must_use]
    pub fn forecast(&self, state: &State) -> Option<Forecast> {
        if self.statistic != Statistic::InverseVelocity {
            return None;
        }
        let plan = Plan::new(self);
        let tracks = (0..plan.layout.len()).filter_map(|track| {
            let (part, memory) = (plan.part(track)?, state.tip.memory(track)?);
            let motion = memory.motion(&part.window, memory.last()?, true);
            motion.forecast(part.window.constants.fit)
        });
        tracks.min_by_key(|forecast| forecast.earliest)
    }

    /// A changed rule starts anew; what the old version announced is taken back.
    fn renew(&self, state: &mut State, out: &mut Vec<Transition>) {
        if state.version == self.version {
            return;
        }
        let known = state.version != 0;
        out.extend(self.end(state));
        state.announced.clear();
        state.hearing.silent = None;
        if known {
            *state = State { hearing: mem::take(&mut state.hearing), ..State::new(state.station) };
        }
        state.version = self.version;
    }

    /// Takes a state over from another version of the rule, without waiting for a reading: what the
    /// old version announced is withdrawn, and the new one begins anew.
    pub fn begin(&self, state: &mut State) -> Vec<Transition> {
        let mut out = Vec::new();
        self.renew(state, &mut out);
        out
    }

    /// What takes back everything that a state has announced and not closed, for a rule or a
    /// station that is no more.
    #[must_use]
    pub fn end(&self, state: &State) -> Vec<Transition> {
        let (version, station) = (state.version, &state.station);
        let warnings = state.announced.iter().map(|a| {
            let episode = episode_id(&self.id, version, station, UnixMicros(a.start));
            Transition { version, episode, ..self.withdrawn(state, a.start) }
        });
        let silence = state.hearing.silent.map(|at| {
            let episode = silence_id(&self.id, version, station, UnixMicros(at));
            let t = self.about_silence(state, TransitionKind::Withdrawn, at, at);
            Transition { version, episode, ..t }
        });
        warnings.chain(silence).collect()
    }

    /// A clock that ran ahead and was set right would make every reading to come too late, for
    /// years perhaps. What has been said by then is final, what holds still holds, and the times
    /// begin anew.
    fn follow_clock(&self, state: &mut State, now: UnixMicros, out: &mut Vec<Transition>) {
        let hearing = &mut state.hearing;
        hearing.heard = hearing.heard.map(|t| t.min(now.0));
        hearing.waiting_since = hearing.waiting_since.map(|t| t.min(now.0));
        if state.settled_to.saturating_sub(now.0) <= CLOCK_TOLERANCE_US {
            return;
        }
        self.settle(state, &Plan::new(self), i64::MAX, out);
        state.start_times_anew();
    }

    fn hear(
        &self,
        state: &mut State,
        channel: ChannelName,
        value: i64,
        at: i64,
        now: UnixMicros,
        out: &mut Vec<Transition>,
    ) {
        let hearing = &mut state.hearing;
        if hearing.heard.is_none_or(|heard| at >= heard) {
            hearing.heard = Some(at);
            hearing.channel = Some(channel);
            hearing.value = value;
        }
        let heard = hearing.heard.unwrap_or(at);
        let fresh = self.no_data_s.is_none_or(|s| now.0.saturating_sub(heard) <= micros(s));
        if fresh && let Some(since) = hearing.silent.take() {
            out.push(self.about_silence(state, TransitionKind::DataBack, since, heard));
        }
    }

    fn take(&self, state: &mut State, entry: Entry, now: UnixMicros, out: &mut Vec<Transition>) {
        let plan = Plan::new(self);
        let part = plan.part(usize::from(entry.channel));
        let window = part.map(|part| part.window);
        let worse = Worse {
            absolute: window.is_some_and(|w| w.absolute),
            below: window.is_some_and(|w| w.below && !w.statistic.stepped()),
        };
        let changed = match state.place(entry, worse) {
            Placed::TooLate | Placed::Known => return,
            Placed::Last => state.tip.step(&plan, &state.entries).is_some(),
            Placed::Between => true,
        };
        if changed {
            self.tell(state, &plan, out);
        }
        let horizon = state.newest.min(now.0).saturating_sub(plan.late);
        self.settle(state, &plan, horizon, out);
        if state.entries.len() > MAX_HELD_READINGS {
            if state.settled == 0 {
                let room = MAX_HELD_READINGS / 8;
                let to = state.entries.get(room).map_or(i64::MIN, |e| e.at.saturating_add(1));
                self.settle(state, &plan, to, out);
            }
            state.make_room();
        }
    }

    /// Makes everything before `horizon` final.
    fn settle(&self, state: &mut State, plan: &Plan, horizon: i64, out: &mut Vec<Transition>) {
        if horizon <= state.settled_to {
            return;
        }
        state.settled_to = horizon;
        let mut lowered = false;
        while state.entries.get(state.settled).is_some_and(|e| e.at < horizon) {
            state.settled += 1;
            let known = state.entries.get(..state.settled).unwrap_or_default();
            match state.base.step(plan, known) {
                Some(Change::Cleared { start, evidence }) => {
                    state.announced.retain(|a| a.start != start);
                    out.push(self.about(state, TransitionKind::Cleared, start, 0, evidence));
                }
                Some(Change::Lowered) => lowered = true,
                Some(Change::Raised(_)) | None => {}
            }
        }
        if lowered {
            self.tell(state, plan, out);
        }
        state.forget(horizon.saturating_sub(plan.reach()));
    }

    /// Walks `tip` from `base` again and says what differs from what has been announced.
    fn tell(&self, state: &mut State, plan: &Plan, out: &mut Vec<Transition>) {
        let (tip, episodes) = walk(state, plan);
        state.tip = tip;
        let mut before = mem::take(&mut state.announced);
        for e in &episodes {
            // The own name counts even when the clock was set back behind the start.
            let inside = |a: &Announced| {
                a.start == e.start || a.start > e.start && e.end.is_none_or(|end| a.start < end)
            };
            let members: Vec<Announced> = before.iter().copied().filter(|a| inside(a)).collect();
            before.retain(|a| !inside(a));
            self.tell_one(state, e, &members, out);
            state.announced.push(Announced { start: e.start, level: e.level });
        }
        for a in before {
            out.push(self.withdrawn(state, a.start));
        }
    }

    fn tell_one(
        &self,
        state: &State,
        e: &Episode,
        members: &[Announced],
        out: &mut Vec<Transition>,
    ) {
        let raised = self.about(state, TransitionKind::Raised, e.start, e.level, e.evidence);
        let others = members.iter().filter(|a| a.start != e.start);
        let renamed = others.clone().count() > 0;
        out.extend(
            others.map(|a| Transition { replaces: Some(self.name(state, a.start)), ..raised }),
        );
        let own = members.iter().find(|a| a.start == e.start).map(|a| a.level);
        match own {
            Some(told) if told > e.level => {
                out.push(Transition { kind: TransitionKind::Lowered, ..raised });
            }
            Some(told) if told == e.level => {}
            _ if renamed => {}
            _ => out.push(raised),
        }
    }

    fn name(&self, state: &State, start: i64) -> EpisodeId {
        episode_id(&self.id, self.version, &state.station, UnixMicros(start))
    }

    fn about(
        &self,
        state: &State,
        kind: TransitionKind,
        start: i64,
        level: u8,
        evidence: Evidence,
    ) -> Transition {
        Transition {
            rule: self.id,
            version: self.version,
            station: state.station,
            channel: self.channel(state, Some(evidence.channel)),
            episode: self.name(state, start),
            replaces: None,
            kind,
            level,
            at: UnixMicros(evidence.at),
            value: evidence.value,
        }
    }

    fn withdrawn(&self, state: &State, start: i64) -> Transition {
        let evidence = Evidence { at: start, channel: 0, value: state.hearing.value };
        let t = self.about(state, TransitionKind::Withdrawn, start, 0, evidence);
        Transition { channel: self.channel(state, None), ..t }
    }

    fn about_silence(
        &self,
        state: &State,
        kind: TransitionKind,
        since: i64,
        at: i64,
    ) -> Transition {
        Transition {
            rule: self.id,
            version: self.version,
            station: state.station,
            channel: self.channel(state, None),
            episode: silence_id(&self.id, self.version, &state.station, UnixMicros(since)),
            replaces: None,
            kind,
            level: state.level(),
            at: UnixMicros(at),
            value: state.hearing.value,
        }
    }

    /// The channel at `index`, else the one heard last, else the first the rule names.
    fn channel(&self, state: &State, index: Option<u8>) -> ChannelName {
        let one = |s: &Selector<ChannelName>| match s {
            Selector::One(name) => Some(*name),
            Selector::All => None,
        };
        index
            .and_then(|i| self.channel_of(i))
            .or(state.hearing.channel)
            .or_else(|| self.channels.iter().find_map(one))
            .unwrap_or_else(|| ChannelName::new("station").expect("letters make a channel name"))
    }
}

/// The episodes that the entries not yet settled tell, and where that ends.
fn walk(state: &State, plan: &Plan) -> (Machine, Vec<Episode>) {
    let mut machine = state.base.clone();
    let mut episodes: Vec<Episode> = Vec::new();
    if let Some(open) = machine.episode {
        let (level, evidence) = (open.level, open.evidence);
        episodes.push(Episode { start: open.start, level, evidence, end: None });
    }
    for n in state.settled..state.entries.len() {
        let known = state.entries.get(..=n).unwrap_or_default();
        match machine.step(plan, known) {
            Some(Change::Raised(open)) => match episodes.last_mut() {
                Some(e) if e.end.is_none() && open.level > e.level => {
                    e.level = open.level;
                    e.evidence = open.evidence;
                }
                Some(e) if e.end.is_none() => {}
                _ => {
                    let (level, evidence) = (open.level, open.evidence);
                    episodes.push(Episode { start: open.start, level, evidence, end: None });
                }
            },
            Some(Change::Cleared { evidence, .. }) => {
                if let Some(e) = episodes.last_mut() {
                    e.end = Some(evidence.at);
                }
            }
            Some(Change::Lowered) | None => {}
        }
    }
    (machine, episodes)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod timelines;
