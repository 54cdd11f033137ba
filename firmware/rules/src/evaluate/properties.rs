//! What must hold for every series of readings.

use std::{collections::BTreeMap, format, string::String, vec::Vec};

use proptest::prelude::*;
use tram_wire::{EpisodeId, Flag, Quality, Quantity, Tests};

use super::timelines::{reading, rule, station, time};
use crate::{Decimal, Observation, Rule, State, Statistic, Transition, TransitionKind};

/// How late a reading may be in these tests, in seconds.
const LATE: i64 = 300;
/// How much slower everything goes for statistics that count in steps of minutes and hours.
const SLOWLY: i64 = 30;
/// Long after everything; keeps no reading from being settled.
const LATER: i64 = 100_000_000;

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
///
/// In the quantities of a rule, and slowly where it counts in steps.
fn series_for(rule: &Rule, raw: &[Raw], calm: bool) -> Vec<(Observation, i64)> {
    let slowly = if rule.statistic.stepped() { SLOWLY } else { 1 };
    let raw: Vec<Raw> = raw.iter().map(|r| (r.0 * slowly, r.1, r.2, r.3 * slowly)).collect();
    let mut all = at_pace(&raw, calm, slowly);
    if rule.statistic == Statistic::Aqi {
        for (o, _) in &mut all {
            o.quantity = if o.channel.as_str() == "a" { Quantity::Pm10 } else { Quantity::Pm25 };
        }
    }
    all
}

fn at_pace(raw: &[Raw], calm: bool, slowly: i64) -> Vec<(Observation, i64)> {
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
            let second = at + n * 20 * slowly;
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

/// Rules of every statistic that counts in steps of rain; a late reading cannot disprove them.
fn of_rain(late: i64) -> Vec<Rule> {
    let common = format!("{CHANNELS}gap_s=1800\nhold_s=1800\nlate_s={}\n", late * SLOWLY);
    let common = common.replace("gap_s=60\n", "");
    let mut rules: Vec<Rule> = [
        "statistic='daily-rain'\nwindow_s=3600",
        "statistic='daily-rain'\nwindow_s=1200\nrainy_day=20",
        "statistic='antecedent-rain'\nwindow_s=1200\nantecedent=0.201",
        "statistic='intensity-duration'\nwindow_s=7200\ncurve={alpha=1.5,beta=0.39}",
        "statistic='soil-water-index'\nwindow_s=3600",
    ]
    .map(|keys| rule(&format!("{common}{keys}")))
    .into();
    for rule in rules.iter_mut().filter(|rule| rule.rainy_day.is_some()) {
        for (level, days) in rule.levels.iter_mut().zip(0..) {
            level.rainy_days = days;
        }
    }
    rules
}

/// Rules of the statistics that count in steps and are not of rain.
fn of_other_steps() -> Vec<Rule> {
    let common = format!("channels=['a','b']\ngap_s=1800\nhold_s=1800\nlate_s={}", LATE * SLOWLY);
    [
        "statistic='aqi'\nwindow_s=3600\nquantities=['pm10','pm2_5']",
        "statistic='inverse-velocity'\nwindow_s=14400\nfit=0.1\nbelow=true",
    ]
    .map(|keys| rule(&format!("{common}\n{keys}")))
    .map(|rule| if rule.below { upside_down(rule) } else { rule })
    .into()
}

/// The levels of a rule for which low values are bad: 30, 20 and 10, cleared 2 above.
fn upside_down(mut rule: Rule) -> Rule {
    for level in &mut rule.levels {
        let number = i64::from(level.level);
        let decimal = |whole: i64| Decimal::from_counts(whole * 1000, Quantity::Dimensionless);
        (level.raise, level.clear) = (decimal(40 - number * 10), decimal(42 - number * 10));
    }
    rule
}

fn together() -> Vec<Rule> {
    [
        "combine={of='channels',need='all'}",
        "combine={of='channels',need=2}\nstatistic='sum'\nwindow_s=100",
        "also=[{channels=['b'],quantity='rain',statistic='max',window_s=60,raise=12,clear=8}]",
    ]
    .map(|keys| rule(&format!("{CHANNELS}late_s={LATE}\nhold_s=60\n{keys}")))
    .into()
}

fn every() -> Vec<Rule> {
    let all = firm(LATE).into_iter().chain(loose()).chain(of_rain(LATE));
    all.chain(of_other_steps()).chain(together()).collect()
}

/// Whether a late reading may show that a level was never reached.
fn can_be_disproved(rule: &Rule) -> bool {
    matches!(rule.statistic, Statistic::Mean | Statistic::Rate)
        || matches!(rule.statistic, Statistic::Aqi | Statistic::InverseVelocity)
        || !rule.also.is_empty()
        || rule.combine.is_some()
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
        for rule in every() {
            let mut readings = series_for(&rule, &raw, true);
            let arrived = by_arrival(&readings);
            // Channels of one instant are taken in the order of their names.
            readings.sort_by_key(|(o, _)| (o.time, o.channel));
            let (state, told) = run(&rule, readings.iter().map(|(o, _)| *o));
            let (other_state, other_told) = run(&rule, arrived.iter().copied());
            prop_assert_eq!(state.late_total() + other_state.late_total(), 0);
            let (in_order, shuffled) = (fold(&told), fold(&other_told));
            prop_assert!(in_order.keys().eq(shuffled.keys()), "{:?}\n{:?}", in_order, shuffled);
            // Soil takes weeks to dry; two channels may both stay up.
            let ends = !matches!(rule.statistic, Statistic::SoilWaterIndex);
            for (one, other) in in_order.values().zip(shuffled.values()) {
                prop_assert!(one.end.is_some() || !ends, "{:?} {:?}", rule, one);
                prop_assert!(one.end == other.end, "{:?} {:?}", one, other);
                prop_assert!(other.peak >= one.peak, "{:?} {:?}", one, other);
            }
        }
    }

    /// A reading that comes twice, and a state that is saved and read back, change nothing.
    #[test]
    fn repeats_and_restarts_change_nothing(raw in raw(60)) {
        for rule in every() {
            let arrived = by_arrival(&series_for(&rule, &raw, true));
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
        for rule in firm(0).into_iter().chain(of_rain(0)) {
            let all = series_for(&rule, &raw, true);
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
        for rule in every() {
            let rule = Rule { no_data_s: Some(100), ..rule }.in_order();
            let readings = series_for(&rule, &raw, false);
            let mut at = readings.last().map_or(0, |(o, _)| super::timelines::second(o.time));
            let (mut state, _) = run(&rule, readings.into_iter().map(|(o, _)| o));
            let level = state.level();
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
        let mean = rule(&format!("{CHANNELS}hold_s=60\nstatistic='mean'\nwindow_s=100"));
        let slow = rule(&format!("{CHANNELS}hold_s=60\nfor_s=45"));
        let together = together().into_iter().map(Rule::in_order);
        let rain = firm(0).into_iter().chain(of_rain(0)).chain(together);
        for rule in rain.chain([mean, slow]) {
            let less = series_for(&rule, &raw, true);
            let wetter: Vec<_> = less
                .iter()
                .zip(more.iter().cycle())
                .map(|((o, arrival), more)| {
                    (Observation { value: o.value.map(|v| v + more * 100), ..*o }, *arrival)
                })
                .collect();
            let (dry, wet) = (levels(&rule, &less), levels(&rule, &wetter));
            prop_assert!(dry.iter().zip(&wet).all(|(d, w)| w >= d), "{:?}\n{:?}", dry, wet);
        }
    }

    /// Whatever an hour brings, in whatever order: while `hold` lasts as long, each level is said
    /// once at most and nothing is lowered.
    #[test]
    fn an_hour_of_flapping_gives_one_raise(raw in raw(60)) {
        for rule in every() {
            let slowly =
                if rule.statistic.stepped() { u32::try_from(SLOWLY).unwrap() } else { 1 };
            let rule = Rule { hold_s: 3600 * slowly, for_s: 0, ..rule };
            let hour = |(o, _): &(Observation, i64)| {
                super::timelines::second(o.time) <= 3600 * i64::from(slowly)
            };
            let mut readings = series_for(&rule, &raw, true);
            readings.retain(hour);
            let (_, told) = run(&rule, by_arrival(&readings).into_iter());
            // A mean, a rate and what is made of them may turn out never to have been.
            let kept: Vec<_> = told.iter().filter(|t| t.replaces.is_none()).collect();
            let only_up = kept.iter().all(|t| {
                matches!(t.kind, TransitionKind::Raised | TransitionKind::Withdrawn)
                    || t.kind == TransitionKind::Lowered && can_be_disproved(&rule)
            });
            prop_assert!(only_up, "{:?}\n{:?}", rule, told);
            if !can_be_disproved(&rule) {
                prop_assert!(kept.windows(2).all(|w| w[0].level < w[1].level), "{:?}\n{:?}", rule, told);
            }
        }
    }

    /// Whatever comes, nothing panics and the state stays bounded.
    #[test]
    fn absurd_readings_are_survived(
        readings in prop::collection::vec((any::<i64>(), any::<i64>(), any::<i64>(), 0_u8..20), 0..60),
    ) {
        for rule in every() {
            let mut state = State::new(station());
            for (at, value, now, code) in &readings {
                let (there, quality) = quality(*code);
                let mut o = reading("a", 0, None, quality);
                o.quantity = rule.quantities.first().copied().unwrap_or(o.quantity);
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
