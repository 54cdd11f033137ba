//! What is remembered of a channel while somebody watches it, and how far it is from a threshold.

use std::collections::VecDeque;

use tram_node::Measured;
use tram_rules::{Rule, Statistic};
use tram_wire::{ChannelName, Quality, Quantity};

/// So many values make the line.
pub(super) const MAX_VALUES: usize = 40;
/// The width of a bar in characters.
pub(super) const BAR: usize = 20;
const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A channel being watched. Values are counts of its quantity.
#[derive(Debug)]
pub(super) struct Gauge {
    pub(super) name: ChannelName,
    pub(super) quantity: Quantity,
    /// Where a bar begins.
    pub(super) base: i64,
    pub(super) latest: Option<(Measured<i64>, Quality)>,
    values: VecDeque<Option<i64>>,
    /// Of the usable values since watching began.
    sum: i64,
    count: i64,
    max: Option<i64>,
}

impl Gauge {
    pub(super) fn new(name: ChannelName, quantity: Quantity, base: i64) -> Self {
        let values = VecDeque::with_capacity(MAX_VALUES);
        Self { name, quantity, base, latest: None, values, sum: 0, count: 0, max: None }
    }

    /// Takes a reading.
    pub(super) fn take(&mut self, measured: Measured<i64>, quality: Quality) {
        self.latest = Some((measured, quality));
        if self.values.len() == MAX_VALUES {
            self.values.pop_front();
        }
        self.values.push_back(measured.value);
        if let Some(value) = measured.value.filter(|_| quality.usable()) {
            self.sum = self.sum.saturating_add(value);
            self.count += 1;
            self.max = Some(self.max.map_or(value, |m| m.max(value)));
        }
    }

    /// The values as a line of bars, the lowest at the bottom. What is missing is a gap.
    pub(super) fn sparkline(&self) -> String {
        let known = || self.values.iter().flatten().copied();
        let (Some(low), Some(high)) = (known().min(), known().max()) else {
            return String::new();
        };
        let step = |value: i64| {
            let span = i128::from(high) - i128::from(low);
            if span == 0 {
                return STEPS.get(3);
            }
            let above = i128::from(value) - i128::from(low);
            STEPS.get(usize::try_from(above * 7 / span).ok()?)
        };
        let bar = |value: &Option<i64>| value.and_then(step).copied().unwrap_or(' ');
        self.values.iter().map(bar).collect()
    }

    /// What a rule compares with its thresholds, as far as it can be known from watching: of a
    /// window only what has been seen. `None` for a rate, and before the first value.
    pub(super) fn statistic(&self, rule: &Rule) -> Option<i64> {
        let value = match rule.statistic {
            Statistic::Latest => self.latest.and_then(|(m, q)| m.value.filter(|_| q.usable()))?,
            Statistic::Sum => (self.count > 0).then_some(self.sum)?,
            Statistic::Max => self.max?,
            Statistic::Mean => self.sum.checked_div(self.count)?,
            _ => return None,
        };
        Some(if rule.absolute { value.saturating_abs() } else { value })
    }
}

/// A bar that is full when `value` has reached `raise` and empty at `base`.
pub(super) fn bar(value: i64, base: i64, raise: i64) -> String {
    let span = i128::from(raise) - i128::from(base);
    let above = i128::from(value) - i128::from(base);
    let full = if value >= raise {
        BAR
    } else if span <= 0 {
        0
    } else {
        let width = i128::try_from(BAR).unwrap_or(0);
        usize::try_from((above * width / span).clamp(0, width - 1)).unwrap_or(0)
    };
    "█".repeat(full) + &"░".repeat(BAR - full)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(values: &[Option<i64>]) -> Gauge {
        let mut gauge = Gauge::new(ChannelName::new("c").unwrap(), Quantity::Rain, 0);
        for value in values {
            let quality = if value.is_some() { Quality::GOOD } else { Quality::default() };
            gauge.take(Measured { value: *value, quality }, quality);
        }
        gauge
    }

    #[test]
    fn a_line_rises_with_its_values_and_has_gaps() {
        assert_eq!(gauge(&[Some(0), Some(35), None, Some(70)]).sparkline(), "▁▄ █");
        assert_eq!(gauge(&[Some(5), Some(5)]).sparkline(), "▄▄");
        assert_eq!(gauge(&[None]).sparkline(), "");
        assert_eq!(gauge(&[Some(i64::MIN), Some(i64::MAX)]).sparkline(), "▁█");
        assert_eq!(gauge(&[Some(1); 100]).sparkline().chars().count(), MAX_VALUES);
    }

    #[test]
    fn a_bar_is_full_at_the_threshold_and_not_before() {
        let full = |value| bar(value, 74_000, 80_000).matches('█').count();
        assert_eq!([full(70_000), full(74_000), full(77_000), full(79_999)], [0, 0, 10, 19]);
        assert_eq!([full(80_000), full(90_000)], [BAR, BAR]);
        assert_eq!(bar(3, 5, 5), "░".repeat(BAR), "a base above the threshold divides nothing");
        assert_eq!(bar(0, i64::MIN, i64::MAX).chars().count(), BAR);
    }

    #[test]
    fn sums_and_means_are_those_of_what_was_seen() {
        let mut rule: Rule = serde_json::from_value(rule()).unwrap();
        let seen = gauge(&[Some(10), None, Some(-40)]);
        for (statistic, absolute, expected) in [
            (Statistic::Latest, false, Some(-40)),
            (Statistic::Latest, true, Some(40)),
            (Statistic::Sum, false, Some(-30)),
            (Statistic::Mean, false, Some(-15)),
            (Statistic::Max, false, Some(10)),
            (Statistic::Rate, false, None),
        ] {
            (rule.statistic, rule.absolute) = (statistic, absolute);
            assert_eq!(seen.statistic(&rule), expected, "{statistic:?}");
            assert_eq!(gauge(&[]).statistic(&rule), None);
        }
    }

    fn rule() -> serde_json::Value {
        let text = serde_json::json!({
            "event": "e", "headline": "h", "description": "d", "instruction": "i", "cleared": "c",
        });
        serde_json::json!({
            "id": "r", "version": 1, "hazard": "flood", "legal": "none", "stations": ["*"],
            "channels": ["c"], "quantity": "rain", "hold_s": 60,
            "text": { "vi": text, "en": text, "zh": text },
        })
    }
}
