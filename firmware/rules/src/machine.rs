//! The evaluation of a rule along event time: which level holds after each reading.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{MAX_LEVELS, MAX_RULE_CHANNELS, Rule, state::Entry, window::Window};

/// A rule ready to be evaluated: thresholds in counts, times in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    steps: [Step; MAX_LEVELS],
    count: usize,
    window: Window,
    for_: i64,
    hold: i64,
    pub(crate) late: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Step {
    level: u8,
    raise: i64,
    clear: i64,
}

pub(crate) fn micros(seconds: u32) -> i64 {
    i64::from(seconds) * 1_000_000
}

impl Plan {
    /// A level whose thresholds are not numbers of the quantity is left out; `Rule::check` tells.
    pub(crate) fn new(rule: &Rule) -> Self {
        let mut plan = Self {
            steps: [Step::default(); MAX_LEVELS],
            count: 0,
            window: Window {
                statistic: rule.statistic,
                length: micros(rule.window_s.unwrap_or(0)),
                gap: micros(rule.gap_s()),
                absolute: rule.absolute,
            },
            for_: micros(rule.for_s),
            hold: micros(rule.hold_s),
            late: micros(rule.late_s),
        };
        for level in &rule.levels {
            let counts = |d: crate::Decimal| rule.quantity.and_then(|q| d.counts(q));
            let (Some(raise), Some(clear)) = (counts(level.raise), counts(level.clear)) else {
                continue;
            };
            if let Some(step) = plan.steps.get_mut(plan.count) {
                *step = Step { level: level.level, raise, clear };
                plan.count += 1;
            }
        }
        plan
    }

    fn steps(&self) -> impl Iterator<Item = (usize, Step)> + '_ {
        self.steps.iter().copied().take(self.count).enumerate()
    }

    /// How far back the window reaches.
    pub(crate) fn reach(&self) -> i64 {
        self.window.length
    }
}

/// What holds after some entries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// By position in the rule's `channels`; grows to at most [`MAX_RULE_CHANNELS`].
    channels: Vec<Track>,
    pub(crate) episode: Option<Open>,
}

/// An episode that lasts, and the reading that last changed its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) start: i64,
    pub(crate) level: u8,
    pub(crate) evidence: Evidence,
}

/// The reading that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) at: i64,
    pub(crate) channel: u8,
    pub(crate) value: i64,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Track {
    level: u8,
    /// By position of the level: since when the statistic has kept at or above `raise`.
    above_since: [Option<i64>; MAX_LEVELS],
    /// Likewise at or below `clear`.
    clear_since: [Option<i64>; MAX_LEVELS],
    /// Time of the usable reading before.
    last: Option<i64>,
    /// The highest level whose `raise` that reading reached: it bears a suspect one out.
    reached: u8,
}

/// What an entry changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A new episode, or a higher level of the same.
    Raised(Open),
    /// A lower level of the same, not 0.
    Lowered,
    /// The end of the episode that began at `start`.
    Cleared { start: i64, evidence: Evidence },
}

impl Machine {
    /// Takes the last of `entries`, which are in order and reach back over the window.
    pub(crate) fn step(&mut self, plan: &Plan, entries: &[Entry]) -> Option<Change> {
        let entry = entries.last()?;
        let index = usize::from(entry.channel);
        if index >= MAX_RULE_CHANNELS {
            return None;
        }
        if self.channels.len() <= index {
            self.channels.resize_with(index + 1, Track::default);
        }
        let track = self.channels.get_mut(index)?;
        let mut value = track.read(plan, entries, entry);
        if let Some((level, claimed)) = entry.claim {
            value = value.or(Some(claimed));
            track.believe(plan, level);
        }
        let evidence = Evidence { at: entry.at, channel: entry.channel, value: value? };
        let level = self.channels.iter().map(|t| t.level).max().unwrap_or(0);
        self.move_to(level, evidence)
    }

    /// Forgets since when anything has held, but not what holds.
    pub(crate) fn forget_times(&mut self) {
        for track in &mut self.channels {
            *track = Track { level: track.level, ..Track::default() };
        }
    }

    /// Moves since when anything has held.
    pub(crate) fn shift(&mut self, micros: i64) {
        for track in &mut self.channels {
            let held = track.above_since.iter_mut().chain(&mut track.clear_since).flatten();
            held.chain(&mut track.last).for_each(|t| *t = t.saturating_add(micros));
        }
    }

    fn move_to(&mut self, level: u8, evidence: Evidence) -> Option<Change> {
        let before = self.episode.map_or(0, |e| e.level);
        if level == before {
            return None;
        }
        let start = self.episode.map_or(evidence.at, |e| e.start);
        if level == 0 {
            self.episode = None;
            return Some(Change::Cleared { start, evidence });
        }
        let open = Open { start, level, evidence };
        self.episode = Some(open);
        Some(if level > before { Change::Raised(open) } else { Change::Lowered })
    }
}

impl Track {
    /// Takes a reading; returns its statistic when it counts.
    fn read(&mut self, plan: &Plan, entries: &[Entry], entry: &Entry) -> Option<i64> {
        let outcome = plan.window.at_last(entries)?;
        let at = entry.at;
        if self.last.is_none_or(|last| at.saturating_sub(last) > plan.window.gap) {
            self.above_since = Default::default();
            self.clear_since = Default::default();
            self.reached = 0;
        }
        let s = outcome.value;
        let proves_clear = outcome.complete && !entry.suspect;
        let mut level = 0;
        let mut reached = 0;
        for (i, step) in plan.steps() {
            let (Some(above), Some(clear)) =
                (self.above_since.get_mut(i), self.clear_since.get_mut(i))
            else {
                continue;
            };
            if s >= step.raise {
                *clear = None;
                reached = step.level;
                let held = at.saturating_sub(*above.get_or_insert(at)) >= plan.for_;
                let borne_out = outcome.firm.is_some_and(|firm| firm >= step.raise)
                    || outcome.suspects >= 2
                    || entry.suspect && self.reached >= step.level;
                if (held && borne_out) || self.level >= step.level {
                    level = step.level;
                }
                continue;
            }
            *above = None;
            if s > step.clear || !outcome.complete {
                *clear = None;
            } else if proves_clear {
                clear.get_or_insert(at);
            }
            let left =
                proves_clear && clear.is_some_and(|since| at.saturating_sub(since) >= plan.hold);
            if self.level >= step.level && !left {
                level = step.level;
            }
        }
        self.level = level;
        self.last = Some(at);
        self.reached = reached;
        Some(s)
    }

    /// Takes a node's word that `level` was reached.
    fn believe(&mut self, plan: &Plan, level: u8) {
        for (i, step) in plan.steps().filter(|(_, s)| s.level <= level) {
            if let Some(clear) = self.clear_since.get_mut(i) {
                *clear = None;
            }
            self.level = self.level.max(step.level);
        }
    }
}
