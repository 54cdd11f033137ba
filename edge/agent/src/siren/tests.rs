//! The watch as timelines, with a relay to look at.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use embedded_hal::digital::{ErrorType, OutputPin};
use tram_wire::{ClockState, Quality, Quantity};

use super::*;
use crate::hal::{HalError, Output};

/// A relay: whether it is pulled, how often it has changed, whether it refuses.
#[derive(Clone, Default)]
struct Lamp {
    on: Arc<AtomicBool>,
    changes: Arc<AtomicU32>,
    broken: Arc<AtomicBool>,
}

impl Lamp {
    fn on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    fn set(&self, on: bool) -> Result<(), HalError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(HalError::NoAnswer);
        }
        if self.on.swap(on, Ordering::Relaxed) != on {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl ErrorType for Lamp {
    type Error = HalError;
}

impl OutputPin for Lamp {
    fn set_low(&mut self) -> Result<(), HalError> {
        self.set(false)
    }
    fn set_high(&mut self) -> Result<(), HalError> {
        self.set(true)
    }
}

fn rule() -> Rule {
    let words = |w: &str| serde_json::json!({ "vi": w, "en": w, "zh": w });
    let text = serde_json::json!({
        "event": "e", "headline": "h", "description": "d", "instruction": "i", "cleared": "c",
    });
    let rule = serde_json::json!({
        "id": "flood", "version": 1, "hazard": "flood", "legal": "none",
        "stations": ["a-1"], "channels": ["water_level"], "quantity": "water_level",
        "hold_s": 60, "siren_from": 2,
        "level": [
            { "level": 1, "name": words("I"), "raise": 80.0, "clear": 79.0 },
            { "level": 2, "name": words("II"), "raise": 82.0, "clear": 81.0 },
        ],
        "text": { "vi": text, "en": text, "zh": text },
    });
    serde_json::from_value::<Rule>(rule).unwrap().in_order()
}

fn at(second: u64) -> UptimeMicros {
    UptimeMicros(second * 1_000_000)
}

fn by() -> Text<64> {
    Text::new("Lan").unwrap()
}

fn watch(kept: &[u8], lamp: &Lamp, second: u64) -> Watch {
    let relay: Output = Box::new(lamp.clone());
    let parts = Parts {
        node: NodeId::new("a-1").unwrap(),
        rules: vec![rule()],
        channels: vec![ChannelName::new("water_level").unwrap()],
        kept: Kept::decoded(kept).unwrap_or_default(),
        relay: Some(Relay::new(relay)),
        button: None,
        limit_us: 600_000_000,
    };
    Watch::new(parts, at(second))
}

fn level(watch: &mut Watch, second: u64, millimetres: i64) -> Vec<(u8, bool)> {
    let uptime = at(second);
    let time = UnixMicros(i64::try_from(uptime.0).unwrap());
    let observation = Observation {
        station: NodeId::new("a-1").unwrap(),
        channel: ChannelName::new("water_level").unwrap(),
        quantity: Quantity::WaterLevel,
        time,
        value: Some(millimetres),
        quality: Quality::GOOD,
    };
    let now = Moment { unix: time, uptime, state: ClockState::Ntp };
    let decisions = watch.observe(&observation, now);
    decisions.iter().map(|d| (d.transition.level, d.siren)).collect()
}

fn kinds(done: &[Done]) -> Vec<AlarmKind> {
    done.iter().map(|d| d.kind).collect()
}

#[test]
fn the_siren_sounds_from_its_level_on_through_a_restart_until_somebody_resets_it() {
    let lamp = Lamp::default();
    let mut w = watch(b"", &lamp, 0);
    assert_eq!(level(&mut w, 0, 79_000), []);
    assert_eq!(level(&mut w, 10, 80_500), [(1, false)]);
    assert!(!lamp.on());
    assert_eq!(level(&mut w, 20, 82_100), [(2, true)]);
    assert!(lamp.on());
    let kept = w.encoded();
    lamp.on.store(false, Ordering::Relaxed);
    let mut w = watch(&kept, &lamp, 25);
    assert!(lamp.on(), "a restart in the middle of a flood does not silence it");
    assert_eq!(level(&mut w, 30, 82_200), [], "and tells nothing twice");
    assert_eq!(level(&mut w, 40, 80_900), []);
    // The end of the hold is final once a later reading is there.
    let lowered: Vec<_> =
        [70, 101, 102].into_iter().flat_map(|s| level(&mut w, s, 80_800)).collect();
    assert_eq!(lowered, [(1, true)], "the danger is over, and nobody has reset the siren");
    assert!(lamp.on());
    let (verdict, done) = w.act(Act::Reset, Actor::Here, by(), at(103));
    assert_eq!((verdict, kinds(&done)), (Verdict::Done, vec![AlarmKind::Reset]));
    let alarm = done[0].alarm.unwrap();
    assert_eq!((alarm.rule.as_str(), alarm.level, done[0].siren), ("flood", 2, false));
    assert_eq!(done[0].channel.unwrap().as_str(), "water_level");
    assert!(!lamp.on());
    assert_eq!(w.act(Act::Reset, Actor::Here, by(), at(104)).0, Verdict::NothingSounds);
}

#[test]
fn a_stop_releases_the_relay_and_the_next_start_pulls_it_again() {
    let lamp = Lamp::default();
    let mut w = watch(b"", &lamp, 0);
    level(&mut w, 20, 82_100);
    w.stop(at(21));
    assert!(!lamp.on());
    let w = watch(&w.encoded(), &lamp, 30);
    assert!(lamp.on() && w.report(at(30)).tone == "alarm");
}

#[test]
fn an_alarm_ends_after_its_time_and_says_so() {
    let lamp = Lamp::default();
    let mut w = watch(b"", &lamp, 0);
    level(&mut w, 20, 82_100);
    assert_eq!(kinds(&w.look(at(20))), []);
    assert_eq!(w.rest_us(at(20)), Some(580_000_000));
    assert_eq!(kinds(&w.look(at(599))), []);
    let done = w.look(at(620));
    assert_eq!(kinds(&done), [AlarmKind::Exhausted]);
    assert!(!done[0].siren && !lamp.on());
}

#[test]
fn a_test_is_no_alarm() {
    let lamp = Lamp::default();
    let mut w = watch(b"", &lamp, 0);
    let (verdict, done) = w.act(Act::Test, Actor::Centre, by(), at(10));
    assert_eq!((verdict, kinds(&done)), (Verdict::Done, vec![AlarmKind::Tested]));
    assert!(done[0].alarm.is_none() && !done[0].siren, "it is told as a test");
    for ms in 0..4000 {
        w.look(UptimeMicros(10_000_000 + ms * 1000));
    }
    assert_eq!(lamp.changes.load(Ordering::Relaxed), 6, "three pulses");
    level(&mut w, 20, 82_100);
    assert_eq!(w.act(Act::Test, Actor::Here, by(), at(21)).0, Verdict::Occupied);
    assert!(lamp.on());
}

#[test]
fn a_drill_never_moves_the_relay() {
    let lamp = Lamp::default();
    let mut w = watch(b"", &lamp, 0);
    let (verdict, done) = w.act(Act::Drill, Actor::Centre, by(), at(1));
    assert_eq!((verdict, kinds(&done)), (Verdict::Done, vec![AlarmKind::Drilled]));
    assert!(!done[0].siren);
    (0..10_000).for_each(|ms| assert!(w.look(at(2 + ms)).is_empty()));
    assert_eq!(lamp.changes.load(Ordering::Relaxed), 0);
    // Nor does it touch what the rules remember.
    assert_eq!(level(&mut w, 10_010, 82_100), [(2, true)]);
    assert_eq!(w.act(Act::Drill, Actor::Centre, by(), at(10_011)).0, Verdict::Occupied);
    assert_eq!(lamp.changes.load(Ordering::Relaxed), 1);
}

#[test]
fn a_relay_that_refuses_is_tried_again_and_told() {
    let lamp = Lamp::default();
    let mut w = watch(b"", &lamp, 0);
    lamp.broken.store(true, Ordering::Relaxed);
    assert_eq!(
        level(&mut w, 20, 82_100),
        [(2, false)],
        "the centre must not believe that it sounds"
    );
    assert!(w.report(at(21)).relay_fails);
    lamp.broken.store(false, Ordering::Relaxed);
    w.look(at(22));
    assert!(lamp.on() && !w.report(at(22)).relay_fails);
}

#[test]
fn without_a_siren_nothing_can_be_done_with_it() {
    let lamp = Lamp::default();
    let mut w = watch(b"", &lamp, 0);
    w.relay = None;
    for act in [Act::Test, Act::Reset, Act::Silence(1), Act::Drill] {
        assert_eq!(w.act(act, Actor::Centre, by(), at(1)).0, Verdict::NoSiren);
    }
    assert_eq!(level(&mut w, 20, 82_100), [(2, false)]);
}
