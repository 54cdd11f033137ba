//! Given these readings at these times, expect these transitions.

use std::{format, string::String, vec, vec::Vec};

use tram_wire::{ChannelName, Flag, NodeId, Quality, Quantity, Tests, UnixMicros};

use crate::{Claim, Observation, Rule, State, Transition, episode_id};

/// Seconds since the start of the timeline, which is some day of 2024.
pub(crate) fn time(second: i64) -> UnixMicros {
    UnixMicros(1_725_800_000_000_000 + second * 1_000_000)
}

pub(crate) fn second(t: UnixMicros) -> i64 {
    (t.0 - time(0).0) / 1_000_000
}

pub(crate) fn station() -> NodeId {
    NodeId::new("lao-cai-river-01").unwrap()
}

/// A rule with levels 1, 2, 3 at 10, 20, 30 mm of whatever, cleared 2 below, with these keys on
/// top.
pub(crate) fn rule(keys: &str) -> Rule {
    let texts = "event='e'\nheadline='h'\ndescription='d'\ninstruction='i'\ncleared='c'\n";
    let mut text = format!(
        "id='r'\nversion=1\nhazard='flood'\nlegal='test'\nstations=['*']\nquantity='rain'\n{keys}\n"
    );
    if !keys.contains("channels") {
        text += "channels=['a']\n";
    }
    for level in 1..=3 {
        text += &format!("[[level]]\nlevel={level}\nraise={level}0\nclear={}\n", level * 10 - 2);
        text += "name={vi='v',en='e',zh='z'}\n";
    }
    for language in ["vi", "en", "zh"] {
        text += &format!("[text.{language}]\n{texts}");
    }
    toml::from_str(&text).unwrap()
}

pub(crate) fn reading(
    channel: &str,
    at: i64,
    millimetres: Option<i64>,
    quality: Quality,
) -> Observation {
    Observation {
        station: station(),
        channel: ChannelName::new(channel).unwrap(),
        quantity: Quantity::Rain,
        time: time(at),
        value: millimetres.map(|v| v * 100),
        quality,
    }
}

/// Kind, level, time and value in millimetres of each transition.
fn told(transitions: &[Transition]) -> Vec<(&'static str, u8, i64, i64)> {
    transitions.iter().map(|t| (t.kind.name(), t.level, second(t.at), t.value / 100)).collect()
}

struct Timeline {
    rule: Rule,
    state: State,
}

impl Timeline {
    fn new(keys: &str) -> Self {
        Self { rule: rule(keys), state: State::new(station()) }
    }

    fn at(&mut self, second: i64, millimetres: i64) -> Vec<Transition> {
        self.take(reading("a", second, Some(millimetres), Quality::GOOD))
    }

    fn take(&mut self, o: Observation) -> Vec<Transition> {
        self.rule.observe(&mut self.state, &o, time(1_000_000))
    }

    fn run(&mut self, readings: &[(i64, i64)]) -> Vec<Transition> {
        readings.iter().flat_map(|(at, v)| self.at(*at, *v)).collect()
    }
}

const SUSPECT: Quality = Quality { flag: Flag::Suspect, tests: Tests::NONE };
const FAIL: Quality = Quality { flag: Flag::Fail, tests: Tests::GROSS_RANGE };

#[test]
fn a_river_rises_at_once_and_falls_after_the_hold_time() {
    let mut t = Timeline::new("hold_s=60\ngap_s=60");
    let all = t.run(&[
        (0, 5),
        (10, 10),
        (20, 12),
        (30, 31),
        (40, 28),
        (70, 28),
        (100, 28),
        (110, 9),
        (170, 8),
        (230, 8),
        (240, 8),
    ]);
    assert_eq!(
        told(&all),
        [
            ("raised", 1, 10, 10),
            ("raised", 3, 30, 31),
            ("lowered", 2, 100, 28),
            ("lowered", 1, 170, 8),
            ("cleared", 0, 230, 8),
        ]
    );
    let id = episode_id(&t.rule.id, 1, &station(), time(10));
    assert!(all.iter().all(|x| x.episode == id && x.replaces.is_none()));
}

#[test]
fn lowering_waits_until_nothing_late_can_contradict() {
    let mut t = Timeline::new("hold_s=60\ngap_s=60\nlate_s=100");
    let all = t.run(&[(0, 10), (20, 5), (50, 5), (80, 5), (110, 5), (140, 5), (170, 5), (180, 5)]);
    // Clear since 20, held at 80, final when a reading behind 180 can no longer precede it.
    assert_eq!(told(&all), [("raised", 1, 0, 10)]);
    assert_eq!(told(&t.at(181, 5)), [("cleared", 0, 80, 5)]);
}

#[test]
fn an_hour_of_flapping_gives_one_raise() {
    for late in [0, 600] {
        let mut t = Timeline::new(&format!("hold_s=1800\ngap_s=60\nlate_s={late}"));
        let flapping: Vec<_> =
            (0..360).map(|n| (n * 10, if n % 2 == 0 { 10 } else { 5 })).collect();
        assert_eq!(told(&t.run(&flapping)), [("raised", 1, 0, 10)]);
        // The same between two levels.
        let mut t = Timeline::new(&format!("hold_s=1800\ngap_s=60\nlate_s={late}"));
        let flapping: Vec<_> =
            (0..360).map(|n| (n * 10, if n % 2 == 0 { 20 } else { 17 })).collect();
        assert_eq!(told(&t.run(&flapping)), [("raised", 2, 0, 20)]);
    }
}

#[test]
fn the_space_between_clear_and_raise_neither_raises_nor_lowers() {
    let mut t = Timeline::new("hold_s=20\ngap_s=60");
    assert_eq!(t.run(&[(0, 9), (30, 9), (60, 9)]), vec![]);
    let all = t.run(&[(70, 10), (80, 8), (90, 9), (100, 8), (110, 8), (120, 8), (130, 8)]);
    assert_eq!(told(&all), [("raised", 1, 70, 10), ("cleared", 0, 120, 8)]);
}

#[test]
fn for_waits_and_a_gap_starts_it_anew() {
    let mut t = Timeline::new("for_s=30\nhold_s=0\ngap_s=20");
    assert_eq!(told(&t.run(&[(0, 10), (20, 10), (40, 10)])), [("raised", 1, 40, 10)]);
    let mut t = Timeline::new("for_s=30\nhold_s=0\ngap_s=20");
    assert_eq!(t.run(&[(0, 10), (100, 10), (120, 10)]), vec![]);
    assert_eq!(told(&t.at(130, 10)), [("raised", 1, 130, 10)]);
}

#[test]
fn silence_within_the_hold_time_starts_it_anew() {
    let mut t = Timeline::new("hold_s=60\ngap_s=30");
    let all = t.run(&[(0, 10), (10, 5), (30, 5), (300, 5), (330, 5), (350, 5)]);
    assert_eq!(told(&all), [("raised", 1, 0, 10)]);
    assert_eq!(told(&t.run(&[(360, 5), (361, 5)])), [("cleared", 0, 360, 5)]);
}

#[test]
fn missing_failed_and_suspect_readings_never_clear() {
    let missing = Quality::missing(Tests::SENSOR_ERROR);
    for (value, quality) in [(None, missing), (Some(0), FAIL), (Some(0), SUSPECT)] {
        let mut t = Timeline::new("hold_s=10\ngap_s=60");
        assert_eq!(t.at(0, 10).len(), 1);
        for n in 1..100 {
            assert_eq!(t.take(reading("a", n * 10, value, quality)), vec![], "{quality:?}");
        }
        assert_eq!(t.state.level(), 1);
    }
}

#[test]
fn a_failed_reading_does_not_raise_and_a_suspect_one_needs_a_second() {
    let mut t = Timeline::new("hold_s=10\ngap_s=60");
    assert_eq!(t.take(reading("a", 0, Some(50), FAIL)), vec![]);
    assert_eq!(t.take(reading("a", 10, Some(5), Quality::GOOD)), vec![]);
    assert_eq!(t.take(reading("a", 20, Some(25), SUSPECT)), vec![]);
    assert_eq!(told(&t.take(reading("a", 30, Some(33), SUSPECT))), [("raised", 2, 30, 33)]);
    assert_eq!(told(&t.take(reading("a", 40, Some(33), SUSPECT))), [("raised", 3, 40, 33)]);
    // Across a gap one does not bear the other out.
    let mut t = Timeline::new("hold_s=10\ngap_s=60");
    assert_eq!(t.take(reading("a", 0, Some(50), SUSPECT)), vec![]);
    assert_eq!(t.take(reading("a", 100, Some(50), SUSPECT)), vec![]);
}

#[test]
fn rain_adds_up_over_the_window_and_a_hole_in_it_clears_nothing() {
    let mut t = Timeline::new("statistic='sum'\nwindow_s=60\nhold_s=0\ngap_s=10");
    let all = t.run(&(0..12).map(|n| (n * 10, 2)).collect::<Vec<_>>());
    assert_eq!(told(&all), [("raised", 1, 40, 10)]);
    // Rain stops, but one reading of the window is missing: its rain is not known.
    assert_eq!(t.take(reading("a", 120, None, Quality::missing(Tests::NONE))), vec![]);
    assert_eq!(t.run(&[(130, 0), (140, 0), (150, 0), (160, 0), (170, 0)]), vec![]);
    // At 180 it has left the window.
    assert_eq!(told(&t.run(&[(180, 0), (190, 0)])), [("cleared", 0, 180, 0)]);
}

#[test]
fn two_channels_of_a_station_are_one_episode() {
    let mut t = Timeline::new("hold_s=20\ngap_s=60\nchannels=['a','b']");
    let mut all = Vec::new();
    for (channel, at, v) in [
        ("a", 0, 10),
        ("b", 0, 20),
        ("a", 10, 0),
        ("b", 10, 20),
        ("a", 30, 0),
        ("b", 30, 0),
        ("a", 50, 0),
        ("b", 50, 0),
        ("b", 51, 0),
    ] {
        all.extend(t.take(reading(channel, at, Some(v), Quality::GOOD)));
    }
    assert_eq!(told(&all), [("raised", 1, 0, 10), ("raised", 2, 0, 20), ("cleared", 0, 50, 0)]);
    let channels: Vec<String> = all.iter().map(|t| format!("{}", t.channel)).collect();
    assert_eq!(channels, ["a", "b", "b"]);
    assert!(all.windows(2).all(|w| w[0].episode == w[1].episode));
}

#[test]
fn no_data_is_an_alert_of_its_own_and_leaves_the_level() {
    let mut t = Timeline::new("hold_s=60\ngap_s=60\nno_data_s=300");
    t.rule.texts.vi.no_data = Some(String::from("x"));
    let now = |t: &mut Timeline, s| t.rule.tick(&mut t.state, time(s));
    let o = reading("a", 0, Some(31), Quality::GOOD);
    assert_eq!(t.rule.observe(&mut t.state, &o, time(0)).len(), 1);
    assert_eq!(now(&mut t, 300), vec![]);
    let silence = now(&mut t, 301);
    assert_eq!(told(&silence), [("no_data", 3, 300, 31)]);
    assert_eq!(now(&mut t, 9_000), vec![]);
    // Old readings from the backlog do not end a silence that still lasts.
    let o = reading("a", 200, Some(31), Quality::GOOD);
    assert_eq!(t.rule.observe(&mut t.state, &o, time(9_000)), vec![]);
    let o = reading("a", 9_000, Some(0), Quality::GOOD);
    let back = t.rule.observe(&mut t.state, &o, time(9_001));
    assert_eq!(told(&back), [("data_back", 3, 9_000, 0)]);
    assert_eq!(back[0].episode, silence[0].episode);
    assert_eq!(t.state.level(), 3);
}

#[test]
fn a_station_that_never_spoke_is_silent_too() {
    let mut t = Timeline::new("hold_s=60\nno_data_s=300");
    assert_eq!(t.rule.tick(&mut t.state, time(0)), vec![]);
    assert_eq!(told(&t.rule.tick(&mut t.state, time(301))), [("no_data", 0, 300, 0)]);
}

#[test]
fn a_reading_from_the_future_makes_no_other_late() {
    let mut t = Timeline::new("hold_s=60\ngap_s=60\nlate_s=100");
    let o = reading("a", 86_000, Some(0), Quality::GOOD);
    t.rule.observe(&mut t.state, &o, time(0));
    let o = reading("a", 0, Some(31), Quality::GOOD);
    assert_eq!(told(&t.rule.observe(&mut t.state, &o, time(1))), [("raised", 3, 0, 31)]);
    assert_eq!(t.state.late_total(), 0);
}

#[test]
fn a_clock_that_ran_ahead_and_is_set_right_does_not_deafen_the_rule() {
    let mut t = Timeline::new("hold_s=60\ngap_s=60\nno_data_s=300");
    let year = 365 * 86_400;
    let at = |t: &mut Timeline, s, v| {
        let o = reading("a", s, Some(v), Quality::GOOD);
        t.rule.observe(&mut t.state, &o, time(s))
    };
    let raised = at(&mut t, year, 12);
    at(&mut t, year + 10, 12);
    // A few seconds back: waited for. A year back: the level holds, and the times begin anew.
    assert_eq!(at(&mut t, year + 5, 31), vec![]);
    assert_eq!(t.state.late_total(), 1);
    assert_eq!(at(&mut t, 10, 12), vec![]);
    assert_eq!((t.state.level(), t.state.late_total()), (1, 1));
    let higher = at(&mut t, 20, 31);
    assert_eq!(told(&higher), [("raised", 3, 20, 31)]);
    assert_eq!(higher[0].episode, raised[0].episode);
    let mut end = Vec::new();
    for s in [30, 60, 90, 100] {
        end.extend(at(&mut t, s, 0));
    }
    assert_eq!(told(&end), [("cleared", 0, 90, 0)]);
    assert_eq!(end[0].episode, raised[0].episode);
    // Silence is noticed by the new clock.
    assert_eq!(t.rule.tick(&mut t.state, time(401)).len(), 1);
}

#[test]
fn what_is_too_late_is_counted() {
    let mut t = Timeline::new("hold_s=60\ngap_s=60\nlate_s=100");
    t.run(&[(0, 0), (500, 0)]);
    assert_eq!(told(&t.at(400, 31)), [("raised", 3, 400, 31)]);
    assert_eq!(t.at(399, 31), vec![]);
    assert_eq!(t.state.late_total(), 1);
}

#[test]
fn a_late_reading_moves_the_start_and_renames_the_episode() {
    let mut t = Timeline::new("hold_s=60\ngap_s=600\nlate_s=600");
    let first = t.at(100, 10)[0];
    let moved = t.at(50, 12);
    assert_eq!(told(&moved), [("raised", 1, 50, 12)]);
    assert_eq!(moved[0].replaces, Some(first.episode));
    assert_eq!(moved[0].episode, episode_id(&t.rule.id, 1, &station(), time(50)));
    assert_eq!(t.state.open(&t.rule).collect::<Vec<_>>(), [(moved[0].episode, 1)]);
}

#[test]
fn a_late_reading_joins_two_episodes() {
    let mut t = Timeline::new("hold_s=60\ngap_s=600\nlate_s=600");
    let one = t.at(0, 10)[0];
    assert_eq!(t.run(&[(10, 0), (80, 0)]), vec![]);
    let two = t.at(100, 20)[0];
    assert_ne!(one.episode, two.episode);
    // The river never stayed down: at 40 it was up again.
    let joined = t.at(40, 10);
    assert_eq!(joined.len(), 1);
    assert_eq!((joined[0].episode, joined[0].replaces), (one.episode, Some(two.episode)));
    assert_eq!(joined[0].level, 2);
}

#[test]
fn what_a_late_reading_disproves_is_withdrawn() {
    let mut t = Timeline::new("for_s=30\nhold_s=60\ngap_s=60\nlate_s=600");
    let raised = t.run(&[(0, 10), (40, 10)]);
    assert_eq!(told(&raised), [("raised", 1, 40, 10)]);
    let back = t.at(20, 0);
    assert_eq!(back.len(), 1);
    assert_eq!((back[0].kind.name(), back[0].episode), ("withdrawn", raised[0].episode));
    assert_eq!(t.state.level(), 0);
}

#[test]
fn the_word_of_the_node_and_its_readings_are_one_episode() {
    let claim =
        Claim { channel: ChannelName::new("a").unwrap(), at: time(100), level: 3, value: 3100 };
    // The node's alarm overtakes; then come live readings, then the backlog.
    let mut t = Timeline::new("hold_s=60\ngap_s=60\nlate_s=900");
    let said = t.rule.adopt(&mut t.state, &claim, time(1_000_000));
    assert_eq!(told(&said), [("raised", 3, 100, 31)]);
    let later = t.run(&[(700, 32), (80, 5), (100, 31), (120, 31), (700, 32)]);
    assert_eq!(later, vec![]);
    assert_eq!(said[0].episode, episode_id(&t.rule.id, 1, &station(), time(100)));
    // On its own the centre gives it the same name.
    let mut alone = Timeline::new("hold_s=60\ngap_s=60\nlate_s=900");
    let own = alone.run(&[(80, 5), (100, 31), (120, 31)]);
    assert_eq!(own[0].episode, said[0].episode);
    // A level the rule does not have, or another channel, is not believed.
    assert_eq!(t.rule.adopt(&mut t.state, &Claim { level: 5, ..claim }, time(0)), vec![]);
    let other = Claim { channel: ChannelName::new("b").unwrap(), ..claim };
    assert_eq!(t.rule.adopt(&mut t.state, &other, time(0)), vec![]);
}

#[test]
fn in_order_gives_the_same_episodes_without_waiting() {
    let values = [0, 10, 31, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5];
    let readings: Vec<(i64, i64)> = (0..).map(|n| n * 30).zip(values).collect();
    let centre = Timeline::new("hold_s=60\ngap_s=60\nlate_s=120").run(&readings);
    let mut node = Timeline::new("hold_s=60\ngap_s=60\nlate_s=120");
    node.rule = node.rule.in_order();
    assert_eq!(node.run(&readings), centre);
    assert_eq!(centre.last().map(|t| t.kind.name()), Some("cleared"));
}

#[test]
fn a_changed_rule_takes_back_what_the_old_one_said() {
    let mut t = Timeline::new("hold_s=60\ngap_s=60");
    let old = t.at(0, 10)[0];
    t.rule.version = 2;
    let all = t.at(10, 10);
    assert_eq!(told(&all), [("withdrawn", 0, 0, 10), ("raised", 1, 10, 10)]);
    assert_eq!((all[0].episode, all[0].version), (old.episode, 1));
    assert_ne!(all[1].episode, old.episode);
}

#[test]
fn what_is_none_of_its_business_is_not_looked_at() {
    let mut t = Timeline::new("hold_s=60\ngap_s=60");
    let o = reading("a", 0, Some(31), Quality::GOOD);
    let other_station = NodeId::new("elsewhere").unwrap();
    for o in [
        Observation { quantity: Quantity::Displacement, ..o },
        Observation { channel: ChannelName::new("c").unwrap(), ..o },
        Observation { station: other_station, ..o },
    ] {
        assert_eq!(t.take(o), vec![]);
    }
    assert_eq!(t.state, State::new(station()));
}

#[test]
fn the_state_is_bounded_and_a_window_that_lost_readings_clears_nothing() {
    let mut t = Timeline::new("statistic='sum'\nwindow_s=86400\nhold_s=0\ngap_s=10\nlate_s=86400");
    for n in 0..20_000 {
        t.at(n, i64::from(n == 0) * 31);
        assert!(t.state.entries.len() <= crate::MAX_HELD_READINGS);
    }
    assert!(t.state.overflow_total() > 10_000);
    assert_eq!(t.state.level(), 3);
}
