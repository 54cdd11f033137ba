//! The siren as timelines.

use alloc::vec;

use proptest::prelude::*;

use super::*;

const S: u64 = 1_000_000;
const LIMIT: u64 = 600 * S;

fn at(seconds: u64) -> UptimeMicros {
    UptimeMicros(seconds * S)
}

fn call(rule: &str, episode: u8, level: u8) -> Call {
    let rule = RuleId::new(rule).unwrap();
    Call { rule, version: 1, episode: EpisodeId([episode; 16]), level }
}

#[test]
fn it_sounds_until_somebody_resets_it_also_when_the_danger_is_over() {
    let mut siren = Siren::default();
    assert_eq!(siren.tone(at(0)), Tone::Quiet);
    siren.take([call("flood", 1, 3)]);
    assert_eq!(siren.tone(at(1)), Tone::Alarm);
    siren.take([]);
    assert_eq!(siren.tone(at(2)), Tone::Alarm, "latched");
    assert_eq!(siren.reset().map(|r| r.len()), Ok(1));
    assert_eq!(siren.tone(at(2)), Tone::Quiet);
    assert_eq!(siren.latched(), []);
    assert_eq!(siren.reset(), Err(SirenRefusal::NothingSounds));
}

#[test]
fn after_a_reset_only_worse_or_something_new_sounds() {
    let mut siren = Siren::default();
    siren.take([call("flood", 1, 3)]);
    siren.reset().unwrap();
    siren.take([call("flood", 1, 3)]);
    assert_eq!(siren.tone(at(1)), Tone::Quiet);
    siren.take([call("flood", 1, 4)]);
    assert_eq!(siren.tone(at(2)), Tone::Alarm, "a higher level");
    siren.reset().unwrap();
    siren.take([call("flood", 1, 3)]);
    assert_eq!(siren.tone(at(3)), Tone::Quiet, "a lower one");
    siren.take([call("flood", 1, 3), call("slope", 7, 2)]);
    assert_eq!(siren.tone(at(4)), Tone::Alarm, "another rule");
    siren.reset().unwrap();
    siren.take([]);
    siren.take([call("flood", 2, 3)]);
    assert_eq!(siren.tone(at(5)), Tone::Alarm, "another episode");
}

#[test]
fn it_falls_silent_after_its_time_and_a_restart_gives_it_no_more() {
    let mut siren = Siren::default();
    siren.tick(at(0), LIMIT);
    siren.take([call("flood", 1, 3)]);
    assert_eq!(siren.rest_us(at(0), LIMIT), Some(LIMIT));
    assert_eq!(siren.tick(at(400), LIMIT), []);
    let kept = serde_json::to_string(&siren).unwrap();
    let mut siren: Siren = serde_json::from_str(&kept).unwrap();
    assert_eq!(siren.tone(at(3)), Tone::Alarm, "it sounds again after a restart");
    siren.tick(at(3), LIMIT);
    assert_eq!(siren.tick(at(202), LIMIT), []);
    let exhausted = siren.tick(at(203), LIMIT);
    assert_eq!(exhausted.len(), 1);
    assert_eq!(siren.tone(at(203)), Tone::Quiet);
    assert_eq!(siren.latched().len(), 1, "and nobody has reset it");
    siren.take([call("flood", 1, 5)]);
    assert_eq!(siren.tone(at(204)), Tone::Alarm, "a higher level has its own time");
}

#[test]
fn a_silence_ends_by_itself_or_with_something_worse_and_takes_no_time_from_the_alarm() {
    let mut siren = Siren::default();
    assert_eq!(siren.silence(at(0), S), Err(SirenRefusal::NothingSounds));
    siren.take([call("flood", 1, 3)]);
    siren.tick(at(0), LIMIT);
    siren.silence(at(0), 300 * S).unwrap();
    assert_eq!(siren.rest_us(at(10), LIMIT), Some(290 * S));
    assert_eq!(siren.tone(at(299)), Tone::Quiet);
    siren.tick(at(299), LIMIT);
    siren.tick(at(300), LIMIT);
    assert_eq!(siren.tone(at(300)), Tone::Alarm);
    assert_eq!(siren.latched()[0].sounded_us, 0);
    siren.silence(at(301), 300 * S).unwrap();
    siren.take([call("flood", 1, 4)]);
    assert_eq!(siren.tone(at(302)), Tone::Alarm);
    siren.silence(at(303), 300 * S).unwrap();
    let kept = serde_json::to_string(&siren).unwrap();
    let siren: Siren = serde_json::from_str(&kept).unwrap();
    assert_eq!(siren.tone(at(1)), Tone::Alarm, "a restart ends a silence");
}

#[test]
fn what_sounds_around_a_silence_counts_also_when_nobody_looked_at_its_edges() {
    let mut siren = Siren::default();
    siren.tick(at(0), LIMIT);
    siren.take([call("flood", 1, 3)]);
    siren.silence(at(100), 50 * S).unwrap();
    siren.tick(at(200), LIMIT);
    assert_eq!(siren.latched()[0].sounded_us, 150 * S, "100 s before it and 50 s after it");
    siren.silence(at(250), 50 * S).unwrap();
    siren.silence(at(320), 50 * S).unwrap();
    siren.tick(at(400), LIMIT);
    assert_eq!(siren.latched()[0].sounded_us, 250 * S, "50, 20 and 30 s more");
}

#[test]
fn a_test_is_three_short_pulses_and_gives_way_to_an_alarm() {
    let mut siren = Siren::default();
    siren.test(at(10)).unwrap();
    assert_eq!(siren.test(at(11)), Err(SirenRefusal::Occupied));
    let tone = |siren: &Siren, ms: u64| siren.tone(UptimeMicros(10 * S + ms * 1000));
    let heard: Vec<bool> = (0..40).map(|n| tone(&siren, n * 100).on()).collect();
    let pulse = [vec![true; 3], vec![false; 7]].concat();
    assert_eq!(heard, [pulse.clone(), pulse.clone(), pulse, vec![false; 10]].concat());
    assert_eq!(siren.rest_us(at(10), LIMIT), Some(TEST_ON_US));
    assert_eq!(siren.rest_us(UptimeMicros(10 * S + 500_000), LIMIT), Some(500_000));
    siren.take([call("flood", 1, 3)]);
    assert_eq!(tone(&siren, 500), Tone::Alarm);
    assert_eq!(siren.test(at(11)), Err(SirenRefusal::Occupied));
    siren.reset().unwrap();
    assert_eq!(siren.test(at(12)), Err(SirenRefusal::Occupied), "the danger is not over");
    siren.take([]);
    siren.test(at(13)).unwrap();
    siren.tick(at(16), LIMIT);
    assert_eq!((siren.tone(at(16)), siren.rest_us(at(16), LIMIT)), (Tone::Quiet, None));
}

#[derive(Debug, Clone)]
enum Step {
    Call(u8, u8, u8),
    Over,
    Reset,
    Silence(u64),
    Test,
    Restart,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u8..3, 0_u8..3, 1_u8..6).prop_map(|(r, e, l)| Step::Call(r, e, l)),
        1 => Just(Step::Over),
        1 => Just(Step::Reset),
        1 => (1_u64..2000).prop_map(Step::Silence),
        1 => Just(Step::Test),
        1 => Just(Step::Restart),
        3 => (1_u64..300).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever people do: no alarm without a call, no alarm longer than its time after the last
    /// call, and nothing but a reset, a silence or its time ends one.
    #[test]
    fn no_alarm_without_a_call_and_none_ends_by_itself(steps in prop::collection::vec(step(), 1..60)) {
        let (mut siren, mut now) = (Siren::default(), 0);
        siren.tick(at(0), LIMIT);
        // How long what sounds may go on.
        let mut left = 0;
        for step in steps {
            let before = siren.tone(at(now));
            match step {
                Step::Call(rule, episode, level) => {
                    let name = ["flood", "slope", "rain"][usize::from(rule)];
                    siren.take([call(name, episode, level)]);
                    // The same alarm again neither gets its time again nor loses a silence.
                    left = left.max(LIMIT / S);
                }
                Step::Over => {
                    siren.take([]);
                    prop_assert_eq!(before == Tone::Alarm, siren.tone(at(now)) == Tone::Alarm);
                }
                Step::Reset => {
                    let done = siren.reset();
                    prop_assert!(done.is_ok() || before != Tone::Alarm);
                    prop_assert!(siren.tone(at(now)) != Tone::Alarm);
                }
                Step::Silence(seconds) => {
                    if siren.silence(at(now), seconds * S).is_ok() {
                        left += seconds;
                    }
                }
                Step::Test => {
                    if siren.test(at(now)).is_ok() {
                        prop_assert!(before != Tone::Alarm && siren.latched().is_empty());
                    }
                }
                Step::Restart => {
                    let kept = serde_json::to_string(&siren).unwrap();
                    siren = serde_json::from_str(&kept).unwrap();
                    siren.tick(at(now), LIMIT);
                    if before == Tone::Alarm {
                        prop_assert_eq!(siren.tone(at(now)), Tone::Alarm);
                    }
                }
                Step::Wait(seconds) => {
                    now += seconds;
                    siren.tick(at(now), LIMIT);
                    left = left.saturating_sub(seconds);
                    if before == Tone::Alarm && siren.tone(at(now)) != Tone::Alarm {
                        prop_assert!(siren.latched().iter().any(|l| l.phase == Phase::Exhausted));
                    }
                }
            }
            if siren.tone(at(now)) == Tone::Alarm {
                prop_assert!(left > 0, "an alarm beyond its time");
            }
        }
    }
}
