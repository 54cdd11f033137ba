//! Power cuts while the store works: some moments of one run. `make crash` tries all of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use tram_tests::{Run, shared_memory};

#[test]
fn no_acknowledged_reading_is_lost_and_none_is_there_twice() {
    const SEED: u64 = 3;
    let folder = shared_memory().unwrap();
    let run = Run::record(folder.path(), SEED, 12).unwrap();
    let (mut cuts, mut acknowledged, mut ahead) = (0, 0, 0);
    let every = run.moments() / 30;
    run.cut(
        1,
        |moment| moment % every == 0 || moment + 1 == run.moments(),
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
