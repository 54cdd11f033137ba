//! One suite over every driver and its emulated part: nominal readings, each fault, recovery, and
//! the limits of the range. What a driver returns must be the truth within the part's resolution,
//! or an error; never a wrong value that looks right.

mod subject;
mod subjects;

use subject::{Beyond, Reading, Station, Subject, Trouble};
use subjects::{Adxl, Dps, Echo, Sen, Sht, Tmp, TriggeredEcho};
use tram_emulator::{Fault, Signal};

/// How many readings in a row a program tries before it calls a part dead.
const TRIES: usize = 30;

/// Reads until the part is no longer merely unready, as a program on a schedule would.
fn read<S: Subject>(station: &mut Station, subject: &mut S) -> Result<Reading, Trouble> {
    let mut last = Err(Trouble::NotReady);
    for _ in 0..TRIES {
        station.wait_ms(100);
        last = subject.read();
        if last != Err(Trouble::NotReady) {
            break;
        }
    }
    last
}

/// Starts the part again until it reads, as a program does after trouble.
fn recover<S: Subject>(station: &mut Station, subject: &mut S) -> Reading {
    for _ in 0..TRIES {
        if let Ok(reading) = read(station, subject) {
            return reading;
        }
        // A part that is still starting answers the next time.
        let _ = subject.init();
    }
    unreachable!("{} does not come back", S::NAME)
}

fn assert_true<S: Subject>(station: &Station, reading: &Reading, why: &str) {
    for (signal, value) in reading {
        let truth = station.truth(*signal);
        let off = (*value as f64 - truth).abs();
        let allowed = S::tolerance(*signal);
        assert!(off <= allowed, "{} {why}: {signal:?} is {truth}, read {value}", S::NAME);
    }
}

fn nominal<S: Subject>() {
    let middle = S::range().map(|(signal, low, high)| (signal, low + (high - low) / 3));
    let more = S::range().map(|(signal, low, high)| (signal, low + (high - low) / 2 + 7));
    let mut station = Station::new(S::part(), &[middle.collect(), more.collect()]);
    let mut subject = S::new(&station.board);
    for hour in 0..2 {
        station.go_to_row(hour);
        let reading = recover(&mut station, &mut subject);
        assert!(!reading.is_empty());
        assert_true::<S>(&station, &reading, "nominal");
    }
}

fn limits<S: Subject>() {
    for (which, _, _) in S::range() {
        let middle = || S::range().map(|(signal, low, high)| (signal, (low + high) / 2));
        let with = |value: i64| {
            middle().map(|(s, m)| (s, if s == which { value } else { m })).collect::<Vec<_>>()
        };
        let (_, low, high) = S::range().find(|(s, ..)| *s == which).expect("its own");
        let span = high - low;
        let rows = [with(low), with(high), with(low - span), with(high + span)];
        let mut station = Station::new(S::part(), &rows);
        let mut subject = S::new(&station.board);
        for row in 0..2 {
            station.go_to_row(row);
            let reading = recover(&mut station, &mut subject);
            assert_true::<S>(&station, &reading, "at the end of its range");
        }
        for row in 2..4 {
            station.go_to_row(row);
            let outcome = read(&mut station, &mut subject);
            match (S::beyond(which), &outcome) {
                (Beyond::Refused, Err(_)) => {}
                (Beyond::Held, Ok(reading)) => {
                    // It stands at an end; it has not wrapped around to the other side.
                    let value = reading.iter().find(|(s, _)| *s == which).expect("its own").1;
                    let nearer_end =
                        if row == 2 { value < low + span / 4 } else { value > high - span / 4 };
                    assert!(nearer_end, "{} {which:?} wrapped to {value}", S::NAME);
                }
                (beyond, _) => {
                    unreachable!("{} {which:?} row {row}: {beyond:?} {outcome:?}", S::NAME)
                }
            }
        }
        station.go_to_row(4);
        let reading = recover(&mut station, &mut subject);
        assert_true::<S>(&station, &reading, "back in its range");
    }
}

/// The faults under which a part may not give any value.
fn silencing() -> Vec<Fault> {
    vec![Fault::Nack, Fault::StuckBus, Fault::Busy, Fault::CrcFlip]
}

fn faults<S: Subject>() {
    let middle: Vec<_> = S::range().map(|(s, low, high)| (s, low + (high - low) / 3)).collect();
    let moved: Vec<_> = middle.iter().map(|(s, v)| (*s, v + S::step(*s))).collect();
    let mut station = Station::new(S::part(), &[middle, moved]);
    let mut subject = S::new(&station.board);
    station.go_to_row(0);
    recover(&mut station, &mut subject);

    for fault in silencing() {
        if station.inject::<S>(fault) {
            let outcome = read(&mut station, &mut subject);
            assert!(outcome.is_err(), "{} under {fault:?} read {outcome:?}", S::NAME);
            heal(&mut station, &mut subject, fault);
        }
    }
    for bytes in 0..30 {
        let fault = Fault::ShortRead { bytes };
        if station.inject::<S>(fault) {
            if let Ok(reading) = read(&mut station, &mut subject) {
                assert_true::<S>(&station, &reading, &format!("under {fault:?}"));
            }
            heal(&mut station, &mut subject, fault);
        }
    }
    if station.inject::<S>(Fault::BrownOut) {
        // Whatever is read before it has been started again must be right.
        if let Ok(reading) = read(&mut station, &mut subject) {
            assert_true::<S>(&station, &reading, "after a brown-out");
        }
        heal(&mut station, &mut subject, Fault::BrownOut);
    }
    lies(&mut station, &mut subject);
}

fn heal<S: Subject>(station: &mut Station, subject: &mut S, fault: Fault) {
    station.board.heal(0);
    let reading = recover(station, subject);
    assert_true::<S>(station, &reading, &format!("healed of {fault:?}"));
}

/// Drift and a stuck value look right to a driver: they must come through unchanged, for quality
/// control to find.
fn lies<S: Subject>(station: &mut Station, subject: &mut S) {
    let before = recover(station, subject);
    let (signal, _) = *before.first().expect("a part reads something");
    let per_hour = S::step(signal);
    assert!(station.inject::<S>(Fault::Drift { counts_per_hour: per_hour }));
    station.wait_ms(1_800_000);
    let drifted = recover(station, subject);
    let off = value(&drifted, signal) as f64 - station.truth(signal);
    let expected = per_hour as f64 / 2.0;
    let allowed = S::tolerance(signal) + 0.02 * expected.abs();
    assert!((off - expected).abs() <= allowed, "{} drifted by {off}, not {expected}", S::NAME);
    heal(station, subject, Fault::Drift { counts_per_hour: per_hour });

    let before = recover(station, subject);
    assert!(station.inject::<S>(Fault::StuckValue));
    station.go_to_row(1);
    let stuck = recover(station, subject);
    for (signal, _) in &before {
        assert_ne!(station.truth(*signal), value(&before, *signal) as f64, "the world has moved");
        let moved = (value(&stuck, *signal) - value(&before, *signal)).abs();
        assert!(moved as f64 <= S::tolerance(*signal), "{} {signal:?} moved", S::NAME);
    }
    heal(station, subject, Fault::StuckValue);
}

fn value(reading: &Reading, signal: Signal) -> i64 {
    reading.iter().find(|(s, _)| *s == signal).expect("the part reads it").1
}

macro_rules! suite {
    ($($name:ident: $subject:ty;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn reads_the_truth_within_its_resolution() {
                nominal::<$subject>();
            }

            #[test]
            fn never_turns_a_fault_into_a_wrong_value_and_recovers() {
                faults::<$subject>();
            }

            #[test]
            fn reads_to_the_ends_of_its_range_and_not_beyond() {
                limits::<$subject>();
            }
        }
    )*};
}

suite! {
    dps310: Dps;
    tmp105: Tmp;
    adxl355: Adxl;
    sht4x: Sht;
    sen5x: Sen;
    ultrasonic_continuous: Echo;
    ultrasonic_triggered: TriggeredEcho;
}
