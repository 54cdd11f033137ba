//! Power cuts while the store works: some moments of one run. `make crash` tries all of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use tram_pages::witness::{Error, Fault, On};
use tram_tests::{Random, Run, shared_memory, try_fault};

#[test]
fn no_acknowledged_reading_is_lost_and_none_is_there_twice() {
    const SEED: u64 = 3;
    let folder = shared_memory().unwrap();
    let run = Run::record(folder.path(), SEED, 12, None).unwrap();
    let (mut cuts, mut acknowledged, mut ahead) = (0, 0, 0);
    let mut random = Random::new(SEED);
    run.cut(
        1,
        |moment| {
            let often = if run.commits_at(moment) { 2 } else { 20 };
            random.below(often) == 0 || moment + 1 == run.moments()
        },
        |moment, way, snapshot| {
            let folder = shared_memory()?;
            let survived = run.check(moment, snapshot, folder.path()).map_err(|e| {
                e.context(format!("seed {SEED}, after {moment} operations, {way:?} survives"))
            })?;
            cuts += 1;
            acknowledged += survived.acknowledged;
            ahead += survived.ahead;
            Ok(())
        },
    )
    .unwrap_or_else(|e| panic!("{e:#}"));
    println!("{cuts} power cuts at {} moments, {acknowledged} readings", run.moments());
    assert!(cuts >= 60 && acknowledged > 10_000 && ahead > 0, "{cuts} {acknowledged} {ahead}");
}

/// Lets the nth write, sync or truncation go wrong, for some n of all there are.
fn each(on: On, error: Error, times: u64, step: usize) {
    const SEED: u64 = 5;
    let (mut struck, mut restarts) = (0, 0);
    for after in (0..).step_by(step) {
        let fault = Fault { file: "", on, after, times, error };
        let run = try_fault(SEED, 9, fault.clone(), |moment| moment % 4 == 0)
            .unwrap_or_else(|e| panic!("seed {SEED}, {fault:?}: {e:#}"));
        if run.struck == 0 {
            break;
        }
        struck += 1;
        restarts += run.restarts;
    }
    println!("{on:?} {error:?}: {struck} faults, {restarts} restarts");
    assert!(struck >= 3, "{struck}");
    assert_eq!(restarts > 0, on == On::Sync, "only a sync that fails ends the log");
}

#[test]
fn a_full_disk_costs_nothing_but_time() {
    each(On::Write, Error::Full, 3, 41);
    each(On::Write, Error::Short(700), 1, 43);
}

#[test]
fn a_device_that_fails_once_costs_nothing() {
    each(On::Write, Error::Io, 1, 37);
    each(On::Truncate, Error::Io, 1, 3);
}

#[test]
fn after_a_sync_that_fails_the_store_goes_on_from_what_is_on_the_disk() {
    each(On::Sync, Error::Io, 1, 9);
}
