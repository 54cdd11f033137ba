//! The evaluation of a rule along event time: which level holds after each reading.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    MAX_LEVELS,
    aqi::HOUR_US,
    memory::Memory,
    plan::{Part, Plan},
    state::Entry,
};

/// So long after its last index a channel of particles still makes one of gases valid.
const PARTICLES_US: i64 = 3 * HOUR_US;

/// What holds after some entries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// By the number of the track; grows to at most as many as the rule has.
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
    /// Of a statistic of steps.
    #[serde(default)]
    memory: Option<Box<Memory>>,
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
        if index >= plan.layout.len() {
            return None;
        }
        if self.channels.len() <= index {
            self.channels.resize_with(index + 1, Track::default);
        }
        let part = plan.part(index)?;
        let alone = plan.particles(index).is_some_and(|mut particles| {
            !particles.any(|n| self.channels.get(n).is_some_and(|t| t.heard(entry.at)))
        });
        let track = self.channels.get_mut(index)?;
        let mut value = track.read(plan, &part, entries, entry, alone);
        if let Some((level, claimed)) = entry.claim {
            value = value.or(Some(claimed));
            track.believe(&part, level);
        }
        let evidence = Evidence { at: entry.at, channel: entry.channel, value: value? };
        let level = |n: usize| self.channels.get(n).map_or(0, |t| t.level);
        let level = plan.layout.level(level);
        self.move_to(level, evidence)
    }

    /// What a statistic of steps keeps of a track.
    pub(crate) fn memory(&self, track: usize) -> Option<&Memory> {
        self.channels.get(track)?.memory.as_deref()
    }

    /// Forgets since when anything has held, but not what holds.
    pub(crate) fn forget_times(&mut self) {
        for track in &mut self.channels {
            *track = Track { level: track.level, ..Track::default() };
        }
    }

    /// Moves since when anything has held.
    pub(crate) fn shift(&mut self, plan: &Plan, micros: i64) {
        for (n, track) in self.channels.iter_mut().enumerate() {
            if let (Some(memory), Some(part)) = (&mut track.memory, plan.part(n)) {
                memory.shift(micros, part.window.step());
            }
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
    /// Whether there was a statistic not long before.
    fn heard(&self, at: i64) -> bool {
        self.last.is_some_and(|last| at.saturating_sub(last) <= PARTICLES_US)
    }

    /// Takes a reading; returns its statistic when it counts. It is kept, but does not count, when
    /// it would need others that are not there (`alone`).
    fn read(
        &mut self,
        plan: &Plan,
        part: &Part,
        entries: &[Entry],
        entry: &Entry,
        alone: bool,
    ) -> Option<i64> {
        let outcome = if part.window.statistic.stepped() {
            self.memory.get_or_insert_default().take(&part.window, entry)
        } else {
            part.window.at_last(entries)
        };
        let outcome = outcome.filter(|_| !alone)?;
        let at = entry.at;
        if self.last.is_none_or(|last| at.saturating_sub(last) > part.window.gap) {
            self.above_since = Default::default();
            self.clear_since = Default::default();
            self.reached = 0;
        }
        let s = outcome.value;
        let proves_clear = outcome.complete && !entry.suspect;
        let mut level = 0;
        let mut reached = 0;
        for (i, step) in part.steps() {
            let (Some(above), Some(clear)) =
                (self.above_since.get_mut(i), self.clear_since.get_mut(i))
            else {
                continue;
            };
            if s >= step.raise && outcome.days >= step.days {
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
        Some(part.window.worse(s))
    }

    /// Takes a node's word that `level` was reached.
    fn believe(&mut self, part: &Part, level: u8) {
        for (i, step) in part.steps().filter(|(_, s)| s.level <= level) {
            if let Some(clear) = self.clear_since.get_mut(i) {
                *clear = None;
            }
            self.level = self.level.max(step.level);
        }
    }
}
