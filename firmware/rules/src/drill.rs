//! A drill: what would sound the siren, gone through without it.

use alloc::vec::Vec;

use tram_wire::{ChannelName, NodeId, Quality, RuleId, UnixMicros};

use crate::{Observation, Rule, Selector, State, Statistic};

/// The most invented readings of a rehearsal.
const MAX_STEPS: i64 = 2_000;
const SECOND_US: i64 = 1_000_000;
/// A metre of rain, above every curve.
const ABSURD_RAIN: i64 = 100_000;

/// What a rehearsal of a rule has come to. It is no [`Call`](crate::Call) and cannot be made one,
/// so nothing that comes of a drill can be given to a [`Siren`](crate::Siren):
///
/// ```compile_fail
/// fn sound(siren: &mut tram_rules::Siren, drilled: Vec<tram_rules::Rehearsal>) {
///     siren.take(drilled);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsal {
    /// Which rule.
    pub rule: RuleId,
    /// Which version of it.
    pub version: u32,
    /// The level that invented readings at its highest threshold have raised; 0 for none.
    pub level: u8,
    /// Whether the siren would have sounded.
    pub siren: bool,
}

/// Goes through rules with invented readings. States, latches and relays are not touched: there
/// are none here.
#[must_use]
pub fn rehearse<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    station: NodeId,
    channels: &[ChannelName],
) -> Vec<Rehearsal> {
    let one = |rule: &Rule| {
        let level = raised(rule, station, channels).unwrap_or(0);
        Rehearsal { rule: rule.id, version: rule.version, level, siren: rule.siren(level) }
    };
    rules.into_iter().map(one).collect()
}

fn raised(rule: &Rule, station: NodeId, channels: &[ChannelName]) -> Option<u8> {
    let channel = channels.iter().find(|c| rule.applies(&station, c)).copied();
    let channel = channel.or_else(|| {
        rule.channels.iter().find_map(|c| match c {
            Selector::One(name) => Some(*name),
            Selector::All => None,
        })
    })?;
    // What a drill cannot invent, the past and the others, is not asked for.
    let mut alone = rule.clone();
    alone.levels.iter_mut().for_each(|level| level.rainy_days = 0);
    alone.also.clear();
    alone.combine = None;
    let rule = &alone;
    let quantity = rule.quantity?;
    let highest = rule.levels.last()?.raise.counts(rule.measure()?)?;
    let mut state = State::new(station);
    let step_s = i64::from(rule.gap_s().clamp(2, 600) / 2);
    let lasts_s = i64::from(rule.for_s).saturating_add(rule.window_s.unwrap_or(0).into());
    let steps = (lasts_s / step_s).saturating_add(2).min(MAX_STEPS);
    for n in 0..steps {
        let at = n * step_s;
        // A rate is reached by rising all the time, a little faster than it must.
        let value = match rule.statistic {
            // The current step counts at once, so one such reading is enough.
            Statistic::IntensityDuration => ABSURD_RAIN,
            Statistic::Rate => highest.saturating_mul(at).saturating_mul(2) / 3600,
            _ => highest,
        };
        let time = UnixMicros(at.saturating_mul(SECOND_US));
        let quality = Quality::GOOD;
        let invented =
            Observation { station, channel, quantity, time, value: Some(value), quality };
        rule.observe(&mut state, &invented, time);
    }
    Some(state.level())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_rule_with_a_siren_can_be_gone_through() {
        let station = NodeId::new("lao-cai-river-01").unwrap();
        let rule: Rule =
            toml::from_str(include_str!("../../../config/rules/flood-lao-cai.toml")).unwrap();
        let channel = ChannelName::new("water_level").unwrap();
        let done = rehearse([&rule], station, &[channel]);
        assert_eq!((done.len(), done[0].siren, done[0].rule), (1, true, rule.id));
        assert_eq!(Some(done[0].level), rule.levels.last().map(|l| l.level));
        let mut rate = rule.clone();
        (rate.statistic, rate.window_s, rate.for_s) = (Statistic::Rate, Some(1800), 600);
        assert!(rehearse([&rate], station, &[])[0].siren, "{rate:?}");
        let mut none = rule;
        none.siren_from = None;
        assert!(!rehearse([&none], station, &[channel])[0].siren);
    }
}
