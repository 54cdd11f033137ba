//! The rules that run on the node, and the relay they drive. The network is not asked.

use tracing::{error, info};
use tram_rules::{Observation, Rule, State, Transition, TransitionKind};
use tram_wire::{NodeId, UnixMicros};

use crate::hal::Output;

/// A transition and whether the siren sounds after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision {
    pub(crate) transition: Transition,
    pub(crate) siren: bool,
}

/// Rules with their states, and the siren.
pub(crate) struct Watch {
    rules: Vec<(Rule, State)>,
    relay: Option<Output>,
    sounding: bool,
}

impl Watch {
    /// Takes up the states of an earlier run where there are any, and sounds the siren at once
    /// when one of them says so.
    pub(crate) fn new(
        node: NodeId,
        rules: Vec<Rule>,
        states: Vec<(String, State)>,
        relay: Option<Output>,
    ) -> Self {
        let mut states = states;
        let rules = rules.into_iter().map(|rule| {
            let at =
                states.iter().position(|(id, s)| id == rule.id.as_str() && *s.station() == node);
            let state = at.map_or_else(|| State::new(node), |i| states.swap_remove(i).1);
            (rule, state)
        });
        let mut watch = Self { rules: rules.collect(), relay, sounding: false };
        watch.drive();
        watch
    }

    /// The states, to be kept for the next run.
    pub(crate) fn states(&self) -> Vec<(&str, &State)> {
        self.rules.iter().map(|(rule, state)| (rule.id.as_str(), state)).collect()
    }

    /// Takes one reading.
    pub(crate) fn observe(&mut self, observation: &Observation, now: UnixMicros) -> Vec<Decision> {
        let mut all = Vec::new();
        for (rule, state) in &mut self.rules {
            if rule.applies(&observation.station, &observation.channel) {
                all.extend(rule.observe(state, observation, now));
            }
        }
        self.decide(all)
    }

    /// Looks at the time.
    pub(crate) fn tick(&mut self, now: UnixMicros) -> Vec<Decision> {
        let mut all = Vec::new();
        for (rule, state) in &mut self.rules {
            all.extend(rule.tick(state, now));
        }
        self.decide(all)
    }

    /// The siren first, words later.
    fn decide(&mut self, transitions: Vec<Transition>) -> Vec<Decision> {
        if transitions.is_empty() {
            return Vec::new();
        }
        self.drive();
        let siren = self.sounding;
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

    fn drive(&mut self) {
        let sound = self.rules.iter().any(|(rule, state)| rule.siren(state.level()));
        let Some(relay) = &mut self.relay else { return };
        let driven = if sound { relay.set_high() } else { relay.set_low() };
        match driven {
            Ok(()) => self.sounding = sound,
            Err(e) => error!("the siren cannot be switched: {e}"),
        }
    }
}
