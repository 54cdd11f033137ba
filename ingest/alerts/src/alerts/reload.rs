//! Other rules while the engine runs.

use std::mem;

use tram_rules::Rule;
use tram_wire::UnixMicros;

use super::{Alerts, Applied};
use crate::{AlertsError, MAX_RULES, evaluation::Evaluation, sweep};

impl Alerts {
    /// Goes on with other rules, from the next reading on. States of rules that evaluate as before
    /// stay as they are; a rule in a new version begins anew, and what the old version announced
    /// is withdrawn; so is what was announced by a rule, or for a station of a rule, that is no
    /// more. The rules come in whole or not at all.
    ///
    /// # Errors
    /// [`AlertsError::SameVersion`] when a rule evaluates differently under its old version,
    /// [`AlertsError::Limit`] when there are too many, and any other when the file cannot be
    /// written. The rules that were stay.
    pub fn reload(&mut self, rules: Vec<Rule>, now: UnixMicros) -> Result<Applied, AlertsError> {
        if rules.len() > MAX_RULES {
            return Err(AlertsError::Limit("more rules than the documented limit"));
        }
        let silent_change = |new: &&Rule| {
            let old = self.settings.rule(new.id.as_str());
            old.is_some_and(|old| old.version == new.version && !old.evaluates_as(new))
        };
        if let Some(rule) = rules.iter().find(silent_change) {
            return Err(AlertsError::SameVersion(rule.id.to_string()));
        }
        let before = mem::replace(&mut self.settings.rules, rules);
        let result = self.move_to(&before, now);
        if result.is_err() {
            self.settings.rules = before;
            self.evaluation = Evaluation::load(&self.connection, &self.settings, self.cursor)?;
        }
        result
    }

    fn move_to(&mut self, before: &[Rule], now: UnixMicros) -> Result<Applied, AlertsError> {
        let mut changes = Vec::new();
        self.evaluation.move_to(before, &self.settings, &mut changes);
        changes.extend(sweep::orphans(&self.connection, &self.settings, &[], now)?);
        let applied = self.commit(&changes, &[], true, now)?;
        self.evaluation.forget_gone(&self.connection)?;
        Ok(applied)
    }
}

#[cfg(test)]
mod tests {
    use tram_rules::TransitionKind;

    use crate::{
        AlarmState, AlertsError,
        fixture::{Centre, MINUTE, flood, shipped, told},
    };

    fn open(centre: &Centre) -> Vec<(String, u32, u8)> {
        let alarms = centre.alerts.alarms(centre.now).unwrap();
        let raised = alarms.iter().filter(|a| a.state == AlarmState::Raised);
        raised.map(|a| (a.rule.clone(), a.version, a.level)).collect()
    }

    #[test]
    fn an_unchanged_rule_goes_on_with_its_state() {
        let mut centre = Centre::new(vec![flood()]);
        centre.rise();
        assert_eq!(open(&centre), [("flood-lao-cai".to_owned(), 1, 2)]);
        let mut worded = flood();
        worded.texts.en.headline = "Water, {station}: {level}".to_owned();
        let applied =
            centre.alerts.reload(vec![worded, shipped("station-silent.toml")], centre.now).unwrap();
        assert_eq!(applied.changed, []);
        // Ten minutes below the clear value before and twenty after are half an hour.
        centre.fall();
        assert_eq!(open(&centre), []);
        let kinds: Vec<String> = centre.deliver().iter().map(told).collect();
        assert_eq!(kinds.last().map(String::as_str), Some("cleared 0"));
    }

    #[test]
    fn a_new_version_begins_anew_and_takes_back_what_the_old_one_said() {
        let mut centre = Centre::new(vec![flood()]);
        centre.rise();
        let mut higher = flood();
        higher.version = 2;
        higher.levels[0].raise = "81.00".parse().unwrap();
        let applied = centre.alerts.reload(vec![higher.clone()], centre.now).unwrap();
        assert_eq!(applied.changed.len(), 1);
        assert_eq!(open(&centre), []);
        centre.rules = vec![higher];
        centre.river(&[82_600]);
        assert_eq!(open(&centre), [("flood-lao-cai".to_owned(), 2, 2)]);
        // The same after a crash: the old state is not there any more.
        centre.crash();
        centre.catch_up();
        assert_eq!(open(&centre), [("flood-lao-cai".to_owned(), 2, 2)]);
    }

    #[test]
    fn a_rule_that_is_gone_leaves_nothing_behind() {
        let mut centre = Centre::new(vec![flood()]);
        centre.rise();
        centre.alerts.reload(Vec::new(), centre.now).unwrap();
        assert_eq!(open(&centre), []);
        let withdrawn = centre.deliver();
        let last = withdrawn.last().map(told).unwrap_or_default();
        assert_eq!(last, format!("{} 0", TransitionKind::Withdrawn.name()));
        // It comes back: the river is still high, and is said to be.
        centre.now = centre.now.plus(MINUTE);
        centre.alerts.reload(vec![flood()], centre.now).unwrap();
        centre.river(&[82_600]);
        assert_eq!(open(&centre), [("flood-lao-cai".to_owned(), 1, 2)]);
    }

    #[test]
    fn other_thresholds_under_the_same_version_are_refused_whole() {
        let mut centre = Centre::new(vec![flood()]);
        centre.rise();
        let mut sly = flood();
        sly.levels[1].raise = "82.10".parse().unwrap();
        let refused = centre.alerts.reload(vec![shipped("station-silent.toml"), sly], centre.now);
        assert!(matches!(refused, Err(AlertsError::SameVersion(rule)) if rule == "flood-lao-cai"));
        assert_eq!(open(&centre), [("flood-lao-cai".to_owned(), 1, 2)]);
        centre.fall();
        assert_eq!(open(&centre), []);
    }
}
