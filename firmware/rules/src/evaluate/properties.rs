//! What must hold for every series of readings.

use std::{collections::BTreeMap, format, string::String, vec::Vec};

use proptest::prelude::*;
use tram_wire::{EpisodeId, Flag, Quality, Tests};

use super::timelines::{reading, rule, station, time};
use crate::{Observation, Rule, State, Transition, TransitionKind};

/// How late a reading may be in these tests, in seconds.
const LATE: i64 = 300;
/// Long after everything; keeps no reading from being settled.
const LATER: i64 = 10_000_000;

/// One reading: seconds since the one before, millimetres, how good (see [`quality`]), and by how
/// much it arrives late.
type Raw = (i64, i64, u8, i64);

fn quality(code: u8) -> (bool, Quality) {
    match code {
        0 => (false, Quality::missing(Tests::SENSOR_ERROR)),
        1 => (true, Quality { flag: Flag::Fail, tests: Tests::GROSS_RANGE }),
        2 => (true, Quality { flag: Flag::Suspect, tests: Tests::SPIKE }),
        3 => (true, Quality::NOT_EVALUATED),
        _ => (true, Quality::GOOD),
    }
}

fn raw(most: i64) -> impl Strategy<Value = Vec<Raw>> {
    let step = prop_oneof![8 => 1_i64..40, 1 => 40_i64..400, 1 => Just(0_i64)];
    let millimetres = prop_oneof![1 => 0_i64..most, 1 => 0_i64..most / 4];
    prop::collection::vec((step, millimetres, 0_u8..20, 0_i64..LATE), 1..80)
}

/// The readings with their times on two channels in turn, so that no channel has two at one
/// instant, and behind them a long calm that ends every episode.
fn series(raw: &[Raw], calm: bool) -> Vec<(Observation, i64)> {
    let mut at = 0;
    let mut all: Vec<_> = raw
        .iter()
        .enumerate()
        .map(|(n, (step, millimetres, code, delay))| {
            at += if n % 2 == 0 { *step.max(&1) } else { *step };
            let (there, quality) = quality(*code);
            let channel = if n % 2 == 0 { "a" } else { "b" };
            (reading(channel, at, there.then_some(*millimetres), quality), at + delay)
        })
        .collect();
    for n in 1..=if calm { 80 } else { 0 } {
        for channel in ["a", "b"] {
            let second = at + n * 20;
            all.push((reading(channel, second, Some(0), Quality::GOOD), second));
        }
    }
    all
}

/// What is left of an episode in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Story {
    /// The highest level that was told.
    peak: u8,
    end: Option<i64>,
}

fn fold(transitions: &[Transition]) -> BTreeMap<EpisodeId, Story> {
    let mut stories: BTreeMap<EpisodeId, Story> = BTreeMap::new();
    for t in transitions {
        match t.kind {
            TransitionKind::Raised => {
                let before = t.replaces.map(|old| stories.remove(&old).expect("was raised"));
                let story = stories.entry(t.episode).or_default();
                story.peak = story.peak.max(t.level).max(before.unwrap_or_default().peak);
            }
            TransitionKind::Cleared => {
                let story = stories.get_mut(&t.episode).expect("what is cleared was raised");
                assert_eq!(story.end.replace(t.at.0), None, "cleared once");
            }
            TransitionKind::Withdrawn => {
                stories.remove(&t.episode).expect("what is withdrawn was raised");
            }
            TransitionKind::Lowered => {
                let story = stories.get(&t.episode).expect("what is lowered was raised");
                assert!(story.end.is_none() && t.level > 0);
            }
            TransitionKind::NoData | TransitionKind::DataBack => {}
        }
    }
    stories
}

fn run(rule: &Rule, readings: impl Iterator<Item = Observation>) -> (State, Vec<Transition>) {
    let mut state = State::new(station());
    let told = readings.flat_map(|o| rule.observe(&mut state, &o, time(LATER))).collect();
    (state, told)
}

/// The announced level after each reading, in the order of time.
fn levels(rule: &Rule, readings: &[(Observation, i64)]) -> Vec<u8> {
    let mut state = State::new(station());
    readings
        .iter()
        .map(|(o, _)| {
            rule.observe(&mut state, o, time(LATER));
            state.level()
        })
        .collect()
}

const CHANNELS: &str = "channels=['a','b']\ngap_s=60\n";

/// Rules whose raises a late reading cannot disprove.
fn firm(late: i64) -> Vec<Rule> {
    [
        "hold_s=60",
        "hold_s=0",
        "hold_s=60\nstatistic='sum'\nwindow_s=100",
        "hold_s=40\nstatistic='max'\nwindow_s=90",
    ]
    .map(|keys| rule(&format!("{CHANNELS}late_s={late}\n{keys}")))
    .into()
}

/// Rules whose raises it can disprove.
fn loose() -> Vec<Rule> {
    [
        "hold_s=60\nfor_s=30",
        "hold_s=60\nstatistic='mean'\nwindow_s=100",
        "hold_s=60\nstatistic='rate'\nwindow_s=100\nabsolute=true",
    ]
    .map(|keys| rule(&format!("{CHANNELS}late_s={LATE}\n{keys}")))
    .into()
}

fn by_arrival(readings: &[(Observation, i64)]) -> Vec<Observation> {
    let mut sorted = readings.to_vec();
    sorted.sort_by_key(|(_, arrival)| *arrival);
    sorted.into_iter().map(|(o, _)| o).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any order of arrival within `late` gives the same episodes: the same names and ends, and
    /// no order hides a level. Each reading is on its way for less than `late`, so none is late
    /// by more.
    #[test]
    fn any_order_of_arrival_gives_the_same_episodes(raw in raw(60)) {
        let mut readings = series(&raw, true);
        let arrived = by_arrival(&readings);
        // Channels of one instant are taken in the order of their names.
        readings.sort_by_key(|(o, _)| (o.time, o.channel));
        for rule in firm(LATE).into_iter().chain(loose()) {
            let (state, told) = run(&rule, readings.iter().map(|(o, _)| *o));
            let (other_state, other_told) = run(&rule, arrived.iter().copied());
            prop_assert_eq!(state.late_total() + other_state.late_total(), 0);
            let (in_order, shuffled) = (fold(&told), fold(&other_told));
            prop_assert!(in_order.keys().eq(shuffled.keys()), "{:?}\n{:?}", in_order, shuffled);
            for (one, other) in in_order.values().zip(shuffled.values()) {
                prop_assert!(one.end.is_some() && one.end == other.end, "{:?} {:?}", one, other);
                prop_assert!(other.peak >= one.peak, "{:?} {:?}", one, other);
            }
        }
    }

    /// A reading that comes twice, and a state that is saved and read back, change nothing.
    #[test]
    fn repeats_and_restarts_change_nothing(raw in raw(60)) {
        let arrived = by_arrival(&series(&raw, true));
        for rule in firm(LATE).into_iter().chain(loose()) {
            let (state, once) = run(&rule, arrived.iter().copied());
            let mut twice_state = State::new(station());
            let mut twice = Vec::new();
            for o in &arrived {
                twice.extend(rule.observe(&mut twice_state, o, time(LATER)));
                let again = rule.observe(&mut twice_state, o, time(LATER));
                prop_assert_eq!(again, Vec::new());
                let saved = serde_json::to_string(&twice_state).unwrap();
                twice_state = serde_json::from_str(&saved).unwrap();
            }
            prop_assert_eq!(once, twice);
            prop_assert_eq!(state, twice_state);
        }
    }

    /// Readings turned into missing ones never make any later level lower.
    #[test]
    fn missing_data_never_lowers(raw in raw(60), lost in any::<u64>()) {
        let all = series(&raw, true);
        for rule in firm(0) {
            // A reading nobody ever saw cannot raise, so only what could not have raised may go:
            // of a window, whose sum every reading adds to, that is the calm at the end.
            let windowed = rule.statistic.windowed();
            let harmless = |n: usize, o: &Observation| {
                o.value.is_some_and(|v| v <= 800) && (!windowed || n >= raw.len())
            };
            let with_holes: Vec<_> = all
                .iter()
                .enumerate()
                .map(|(n, (o, arrival))| {
                    let gone = lost >> (n % 61) & 1 == 1 && harmless(n, o);
                    let missing = Quality::missing(Tests::SENSOR_ERROR);
                    let hole = Observation { value: None, quality: missing, ..*o };
                    (if gone { hole } else { *o }, *arrival)
                })
                .collect();
            let (whole, holes) = (levels(&rule, &all), levels(&rule, &with_holes));
            prop_assert!(whole.iter().zip(&holes).all(|(w, h)| h >= w), "{:?}\n{:?}", whole, holes);
        }
    }

    /// Missing and failed readings, silence and time lower nothing, whatever came before.
    #[test]
    fn nothing_but_good_readings_lowers(raw in raw(60), after in prop::collection::vec((1_i64..500, 0_u8..3), 1..50)) {
        for rule in firm(0).into_iter().chain(loose()) {
            let rule = Rule { no_data_s: Some(100), ..rule };
            let (mut state, _) = run(&rule, series(&raw, false).into_iter().map(|(o, _)| o));
            let level = state.level();
            let mut at: i64 = raw.iter().map(|(step, ..)| step.max(&1)).sum();
            for (step, what) in &after {
                at += step;
                let told = if *what == 2 {
                    rule.tick(&mut state, time(LATER + at))
                } else {
                    let (there, quality) = quality(*what);
                    let o = reading("a", at, there.then_some(0), quality);
                    rule.observe(&mut state, &o, time(LATER + at))
                };
                prop_assert!(told.iter().all(|t| t.kind == TransitionKind::NoData), "{:?}", told);
                prop_assert_eq!(state.level(), level);
            }
        }
    }

    /// More rain, in any readings, never gives a lower level at any time.
    #[test]
    fn more_rain_never_lowers(raw in raw(40), more in prop::collection::vec(0_i64..30, 80)) {
        let less = series(&raw, true);
        let wetter: Vec<_> = less
            .iter()
            .zip(more.iter().cycle())
            .map(|((o, arrival), more)| {
                (Observation { value: o.value.map(|v| v + more * 100), ..*o }, *arrival)
            })
            .collect();
        let mean = rule(&format!("{CHANNELS}hold_s=60\nstatistic='mean'\nwindow_s=100"));
        let slow = rule(&format!("{CHANNELS}hold_s=60\nfor_s=45"));
        for rule in firm(0).into_iter().chain([mean, slow]) {
            let (dry, wet) = (levels(&rule, &less), levels(&rule, &wetter));
            prop_assert!(dry.iter().zip(&wet).all(|(d, w)| w >= d), "{:?}\n{:?}", dry, wet);
        }
    }

    /// Whatever comes, nothing panics and the state stays bounded.
    #[test]
    fn absurd_readings_are_survived(
        readings in prop::collection::vec((any::<i64>(), any::<i64>(), any::<i64>(), 0_u8..20), 0..60),
    ) {
        for rule in firm(LATE).into_iter().chain(loose()) {
            let mut state = State::new(station());
            for (at, value, now, code) in &readings {
                let (there, quality) = quality(*code);
                let mut o = reading("a", 0, None, quality);
                o.time = tram_wire::UnixMicros(*at);
                o.value = there.then_some(*value);
                rule.observe(&mut state, &o, tram_wire::UnixMicros(*now));
                rule.tick(&mut state, tram_wire::UnixMicros(*now));
            }
            prop_assert!(state.entries.len() <= readings.len());
        }
    }
}

/// The rule file and a state in JSON, so that a change of either shape is noticed.
#[test]
fn a_saved_state_is_small_and_readable() {
    let rule = rule("hold_s=60\ngap_s=60\nlate_s=100");
    let two = [(0, 0), (1, 12)].map(|(at, v)| reading("a", at, Some(v), Quality::GOOD));
    let (state, _) = run(&rule, two.into_iter());
    let saved: String = serde_json::to_string(&state).unwrap();
    assert!(saved.contains("\"station\":\"lao-cai-river-01\""), "{saved}");
    assert!(saved.contains("[1725800001000000,0,1200,false,null]"), "{saved}");
    assert_eq!(serde_json::from_str::<State>(&saved).unwrap(), state);
    assert!(saved.len() < 1500, "{}", saved.len());
}
