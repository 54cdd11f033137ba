//! The sampler on a simulated clock, with emulated parts that fail.

use std::{
    collections::HashSet,
    sync::mpsc::{Receiver, sync_channel},
};

use tram_emulator::Fault;
use tram_node::BatchLimits;
use tram_wire::{ClockState, Flag, SensorErrorKind, Tests, UptimeMicros};

use super::*;
use crate::{
    clock::monotonic,
    config,
    hal::Emulated,
    keeper::Work,
    lost::Resume,
    sensor,
    siren::{Kept, Parts},
};

/// 2026-06-01T00:00:00Z.
const START_S: i64 = 1_780_272_000;
const YEAR_S: i64 = 366 * 86_400;
/// A look at everything.
const LOOK_MS: u64 = 20;
const NTP: ClockState = ClockState::Ntp;
const UNSET: ClockState = ClockState::Unsynchronised { boot: 7 };

const PARTS: &str = "\
[[dps310]]
interval_s = 1
pressure = \"pressure\"
temperature = \"air\"
[[tmp105]]
interval_s = 1
temperature = \"soil\"
[[rain_gauge]]
pin = 17
interval_s = 1
rain = \"rain\"
[channel.soil]
spike = 5.0
change_per_hour = 1000
";
const BAROMETER: usize = 0;
const THERMOMETER: usize = 1;

/// A reading as it was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    clock: ClockState,
    channel: &'static str,
    micros: i64,
    value: Option<i64>,
    quality: Quality,
}

struct Bench {
    sampler: Sampler,
    work: Receiver<Work>,
    board: Board,
    /// Uptime when the test began.
    base: u64,
    /// Milliseconds since then.
    passed: u64,
    /// Unix time minus the time since the test began, in seconds, and how far it is believed.
    clock: (i64, ClockState),
    condition: Arc<Condition>,
    names: Vec<&'static str>,
}

impl Bench {
    fn new(clock: ClockState) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("edge.toml");
        let head = "node = \"a-1\"\ndata = \"d\"\n[broker]\nurl = \"mqtt://h\"\n\
                    [hardware]\nbackend = \"emulator\"\n[clock]\nsource = \"ntp\"\n";
        std::fs::write(&file, format!("{head}{PARTS}")).unwrap();
        let checked = config::load(&file, false).unwrap();
        let (mut backend, system) = Emulated::new(&checked.config).unwrap();
        let board = backend.board();
        let mounted = sensor::mount(&checked.config, &mut backend);
        let channels = (0..).zip(&checked.channels).map(|(number, c)| Channel {
            name: c.about.name,
            number: ChannelNumber(number),
            quantity: c.about.quantity,
            limits: c.limits,
            qc: Qc::new(c.limits),
            latest: None,
        });
        let channels: Vec<Channel> = channels.collect();
        let names = channels.iter().map(|c| &*c.name.to_string().leak()).collect();
        let (keeper, work) = sync_channel(4096);
        let condition = Arc::new(Condition::default());
        let node = checked.config.node;
        let setup = Setup {
            node,
            clock: system,
            backend: Box::new(backend),
            replay: None,
            mounted,
            channels,
            batcher: Batcher::new(BatchLimits::default()),
            watch: Watch::new(nothing(node), monotonic()),
            requests: sync_channel(1).1,
            keeper,
            stop: Arc::default(),
            condition: Arc::clone(&condition),
            resume: HashMap::new(),
            wanted: Arc::default(),
        };
        let sampler = Sampler::new(setup).unwrap();
        let base = monotonic().0 + 1_000_000;
        let clock = (START_S, clock);
        Self { sampler, work, board, base, passed: 0, clock, condition, names }
    }

    /// Lets seconds pass.
    fn run(&mut self, seconds: u64) {
        self.run_ms(seconds * 1_000);
    }

    fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms / LOOK_MS {
            let passed = i64::try_from(self.passed).unwrap() * 1_000;
            let unix = UnixMicros(self.clock.0 * 1_000_000 + passed);
            let uptime = UptimeMicros(self.base + self.passed * 1_000);
            self.sampler.step(Moment { unix, uptime, state: self.clock.1 });
            self.passed += LOOK_MS;
        }
    }

    fn set_clock(&mut self, by: i64, state: ClockState) {
        self.clock = (self.clock.0 + by, state);
    }

    /// Everything that was handed over since the last call. That nothing was lost is checked.
    fn told(&mut self) -> Vec<Told> {
        let last = self.sampler.batcher.flush().map(Work::Draft);
        let mut all = Vec::new();
        for work in self.work.try_iter().chain(last) {
            let draft = match work {
                Work::Draft(draft) => draft,
                Work::Lost(lost) => panic!("nothing was lost: {lost:?}"),
                Work::Alarm(_) | Work::Commit | Work::RuleStates(_) => continue,
            };
            for column in &draft.columns {
                let channel = self.names[usize::from(column.channel.0)];
                all.extend(column.points().map(|p| Told {
                    clock: draft.clock,
                    channel,
                    micros: p.micros,
                    value: p.value,
                    quality: p.quality,
                }));
            }
        }
        all
    }
}

fn of<'a>(told: &'a [Told], channel: &'a str) -> impl Iterator<Item = &'a Told> {
    told.iter().filter(move |t| t.channel == channel)
}

/// How many readings of a channel have a value and nothing against it.
fn good(told: &[Told], channel: &str) -> usize {
    of(told, channel).filter(|t| t.value.is_some() && t.quality.usable()).count()
}

/// No time of a channel comes twice: the centre would take the second for a copy.
fn every_time_once(told: &[Told]) {
    let mut seen = HashSet::new();
    for t in told {
        let unset = matches!(t.clock, ClockState::Unsynchronised { .. });
        assert!(seen.insert((t.channel, unset, t.micros)), "twice: {t:?}");
    }
}

#[test]
fn a_leap_of_a_year_forwards_and_back_loses_nothing_and_tells_no_false_gap() {
    let mut bench = Bench::new(NTP);
    bench.run(10);
    bench.set_clock(YEAR_S, NTP);
    bench.run(10);
    bench.set_clock(-YEAR_S, NTP);
    bench.run(10);
    let told = bench.told();
    every_time_once(&told);
    for channel in ["soil", "air", "rain"] {
        let n = good(&told, channel);
        assert!((28..=31).contains(&n), "{channel}: {n} of 30");
    }
    let year: Vec<_> =
        of(&told, "soil").filter(|t| t.micros > (START_S + YEAR_S) * 1_000_000).collect();
    assert!((9..=11).contains(&year.len()), "{}", year.len());
    let bad = of(&told, "soil").find(|t| t.quality.flag == Flag::Suspect);
    assert_eq!(bad, None, "a step of the clock is no spike");
    assert_eq!(bench.condition.missed_total.load(Ordering::Relaxed), 0);
    assert_eq!(bench.condition.clock_steps.load(Ordering::Relaxed), 2);
}

#[test]
fn what_was_missed_right_behind_the_first_reading_is_told_as_well() {
    let mut bench = Bench::new(NTP);
    let pressure = ChannelNumber(0);
    let second = |s: i64| (START_S + s) * 1_000_000;
    bench.sampler.resume.insert(pressure, Resume::new(NTP, second(-5)));
    // The part is asked and has not answered when the thread is held up.
    bench.run_ms(LOOK_MS);
    bench.passed += 3_000;
    bench.run(1);
    let lost = bench.work.try_iter().filter_map(|work| match work {
        Work::Lost(lost) if lost.channel == Some(pressure) => Some(lost),
        _ => None,
    });
    let told: Vec<_> = lost.map(|l| (l.from, l.to, l.readings)).collect();
    assert_eq!(told, [(second(-4), second(-1), 4), (second(1), second(2), 2)]);
}

#[test]
fn after_a_step_back_times_that_were_given_out_are_not_given_again() {
    for back in [1, 7, 3_600] {
        let mut bench = Bench::new(ClockState::Rtc);
        bench.run(20);
        bench.set_clock(-back, NTP);
        bench.run(20);
        bench.set_clock(-back, NTP);
        bench.run(20);
        let told = bench.told();
        every_time_once(&told);
        let n = good(&told, "soil");
        assert!((57..=61).contains(&n), "{n} of 60 after {back} s back");
        let near = |t: &&Told| t.micros.rem_euclid(1_000_000) < 10_000;
        assert_eq!(of(&told, "soil").filter(near).count(), of(&told, "soil").count());
    }
}

#[test]
fn times_since_boot_become_unix_times_when_the_clock_is_set() {
    let mut bench = Bench::new(UNSET);
    bench.run(10);
    bench.set_clock(YEAR_S, NTP);
    bench.run(10);
    let told = bench.told();
    every_time_once(&told);
    let before: Vec<_> = of(&told, "soil").filter(|t| t.clock == UNSET).collect();
    let after: Vec<_> = of(&told, "soil").filter(|t| t.clock == NTP).collect();
    assert!(before.len() >= 9 && after.len() >= 9, "{} and {}", before.len(), after.len());
    let uptime = i64::try_from(bench.base).unwrap();
    assert!(before.iter().all(|t| (uptime..uptime + 11_000_000).contains(&t.micros)));
    let from = (START_S + YEAR_S + 9) * 1_000_000;
    assert!(after.iter().all(|t| (from..from + 12_000_000).contains(&t.micros)), "{after:?}");
    // A guess that is set while it is a guess changes no time since boot.
    let mut bench = Bench::new(UNSET);
    bench.run(5);
    bench.set_clock(3_600, UNSET);
    bench.run(5);
    let told = bench.told();
    every_time_once(&told);
    let times: Vec<_> = of(&told, "soil").map(|t| t.micros).collect();
    assert!(times.windows(2).all(|w| w[1] - w[0] == 1_000_000), "{times:?}");
}

#[test]
fn a_sensor_that_is_unplugged_is_marked_and_stops_nobody_and_is_back_when_it_is_plugged_in() {
    let mut bench = Bench::new(NTP);
    bench.run(5);
    bench.told();
    bench.board.inject(THERMOMETER, Fault::Nack).unwrap();
    bench.run(60);
    let told = bench.told();
    assert_eq!(of(&told, "soil").count(), 60, "each reading is there");
    let without = of(&told, "soil")
        .skip(1)
        .all(|t| t.value.is_none() && t.quality == Quality::missing(Tests::SENSOR_ERROR));
    assert!(without, "and marked");
    for channel in ["air", "pressure", "rain"] {
        assert_eq!(good(&told, channel), 60, "{channel} goes on");
    }
    assert_eq!(bench.condition.failing.load(Ordering::Relaxed), 1);
    let errors: Vec<_> = bench.condition.errors().iter().collect();
    let [(SensorErrorKind::NoAnswer, n)] = errors[..] else { panic!("{errors:?}") };
    assert!((12..=40).contains(&n), "asked {n} times, rarely in the end");

    // Plugged in again: it has lost its settings.
    bench.board.inject(THERMOMETER, Fault::BrownOut).unwrap();
    bench.board.heal(THERMOMETER);
    bench.run(35);
    let told = bench.told();
    assert!(good(&told, "soil") >= 4, "back within half a minute: {}", good(&told, "soil"));
    bench.run(10);
    assert_eq!(good(&bench.told(), "soil"), 10);
    assert_eq!(bench.condition.failing.load(Ordering::Relaxed), 0);
}

#[test]
fn a_moment_without_an_answer_costs_no_reading() {
    let mut bench = Bench::new(NTP);
    bench.run(5);
    bench.told();
    for _ in 0..10 {
        // Away while it is asked, and back before it is asked again.
        bench.board.inject(THERMOMETER, Fault::Nack).unwrap();
        bench.run_ms(100);
        bench.board.heal(THERMOMETER);
        bench.run_ms(900);
    }
    let told = bench.told();
    let n = good(&told, "soil");
    assert!(n >= 9, "{n} of 10");
    assert!(bench.condition.failed_total() >= 9, "and each failure is counted");
}

#[test]
fn one_that_holds_the_bus_stops_those_beside_it_and_nobody_else_until_it_lets_go() {
    let mut bench = Bench::new(NTP);
    bench.run(5);
    bench.told();
    bench.board.inject(BAROMETER, Fault::StuckBus).unwrap();
    bench.run(20);
    let told = bench.told();
    assert_eq!(good(&told, "rain"), 20, "not on the bus");
    assert!(good(&told, "soil") <= 1 && good(&told, "pressure") <= 1);
    assert_eq!((of(&told, "soil").count(), of(&told, "pressure").count()), (20, 20));
    assert_eq!(bench.condition.failing.load(Ordering::Relaxed), 2);
    bench.board.heal(BAROMETER);
    bench.run(35);
    bench.told();
    bench.run(10);
    let told = bench.told();
    assert_eq!((good(&told, "soil"), good(&told, "pressure")), (10, 10));
}

#[test]
fn each_fault_of_the_emulator_is_marked_and_ends_with_it() {
    for fault in [Fault::Busy, Fault::ShortRead { bytes: 1 }, Fault::BrownOut] {
        let mut bench = Bench::new(NTP);
        bench.run(5);
        bench.told();
        // Not every part can have every fault.
        if bench.board.inject(BAROMETER, fault).is_err() {
            continue;
        }
        bench.run(10);
        let told = bench.told();
        assert_eq!(of(&told, "pressure").count(), 10, "{fault:?}: each reading is there");
        assert_eq!(good(&told, "soil"), 10, "{fault:?}: the others go on");
        bench.board.heal(BAROMETER);
        bench.run(35);
        bench.told();
        bench.run(10);
        assert_eq!(good(&bench.told(), "pressure"), 10, "{fault:?}: back again");
    }
}

/// No rules and no siren.
fn nothing(node: NodeId) -> Parts {
    Parts {
        node,
        rules: Vec::new(),
        channels: Vec::new(),
        kept: Kept::default(),
        relay: None,
        button: None,
        limit_us: 0,
    }
}
