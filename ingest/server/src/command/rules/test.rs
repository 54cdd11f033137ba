//! `tram-ingest rules test`: series of readings, and the transitions they have to lead to.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use tram_config::{Document, Mistake};
use tram_rules::{Decimal, Observation, Rule, Selector, State, Transition, TransitionKind};
use tram_wire::{ChannelName, NodeId, Quantity, UnixMicros};

use super::{files, read, series, series::Value, span};
use crate::failure::Failure;

/// The most tests of a file.
const MAX_TESTS: usize = 200;
/// Every test begins here: midnight of 1 January 2024 in UTC, so that steps begin with it.
const BEGIN: UnixMicros = UnixMicros(1_704_067_200_000_000);

const EXAMPLES: &str = "\
A file of tests has the shape of promtool's, in TOML:

  rule = \"../flood-lao-cai.toml\"          # from the folder of this file
  station = \"lao-cai-river-01\"

  [[test]]
  name = \"the river rises through level I\"
  interval = \"1m\"                         # between two readings
  [[test.series]]
  channel = \"water_level\"
  values = \"79.00+0.25x4 80.00x30\"        # 79.00 and four more, then 80.00 and thirty more
  [[test.expect]]
  after = \"4m\"                            # event time since the beginning
  kind = \"raised\"                         # raised, lowered, cleared, withdrawn, no_data, data_back
  level = 1
  value = 80.00

In `values`, `_x5` is five times nothing, `missing` a sensor that gives nothing, `fail:1.0` and
`suspect:1.0` readings of that quality. A series may have a `station`, a `quantity`, a `start`, and
`late`: how much later than taken its readings arrive. `until` lets time pass after the last one.
Every transition must be expected, in its order.

Examples:
  tram-ingest rules test config/rules/tests
  tram-ingest rules test config/rules/tests/flood-lao-cai.toml

Exit codes: 0 every test passes; 1 one does not; 2 a file that is no test.";

/// Runs files of tests: series of readings and the transitions that have to follow.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Test {
    /// Files of tests, or folders of them.
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
}

/// A file of tests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: PathBuf,
    station: Option<String>,
    #[serde(default, rename = "test")]
    tests: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    interval: String,
    until: Option<String>,
    #[serde(default)]
    series: Vec<Series>,
    #[serde(default)]
    expect: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    channel: String,
    station: Option<String>,
    quantity: Option<String>,
    start: Option<String>,
    late: Option<String>,
    values: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    after: String,
    kind: String,
    level: u8,
    value: Option<Decimal>,
}

/// A reading and when it arrives.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: UnixMicros,
    observation: Observation,
}

/// Runs them, and says what did not come as expected.
///
/// # Errors
/// [`Failure`] when a test does not pass, or a file is none.
pub(super) fn test(asked: &Test) -> Result<(), Failure> {
    let (mut passed, mut failed) = (0, 0);
    for path in files(&asked.paths)? {
        let document = tram_config::read::<File>(&path)?;
        let rule = rule(&document, &path)?;
        let count = document.value.tests.len();
        if count == 0 || count > MAX_TESTS {
            let fix = format!("write 1 to {MAX_TESTS} tables [[test]]");
            return Err(document.mistake("test", format!("{count} tests"), fix).into());
        }
        let before = failed;
        for (n, case) in document.value.tests.iter().enumerate() {
            let at = |m: Wrong| document.mistake(&format!("test[{n}].{}", m.0), m.1, m.2);
            let faults = case.run(&rule, document.value.station.as_deref()).map_err(at)?;
            for fault in &faults {
                println!("{}: {}: {fault}", path.display(), case.name);
            }
            if faults.is_empty() {
                passed += 1;
            } else {
                failed += 1;
            }
        }
        if failed == before {
            println!("{}: {count} tests of {} pass", path.display(), rule.id);
        }
    }
    if failed > 0 {
        let what = format!("{failed} of {} tests do not pass", passed + failed);
        return Err(Failure::new(what, "Change the rule or what the test expects"));
    }
    Ok(())
}

/// The rule that a file of tests is about.
fn rule(document: &Document<File>, path: &Path) -> Result<Rule, Mistake> {
    let file = path.parent().unwrap_or(Path::new("")).join(&document.value.rule);
    let first = |found: Vec<Mistake>| {
        let none = || document.mistake("rule", "the rule is wrong", "");
        found.into_iter().next().unwrap_or_else(none)
    };
    read(&file).map(|document| document.value).map_err(first)
}

/// A mistake in a test: key, what, and what to write.
struct Wrong(String, String, String);

impl Wrong {
    fn new(key: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self(key.into(), what.into(), fix.into())
    }
}

impl Case {
    /// What did not come as expected.
    fn run(&self, rule: &Rule, station: Option<&str>) -> Result<Vec<String>, Wrong> {
        let spanned = |key: String, text: &str| {
            let fix = "write a span such as 90s, 10m or 1h30m";
            span::read(text).ok_or_else(|| Wrong::new(key, format!("`{text}` is no span"), fix))
        };
        let interval = spanned("interval".to_owned(), &self.interval)?.max(1_000_000);
        let mut arrivals = Vec::new();
        for (n, series) in self.series.iter().enumerate() {
            let key = |part: &str| format!("series[{n}].{part}");
            let start = series.start.as_deref().map_or(Ok(0), |t| spanned(key("start"), t))?;
            let late = series.late.as_deref().map_or(Ok(0), |t| spanned(key("late"), t))?;
            let observations = series.observations(rule, station, n)?;
            for (place, observation) in observations {
                let place = i64::try_from(place).unwrap_or(i64::MAX);
                let time = BEGIN.plus(start.saturating_add(place.saturating_mul(interval)));
                let observation = Observation { time, ..observation };
                arrivals.push(Arrival { at: time.plus(late), observation });
            }
        }
        arrivals.sort_by_key(|a| a.at);
        let last = arrivals.last().map_or(BEGIN, |a| a.at);
        let until = self.until.as_deref().map(|t| spanned("until".to_owned(), t)).transpose()?;
        let end = until.map_or(last, |until| BEGIN.plus(until).max(last));
        let told = play(rule, &arrivals, interval, end);
        let mut expected = Vec::new();
        for (n, e) in self.expect.iter().enumerate() {
            let after = spanned(format!("expect[{n}].after"), &e.after)?;
            expected.push(e.line(rule, after, n)?);
        }
        Ok(compare(&expected, &told.iter().map(|t| Line::of(t, rule)).collect::<Vec<_>>()))
    }
}

impl Series {
    fn observations(
        &self,
        rule: &Rule,
        station: Option<&str>,
        n: usize,
    ) -> Result<Vec<(usize, Observation)>, Wrong> {
        let key = |part: &str| format!("series[{n}].{part}");
        let named = rule.stations.iter().find_map(|s| match s {
            Selector::One(node) => Some(node.to_string()),
            Selector::All => None,
        });
        let station = self.station.as_deref().or(station).map(str::to_owned).or(named);
        let station = station.and_then(|s| NodeId::new(&s).ok()).ok_or_else(|| {
            Wrong::new(key("station"), "no station", "write `station` at the top of the file")
        })?;
        let channel = ChannelName::new(&self.channel).map_err(|e| {
            Wrong::new(key("channel"), e.to_string(), "write a channel of the rule")
        })?;
        if !rule.applies(&station, &channel) {
            let what = format!("the rule does not look at {channel} of {station}");
            return Err(Wrong::new(key("channel"), what, "name what it looks at"));
        }
        let quantity = match self.quantity.as_deref() {
            Some(name) => Quantity::from_name(name),
            None => rule.channel_quantity(&channel).or_else(|| Quantity::from_name(&self.channel)),
        };
        let quantity = quantity.ok_or_else(|| {
            Wrong::new(key("quantity"), "what it measures is not known", "write `quantity`")
        })?;
        let values = series::read(&self.values, quantity)
            .map_err(|e| Wrong::new(key("values"), e, "see tram-ingest rules test --help"))?;
        let of = |(place, value): (usize, Value)| match value {
            Value::Nothing => None,
            Value::Reading(value, quality) => {
                let time = BEGIN;
                Some((place, Observation { station, channel, quantity, time, value, quality }))
            }
        };
        Ok(values.into_iter().enumerate().filter_map(of).collect())
    }
}

/// Lets the readings arrive, each station's in its own state, and time pass between them.
fn play(rule: &Rule, arrivals: &[Arrival], interval: i64, end: UnixMicros) -> Vec<Transition> {
    let mut states: Vec<State> = Vec::new();
    let mut told = Vec::new();
    let mut now = BEGIN;
    let mut left = arrivals.iter().peekable();
    while now <= end {
        while let Some(arrival) = left.next_if(|a| a.at <= now) {
            let place = rule.place(&arrival.observation.station);
            let known = states.iter().position(|s| *s.station() == place);
            let known = known.unwrap_or_else(|| {
                states.push(State::new(place));
                states.len() - 1
            });
            if let Some(state) = states.get_mut(known) {
                told.extend(rule.observe(state, &arrival.observation, arrival.at));
            }
        }
        for state in &mut states {
            told.extend(rule.tick(state, now));
        }
        now = now.plus(interval);
    }
    told
}

/// What happened, as far as a test compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    after: i64,
    kind: TransitionKind,
    level: u8,
    value: Option<Decimal>,
}

impl Line {
    fn of(t: &Transition, rule: &Rule) -> Self {
        let value = rule.measure().map(|q| Decimal::from_counts(t.value, q));
        Self { after: t.at.since(BEGIN), kind: t.kind, level: t.level, value }
    }

    fn matches(&self, told: &Self) -> bool {
        (self.after, self.kind, self.level) == (told.after, told.kind, told.level)
            && self.value.is_none_or(|value| Some(value) == told.value)
    }

    fn written(&self) -> String {
        let value = self.value.map(|v| format!(", value {v}")).unwrap_or_default();
        format!("{} {} after {}{value}", self.kind.name(), self.level, span::write(self.after))
    }
}

impl Expected {
    fn line(&self, rule: &Rule, after: i64, n: usize) -> Result<Line, Wrong> {
        use TransitionKind::{Cleared, DataBack, Lowered, NoData, Raised, Withdrawn};
        let kinds = [Raised, Lowered, Cleared, NoData, DataBack, Withdrawn];
        let kind = kinds.into_iter().find(|kind| kind.name() == self.kind).ok_or_else(|| {
            let fix = format!("write {}", kinds.map(TransitionKind::name).join(", "));
            Wrong::new(format!("expect[{n}].kind"), format!("no kind `{}`", self.kind), fix)
        })?;
        let exact = |v: &Decimal| rule.measure().is_some_and(|q| v.counts(q).is_some());
        if self.value.as_ref().is_some_and(|v| !exact(v)) {
            let fix = "write as many decimal places as the quantity has, or leave it out";
            return Err(Wrong::new(format!("expect[{n}].value"), "can never be", fix));
        }
        Ok(Line { after, kind, level: self.level, value: self.value })
    }
}

/// What differs, in order.
fn compare(expected: &[Line], told: &[Line]) -> Vec<String> {
    let mut faults = Vec::new();
    let longest = expected.len().max(told.len());
    for n in 0..longest {
        match (expected.get(n), told.get(n)) {
            (Some(e), Some(t)) if e.matches(t) => {}
            (Some(e), Some(t)) => {
                faults.push(format!("expected {}, came {}", e.written(), t.written()));
            }
            (Some(e), None) => faults.push(format!("expected {}, nothing came", e.written())),
            (None, Some(t)) => faults.push(format!("nothing expected, came {}", t.written())),
            (None, None) => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(after: i64, kind: TransitionKind, value: Option<&str>) -> Line {
        Line { after, kind, level: 1, value: value.and_then(|v| v.parse().ok()) }
    }

    #[test]
    fn a_value_that_is_not_given_is_not_compared() {
        use TransitionKind::{Cleared, Raised};
        let told = [line(60_000_000, Raised, Some("80.1")), line(9, Cleared, Some("79"))];
        assert!(
            compare(&[line(60_000_000, Raised, None), line(9, Cleared, None)], &told).is_empty()
        );
        let faults = compare(&[line(60_000_000, Raised, Some("80"))], &told);
        assert_eq!(
            faults,
            [
                "expected raised 1 after 1m, value 80, came raised 1 after 1m, value 80.1",
                "nothing expected, came cleared 1 after 0, value 79",
            ]
        );
    }

    #[test]
    fn every_shipped_rule_has_tests_and_passes_them() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/rules");
        let tests = crate::rules::files(&top.join("tests")).unwrap();
        test(&Test { paths: vec![top.join("tests")] }).unwrap();
        let named = |path: &Path| path.file_name().map(ToOwned::to_owned);
        for folder in [top.clone(), top.join("more")] {
            for rule in crate::rules::files(&folder).unwrap() {
                let has = tests.iter().any(|test| named(test) == named(&rule));
                assert!(has, "{} has no tests", rule.display());
            }
        }
    }
}
