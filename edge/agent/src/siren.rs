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
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let states: Vec<(&str, &State)> =
            self.rules.iter().map(|(rule, state)| (rule.id.as_str(), state)).collect();
        // States are numbers and names, which JSON can always hold.
        serde_json::to_vec(&states).unwrap_or_default()
    }

    /// Reads what [`encoded`](Self::encoded) wrote.
    pub(crate) fn decoded(bytes: &[u8]) -> Option<Vec<(String, State)>> {
        serde_json::from_slice(bytes).ok()
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

    /// The system's clock was set by so many microseconds. What the rules remember moves along, so
    /// that nothing is too late, too old or too soon.
    pub(crate) fn clock_set(&mut self, by: i64) {
        for (_, state) in &mut self.rules {
            state.shift(by);
        }
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use embedded_hal::digital::{ErrorType, OutputPin};
    use tram_wire::{ChannelName, Quality, Quantity};

    use super::*;
    use crate::hal::HalError;

    struct Lamp(Arc<AtomicBool>);

    impl ErrorType for Lamp {
        type Error = HalError;
    }

    impl OutputPin for Lamp {
        fn set_low(&mut self) -> Result<(), HalError> {
            self.0.store(false, Ordering::Relaxed);
            Ok(())
        }
        fn set_high(&mut self) -> Result<(), HalError> {
            self.0.store(true, Ordering::Relaxed);
            Ok(())
        }
    }

    fn rule() -> Rule {
        let words = |w: &str| serde_json::json!({ "vi": w, "en": w, "zh": w });
        let text = serde_json::json!({
            "event": "e", "headline": "h", "description": "d", "instruction": "i", "cleared": "c",
        });
        let rule = serde_json::json!({
            "id": "flood", "version": 1, "hazard": "flood", "legal": "none",
            "stations": ["a-1"], "channels": ["water_level"], "quantity": "water_level",
            "hold_s": 60, "siren_from": 2,
            "level": [
                { "level": 1, "name": words("I"), "raise": 80.0, "clear": 79.0 },
                { "level": 2, "name": words("II"), "raise": 82.0, "clear": 81.0 },
            ],
            "text": { "vi": text, "en": text, "zh": text },
        });
        serde_json::from_value::<Rule>(rule).unwrap().in_order()
    }

    fn watch(states: &[u8], lamp: &Arc<AtomicBool>) -> Watch {
        let states = Watch::decoded(states).unwrap_or_default();
        let relay: Output = Box::new(Lamp(Arc::clone(lamp)));
        Watch::new(NodeId::new("a-1").unwrap(), vec![rule()], states, Some(relay))
    }

    fn level(watch: &mut Watch, second: i64, millimetres: i64) -> Vec<(u8, bool)> {
        let time = UnixMicros(second * 1_000_000);
        let observation = Observation {
            station: NodeId::new("a-1").unwrap(),
            channel: ChannelName::new("water_level").unwrap(),
            quantity: Quantity::WaterLevel,
            time,
            value: Some(millimetres),
            quality: Quality::GOOD,
        };
        let decisions = watch.observe(&observation, time);
        decisions.iter().map(|d| (d.transition.level, d.siren)).collect()
    }

    #[test]
    fn the_siren_sounds_from_its_level_on_through_a_restart_until_the_water_has_stayed_low() {
        let lamp = Arc::new(AtomicBool::new(false));
        let on = || lamp.load(Ordering::Relaxed);
        let mut w = watch(b"", &lamp);
        assert_eq!(level(&mut w, 0, 79_000), []);
        assert_eq!(level(&mut w, 10, 80_500), [(1, false)]);
        assert!(!on());
        assert_eq!(level(&mut w, 20, 82_100), [(2, true)]);
        assert!(on());
        let kept = w.encoded();
        lamp.store(false, Ordering::Relaxed);
        let mut w = watch(&kept, &lamp);
        assert!(on(), "a restart in the middle of a flood does not silence it");
        assert_eq!(level(&mut w, 30, 82_200), [], "and tells nothing twice");
        assert_eq!(level(&mut w, 40, 80_900), []);
        assert!(on(), "below, but not for long enough");
        // The end of the hold is final once a later reading is there.
        let lowered: Vec<_> =
            [70, 101, 102].into_iter().flat_map(|s| level(&mut w, s, 80_800)).collect();
        assert_eq!(lowered, [(1, false)]);
        assert!(!on());
    }
}
