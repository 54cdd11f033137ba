//! What a statistic of steps keeps of one channel, in place of readings.

use serde::{Deserialize, Serialize};
use tram_wire::Quantity;

use crate::{
    Rule, Statistic,
    aqi::{Air, HOUR_US, NOWCAST_HOURS},
    bins::{Bins, index, over},
    rainfall::{BEFORE, Rainfall},
    soil::{STEP_US, Soil},
    state::Entry,
    velocity::{self, Motion},
    window::{Outcome, Window},
};

/// The figures of a rule's statistic, as whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Constants {
    /// Ten-thousandths of mm/h.
    pub(crate) alpha: i64,
    /// Ten-thousandths.
    pub(crate) beta: i64,
    /// Ten-thousandths.
    pub(crate) antecedent: i64,
    /// Counts of rain.
    pub(crate) rainy_day: i64,
    /// Thousandths.
    pub(crate) fit: i64,
}

impl Constants {
    /// Those of a statistic that needs none.
    pub(crate) const NONE: Self =
        Self { alpha: 0, beta: 0, antecedent: 0, rainy_day: i64::MAX, fit: 0 };

    /// Those of a rule; `Rule::check` tells what is missing.
    pub(crate) fn new(rule: &Rule) -> Self {
        let scaled = |d: Option<crate::Decimal>, places| d.and_then(|d| d.scaled(places));
        Self {
            alpha: scaled(rule.curve.map(|c| c.alpha), 4).unwrap_or(0),
            beta: scaled(rule.curve.map(|c| c.beta), 4).unwrap_or(0),
            antecedent: scaled(rule.antecedent, 4).unwrap_or(0),
            rainy_day: scaled(rule.rainy_day, Quantity::Rain.decimals()).unwrap_or(i64::MAX),
            fit: scaled(rule.fit, 3).unwrap_or(0),
        }
    }
}

/// What is kept of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    bins: Bins,
    /// Of the soil water index: with the suspect readings and without.
    soil: Option<(Soil, Soil)>,
    /// Since when no two readings were further apart than `gap_s`.
    since: Option<i64>,
    last: Option<i64>,
    /// The last reading that was missing.
    hole: Option<i64>,
    /// Suspect readings of the last window, and the last of them.
    suspects: u32,
    suspect_at: Option<i64>,
}

impl Memory {
    /// Takes the next reading, in the order of time; `None` when there is too little to say
    /// anything.
    pub(crate) fn take(&mut self, window: &Window, entry: &Entry) -> Option<Outcome> {
        let at = entry.at;
        let Some(value) = entry.value else {
            // A claim without its reading is no hole: the reading is still on its way.
            if entry.claim.is_none() {
                self.hole = Some(at);
            }
            return None;
        };
        if self.last.is_none_or(|last| at.saturating_sub(last) > window.gap) {
            self.since = Some(at);
        }
        self.last = Some(at);
        let recent = |t: i64| at.saturating_sub(t) <= window.length;
        if !self.suspect_at.is_some_and(recent) {
            self.suspects = 0;
        }
        if entry.suspect {
            self.suspects = self.suspects.saturating_add(1);
            self.suspect_at = Some(at);
        }
        self.add(window, entry, value);
        let (all, days) = self.value(window, at, true)?;
        let firm = self.value(window, at, false).map(|(firm, _)| firm);
        let value = firm.map_or(all, |firm| firm.max(all));
        let complete = self.complete(window, at);
        Some(Outcome { value, firm, suspects: self.suspects, days, complete })
    }

    fn add(&mut self, window: &Window, entry: &Entry, value: i64) {
        let (at, suspect) = (entry.at, entry.suspect);
        let length = window.step();
        let keep = match window.statistic {
            Statistic::SoilWaterIndex => {
                let (all, firm) = self.soil.get_or_insert_default();
                all.take(at, value);
                firm.take(at, if suspect { 0 } else { value });
                return;
            }
            Statistic::Aqi => NOWCAST_HOURS + 1,
            Statistic::InverseVelocity => velocity::STEPS + 1,
            _ => (window.length / STEP_US).saturating_mul(BEFORE + 1),
        };
        let now = index(at, length);
        if window.statistic.of_rain() && value <= 0 {
            // Dry steps need no room.
            self.bins.forget(now.saturating_sub(keep));
            return;
        }
        self.bins.add(now, value, suspect, keep);
    }

    /// The statistic, the worse the larger, and the rainy days before it.
    fn value(&self, window: &Window, at: i64, all: bool) -> Option<(i64, u8)> {
        let Window { statistic, length, constants, .. } = window;
        let (bins, step) = (&self.bins, window.step());
        let rain = Rainfall { bins, at, length: *length, all };
        let value = match statistic {
            Statistic::DailyRain => return Some(rain.daily(constants.rainy_day)),
            Statistic::AntecedentRain => rain.antecedent(constants.antecedent),
            Statistic::IntensityDuration => rain.over_curve(constants),
            Statistic::SoilWaterIndex => {
                let (with, without) = self.soil.as_ref()?;
                if all { with.index(at) } else { without.index(at) }
            }
            Statistic::InverseVelocity => self.motion(window, at, all).remaining(constants.fit)?,
            Statistic::Aqi => {
                // Half an hour of readings make an hour, and three of them do where they come often.
                let half = (HOUR_US / 2).saturating_sub(1) / window.gap.max(1);
                let half = half.saturating_add(1).clamp(1, 3);
                let least = u32::try_from(half).unwrap_or(1);
                let air = Air { bins, pollutant: window.pollutant?, least, all };
                air.index(over(at, step))?.saturating_mul(1000)
            }
            _ => return None,
        };
        Some((window.worse(value), u8::MAX))
    }

    /// The motion that a forecast is made of.
    pub(crate) fn motion(&self, window: &Window, at: i64, all: bool) -> Motion<'_> {
        Motion { bins: &self.bins, at, length: window.step(), all }
    }

    /// When the last reading was taken.
    pub(crate) fn last(&self) -> Option<i64> {
        self.last
    }

    /// Whether the record has no hole for as long as it must not have one, so that a low value is
    /// low and not merely unknown.
    fn complete(&self, window: &Window, at: i64) -> bool {
        let windows = match window.statistic {
            Statistic::AntecedentRain => BEFORE + 1,
            _ => 1,
        };
        let begin = at.saturating_sub(window.length.saturating_mul(windows));
        let covered = self.since.is_some_and(|since| since.saturating_sub(begin) <= window.gap);
        covered && self.hole.is_none_or(|hole| hole <= begin)
    }

    /// Moves the time, of steps by whole steps.
    pub(crate) fn shift(&mut self, micros: i64, length: i64) {
        let times = [&mut self.since, &mut self.last, &mut self.hole, &mut self.suspect_at];
        times.into_iter().flatten().for_each(|t| *t = t.saturating_add(micros));
        self.bins.shift(micros, length);
        if let Some((all, firm)) = &mut self.soil {
            all.shift(micros);
            firm.shift(micros);
        }
    }
}

impl Window {
    /// How long a step of the statistic is, in microseconds.
    pub(crate) fn step(&self) -> i64 {
        match self.statistic {
            Statistic::Aqi => HOUR_US,
            Statistic::InverseVelocity => (self.length / velocity::STEPS).max(1),
            _ => STEP_US,
        }
    }
}
