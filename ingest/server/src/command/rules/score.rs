//! What really happened, and how the rules did: hits, misses, false alarms, lead time.

use std::{fs::File, path::Path};

use tram_config::Mistake;
use tram_rules::{Rule, Selector};
use tram_wire::{NodeId, RuleId, UnixMicros};

use super::episodes::Episode;
use crate::time;

/// The most events of a file.
const MAX_EVENTS: usize = 10_000;

/// Something that happened, and the rule that should have warned of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) from: UnixMicros,
    pub(super) to: UnixMicros,
    rule: Selector<RuleId>,
    station: Selector<NodeId>,
    /// The level at least that was called for.
    level: u8,
    pub(super) what: String,
}

impl Event {
    fn concerns(&self, rule: &Rule) -> bool {
        self.rule.selects(&rule.id)
    }

    /// When this episode warned of it; `None` when it did not.
    fn warned(&self, episode: &Episode, ahead: i64) -> Option<UnixMicros> {
        if episode.silence || !self.station.selects(&episode.station) {
            return None;
        }
        let at = episode.reached(self.level)?;
        let over = episode.end().is_some_and(|end| end < self.from.plus(-ahead));
        let early = at < self.from.plus(-ahead) && episode.end().is_none_or(|end| end < self.from);
        (at <= self.to && !over && !early).then_some(at)
    }
}

/// Reads events: CSV with the header `from,to,rule,station,level,what`.
///
/// # Errors
/// [`Mistake`] with the line of the first row that is none.
pub(super) fn read(path: &Path) -> Result<Vec<Event>, Mistake> {
    let mistake = |line: Option<u64>, message: String, fix: &str| Mistake {
        file: path.to_owned(),
        line: line.and_then(|line| usize::try_from(line).ok()),
        message,
        fix: fix.to_owned(),
    };
    let file = File::open(path)
        .map_err(|e| mistake(None, format!("cannot be read: {e}"), "name a file of events"))?;
    let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let header = ["from", "to", "rule", "station", "level", "what"];
    let fix = "the first line must be from,to,rule,station,level,what";
    let names = rows.headers().map_err(|e| mistake(Some(1), e.to_string(), fix))?;
    if !names.iter().eq(header) {
        return Err(mistake(Some(1), "no file of events".to_owned(), fix));
    }
    let mut events = Vec::new();
    for row in rows.records() {
        let row = row.map_err(|e| mistake(None, e.to_string(), ""))?;
        let line = row.position().map(csv::Position::line);
        let event = event(&row).ok_or_else(|| {
            let fix = "write two times (RFC 3339), a rule or *, a station or *, a level, a word";
            mistake(line, "this is no event".to_owned(), fix)
        })?;
        events.push(event);
        if events.len() > MAX_EVENTS {
            return Err(mistake(line, format!("more than {MAX_EVENTS} events"), "divide the file"));
        }
    }
    Ok(events)
}

fn event(row: &csv::StringRecord) -> Option<Event> {
    let cell = |n: usize| row.get(n).unwrap_or_default();
    let (from, to) = (time::parse(cell(0)).ok()?, time::parse(cell(1)).ok()?);
    let rule = match cell(2) {
        "*" => Selector::All,
        name => Selector::One(RuleId::new(name).ok()?),
    };
    let station = match cell(3) {
        "*" => Selector::All,
        name => Selector::One(NodeId::new(name).ok()?),
    };
    let level = cell(4).parse().ok().filter(|level| (1..=5).contains(level))?;
    (from <= to).then(|| Event { from, to, rule, station, level, what: cell(5).to_owned() })
}

/// How one rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) rule: RuleId,
    pub(super) episodes: usize,
    pub(super) hits: usize,
    pub(super) misses: usize,
    pub(super) false_alarms: usize,
    /// How long before each hit's beginning it was raised, in microseconds; negative is after.
    pub(super) leads: Vec<i64>,
}

impl Score {
    /// The middle lead time.
    pub(super) fn median(&self) -> Option<i64> {
        let mut leads = self.leads.clone();
        leads.sort_unstable();
        leads.get(leads.len() / 2).copied()
    }
}

/// How each rule did. An alarm counts for an event when it holds within `ahead` microseconds before
/// it, or begins while it lasts.
pub(super) fn score(
    rules: &[Rule],
    episodes: &[Episode],
    events: &[Event],
    ahead: i64,
) -> Vec<Score> {
    rules
        .iter()
        .map(|rule| {
            let own: Vec<&Episode> =
                episodes.iter().filter(|e| e.rule == rule.id && !e.silence).collect();
            let concerned: Vec<&Event> = events.iter().filter(|e| e.concerns(rule)).collect();
            let first = |event: &&&Event| {
                let warned = own.iter().filter_map(|e| event.warned(e, ahead)).min();
                warned.map(|at| event.from.since(at))
            };
            let leads: Vec<i64> = concerned.iter().filter_map(|e| first(&e)).collect();
            let useful = |e: &&&Episode| concerned.iter().any(|v| v.warned(e, ahead).is_some());
            let hits = leads.len();
            Score {
                rule: rule.id,
                episodes: own.len(),
                hits,
                misses: concerned.len() - hits,
                false_alarms: own.len() - own.iter().filter(useful).count(),
                leads,
            }
        })
        .collect()
}
