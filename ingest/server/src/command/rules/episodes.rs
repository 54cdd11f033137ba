//! What rules made of readings: episodes, each with the levels that held and when.

use std::collections::HashMap;

use tram_rules::{Observation, Rule, State, Transition, TransitionKind};
use tram_wire::{EpisodeId, NodeId, RuleId, UnixMicros};

/// How often time alone is looked at between readings: silence is found within this.
const TICK_US: i64 = 60_000_000;

/// One warning at one station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Episode {
    pub(super) rule: RuleId,
    pub(super) station: NodeId,
    /// Each level and the event time from which on it held, in order; the last one is 0 when the
    /// episode is over.
    pub(super) levels: Vec<(UnixMicros, u8, i64)>,
    /// It is about a station that says nothing.
    pub(super) silence: bool,
    withdrawn: bool,
}

impl Episode {
    /// When it began.
    pub(super) fn start(&self) -> UnixMicros {
        self.levels.first().map_or(UnixMicros(0), |l| l.0)
    }

    /// When it was over, if it was.
    pub(super) fn end(&self) -> Option<UnixMicros> {
        self.levels.last().filter(|l| l.1 == 0).map(|l| l.0)
    }

    /// When `level` or a higher one first held.
    pub(super) fn reached(&self, level: u8) -> Option<UnixMicros> {
        self.levels.iter().find(|l| l.1 >= level.max(1)).map(|l| l.0)
    }
}

/// Goes through readings, which are in order, with every rule.
pub(super) fn play(rules: &[Rule], observations: &[Observation]) -> Vec<Episode> {
    let mut states: HashMap<(usize, NodeId), State> = HashMap::new();
    let mut told = Vec::new();
    let Some(mut clock) = observations.first().map(|o| o.time) else { return Vec::new() };
    for o in observations {
        while clock.plus(TICK_US) < o.time {
            clock = clock.plus(TICK_US);
            tick(rules, &mut states, clock, &mut told);
        }
        clock = clock.max(o.time);
        for (n, rule) in rules.iter().enumerate() {
            if !rule.applies(&o.station, &o.channel) {
                continue;
            }
            let place = rule.place(&o.station);
            let state = states.entry((n, place)).or_insert_with(|| State::new(place));
            told.extend(rule.observe(state, o, o.time));
        }
    }
    tick(rules, &mut states, clock.plus(TICK_US), &mut told);
    fold(&told)
}

fn tick(
    rules: &[Rule],
    states: &mut HashMap<(usize, NodeId), State>,
    now: UnixMicros,
    told: &mut Vec<Transition>,
) {
    for ((n, _), state) in states {
        if let Some(rule) = rules.get(*n) {
            told.extend(rule.tick(state, now));
        }
    }
}

/// The episodes that transitions tell; what was taken back is not among them.
fn fold(told: &[Transition]) -> Vec<Episode> {
    let mut episodes: HashMap<EpisodeId, Episode> = HashMap::new();
    for t in told {
        let renamed = t.replaces.and_then(|old| episodes.remove(&old));
        let episode = episodes.entry(t.episode).or_insert_with(|| {
            renamed.unwrap_or(Episode {
                rule: t.rule,
                station: t.station,
                levels: Vec::new(),
                silence: t.kind == TransitionKind::NoData,
                withdrawn: false,
            })
        });
        match t.kind {
            TransitionKind::Raised if t.replaces.is_some() => {
                // It began earlier than was said.
                if let Some(first) = episode.levels.first_mut() {
                    first.0 = first.0.min(t.at);
                }
            }
            TransitionKind::Withdrawn => episode.withdrawn = true,
            TransitionKind::DataBack => episode.levels.push((t.at, 0, t.value)),
            _ => episode.levels.push((t.at, t.level, t.value)),
        }
    }
    let mut all: Vec<Episode> =
        episodes.into_values().filter(|e| !e.withdrawn && !e.levels.is_empty()).collect();
    all.sort_by_key(|e| (e.start(), e.rule.to_string(), e.station));
    all
}
