//! A rule ready to be evaluated: thresholds in counts, times in microseconds.

use alloc::vec::Vec;

use tram_wire::Quantity;

use crate::{
    Also, Decimal, MAX_LEVELS, Rule, Statistic, aqi, memory::Constants, tracks::Layout,
    window::Window,
};

/// A rule ready to be evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The rule's own statistic, then its conditions.
    parts: Vec<Part>,
    pub(crate) layout: Layout,
    pollutants: Vec<Quantity>,
    pub(crate) for_: i64,
    pub(crate) hold: i64,
    pub(crate) late: i64,
}

/// A statistic and its thresholds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    steps: [Step; MAX_LEVELS],
    count: usize,
    pub(crate) window: Window,
}

/// A level and its thresholds: the worse, the larger, also where low values are the bad ones.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Step {
    pub(crate) level: u8,
    pub(crate) raise: i64,
    pub(crate) clear: i64,
    pub(crate) days: u8,
}

/// The same in microseconds.
pub(crate) fn micros(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000_000
}

impl Part {
    fn new(window: Window) -> Self {
        Self { steps: [Step::default(); MAX_LEVELS], count: 0, window }
    }

    /// A level whose thresholds are not numbers of the quantity is left out; `Rule::check` tells.
    fn add(&mut self, level: u8, days: u8, quantity: Option<Quantity>, pair: [Decimal; 2]) {
        let [raise, clear] = pair.map(|d| quantity.and_then(|q| d.counts(q)));
        let (Some(raise), Some(clear)) = (raise, clear) else { return };
        let (raise, clear) = (self.window.worse(raise), self.window.worse(clear));
        if let Some(step) = self.steps.get_mut(self.count) {
            *step = Step { level, raise, clear, days };
            self.count += 1;
        }
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = (usize, Step)> + '_ {
        self.steps.iter().copied().take(self.count).enumerate()
    }
}

impl Plan {
    pub(crate) fn new(rule: &Rule) -> Self {
        let mut parts = Vec::with_capacity(1 + rule.also.len());
        parts.push(own(rule));
        parts.extend(rule.also.iter().map(|also| condition(rule, also)));
        Self {
            parts,
            layout: Layout::new(rule),
            pollutants: rule.quantities.clone(),
            for_: micros(rule.for_s),
            hold: micros(rule.hold_s),
            late: micros(rule.late_s),
        }
    }

    /// The statistic of a track and its thresholds.
    pub(crate) fn part(&self, track: usize) -> Option<Part> {
        let place = self.layout.place(track);
        let mut part = *self.parts.get(place.part)?;
        if part.window.statistic == Statistic::Aqi {
            part.window.pollutant = self.pollutants.get(place.channel).copied();
        }
        Some(part)
    }

    /// The tracks of particles, without which there is no air quality index, when this track is of
    /// a gas.
    pub(crate) fn particles(&self, track: usize) -> Option<impl Iterator<Item = usize> + '_> {
        let own = self.parts.first()?;
        if own.window.statistic != Statistic::Aqi {
            return None;
        }
        let place = self.layout.place(track);
        let gas = |n: usize| self.pollutants.get(n).is_some_and(|p| !aqi::particles(*p));
        gas(place.channel).then(|| {
            let first = track - place.channel;
            (0..self.pollutants.len()).filter(move |n| !gas(*n)).map(move |n| first + n)
        })
    }

    /// How far back the windows of readings reach. Steps are kept elsewhere.
    pub(crate) fn reach(&self) -> i64 {
        let windows = self.parts.iter().map(|part| part.window);
        windows.filter(|w| !w.statistic.stepped()).map(|w| w.length).max().unwrap_or(0)
    }
}

fn own(rule: &Rule) -> Part {
    let mut part = Part::new(Window {
        statistic: rule.statistic,
        length: micros(rule.window_s.unwrap_or(0)),
        gap: micros(rule.gap_s()),
        absolute: rule.absolute,
        below: rule.below,
        constants: Constants::new(rule),
        pollutant: None,
    });
    for level in &rule.levels {
        let days = if rule.statistic == Statistic::DailyRain { level.rainy_days } else { 0 };
        part.add(level.level, days, rule.measure(), [level.raise, level.clear]);
    }
    part
}

fn condition(rule: &Rule, also: &Also) -> Part {
    let mut part = Part::new(Window {
        statistic: also.statistic,
        length: micros(also.window_s.unwrap_or(0)),
        gap: micros(rule.gap_s()),
        absolute: false,
        below: also.below,
        constants: Constants::NONE,
        pollutant: None,
    });
    part.add(1, 0, also.quantity, [also.raise, also.clear]);
    part
}
