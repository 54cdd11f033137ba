//! A clock that is set: what a state remembers by time is moved along.

use crate::{Rule, State, plan::Plan};

impl State {
    /// Moves everything that is remembered by time, as if the clock had been right from the
    /// beginning: for whoever evaluates rules on a clock that was just set by `micros` (negative is
    /// back). Windows stay whole, no reading to come is too late or has come after a silence.
    ///
    /// Episodes that have been announced keep their name and with it the start that they were
    /// announced with; so does a silence.
    pub fn shift(&mut self, rule: &Rule, micros: i64) {
        let plan = Plan::new(rule);
        let moved = |t: i64| if t == i64::MIN { t } else { t.saturating_add(micros) };
        self.entries.iter_mut().for_each(|entry| entry.at = moved(entry.at));
        self.settled_to = moved(self.settled_to);
        self.newest = moved(self.newest);
        self.hearing.heard = self.hearing.heard.map(moved);
        self.hearing.waiting_since = self.hearing.waiting_since.map(moved);
        self.base.shift(&plan, micros);
        self.tip.shift(&plan, micros);
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::{ChannelName, NodeId, Quality, Quantity, UnixMicros};

    use crate::{Observation, Rule, State, TransitionKind};

    const YEAR: i64 = 365 * 86_400;

    fn rule(more: &str) -> Rule {
        let words = r#"{ "vi": "w", "en": "w", "zh": "w" }"#;
        let text = r#"{ "event": "e", "headline": "h", "description": "d", "instruction": "i",
            "cleared": "c", "no_data": "n" }"#;
        let json = alloc::format!(
            r#"{{ "id": "flood", "version": 1, "hazard": "flood", "legal": "none",
            "stations": ["a-1"], "channels": ["water_level"], "quantity": "water_level",
            "hold_s": 60, {more}
            "level": [{{ "level": 1, "name": {words}, "raise": 80.0, "clear": 79.0 }}],
            "text": {{ "vi": {text}, "en": {text}, "zh": {text} }} }}"#
        );
        serde_json::from_str::<Rule>(&json).unwrap().in_order()
    }

    fn see(rule: &Rule, state: &mut State, second: i64, metres: i64) -> Vec<(TransitionKind, i64)> {
        let time = UnixMicros(second * 1_000_000);
        let observation = Observation {
            station: NodeId::new("a-1").unwrap(),
            channel: ChannelName::new("water_level").unwrap(),
            quantity: Quantity::WaterLevel,
            time,
            value: Some(metres * 1_000),
            quality: Quality::GOOD,
        };
        let told = rule.observe(state, &observation, time);
        told.iter().map(|t| (t.kind, t.at.0 / 1_000_000)).collect()
    }

    use alloc::vec::Vec;

    #[test]
    fn a_rule_is_not_deaf_after_the_clock_was_set_back_or_forward() {
        for by in [-YEAR, -7, 7, YEAR, 20 * YEAR] {
            let (rule, mut state) =
                (rule(r#""no_data_s": 300,"#), State::new(NodeId::new("a-1").unwrap()));
            let start = 30 * YEAR;
            for second in 0..10 {
                assert_eq!(see(&rule, &mut state, start + second, 78), []);
            }
            state.shift(&rule, by * 1_000_000);
            assert!(rule.tick(&mut state, UnixMicros((start + by + 10) * 1_000_000)).is_empty());
            let now = start + by + 10;
            assert_eq!(see(&rule, &mut state, now, 81), [(TransitionKind::Raised, now)], "{by}");
            assert_eq!(state.level(), 1);
        }
    }

    #[test]
    fn what_holds_goes_on_and_ends_after_its_hold() {
        for by in [-YEAR, YEAR] {
            let (rule, mut state) = (rule(""), State::new(NodeId::new("a-1").unwrap()));
            let start = 30 * YEAR;
            assert_eq!(see(&rule, &mut state, start, 81), [(TransitionKind::Raised, start)]);
            assert_eq!(see(&rule, &mut state, start + 30, 78), []);
            state.shift(&rule, by * 1_000_000);
            let name = state.open(&rule).map(|(id, _)| id).collect::<Vec<_>>();
            assert_eq!(name.len(), 1);
            let told: Vec<_> = (31..120)
                .flat_map(|second| see(&rule, &mut state, start + by + second, 78))
                .collect();
            assert_eq!(told, [(TransitionKind::Cleared, start + by + 90)], "{by}");
            assert_eq!(state.level(), 0);
        }
    }
}
