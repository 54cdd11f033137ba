//! A power cut at every write of the store, in every way that what is not synced may survive.

use anyhow::{Context, Result};
use clap::Parser;
use tram_pages::witness::{Error, Fault, On};
use tram_tests::{Run, shared_memory, try_fault};

/// Cuts the power at every write of a run of the store and counts readings by identity.
#[derive(Parser)]
#[command(name = "tram-cut", version)]
struct Arguments {
    /// Seed of the run: what is sent in which order, and what of the unsynced survives.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Batches of each of two nodes.
    #[arg(long, default_value_t = 24)]
    batches: u64,
    /// How many ways for the unsynced to survive in part are tried at each moment, besides all,
    /// none, and all but the end of the last write.
    #[arg(long, default_value_t = 2)]
    ways: u64,
}

fn main() -> Result<()> {
    let Arguments { seed, batches, ways } = Arguments::parse();
    cuts(seed, batches, ways)?;
    faults(seed, batches.min(9))?;
    println!("0 lost, 0 stored twice");
    Ok(())
}

fn cuts(seed: u64, batches: u64, ways: u64) -> Result<()> {
    let folder = shared_memory()?;
    let run = Run::record(folder.path(), seed, batches, None)?;
    println!("power cuts at {} moments of a run of the store, seed {seed} …", run.moments());
    let (mut cuts, mut acknowledged, mut ahead) = (0_u64, 0, 0);
    run.cut(
        ways,
        |_| true,
        |moment, way, snapshot| {
            let folder = shared_memory()?;
            let survived = run.check(moment, snapshot, folder.path()).with_context(|| {
                format!("seed {seed}, after {moment} operations, {way:?} survives")
            })?;
            cuts += 1;
            acknowledged += survived.acknowledged;
            ahead += survived.ahead;
            if cuts.is_multiple_of(500) {
                println!("{cuts} cuts, {moment} of {} moments", run.moments());
            }
            Ok(())
        },
    )?;
    println!(
        "{cuts} power cuts: {acknowledged} acknowledged readings counted, {ahead} more were there"
    );
    Ok(())
}

/// Lets each write, sync and truncation of a run go wrong, one at a time.
fn faults(seed: u64, batches: u64) -> Result<()> {
    println!("errors of the disk at each write, sync and truncation of a shorter run …");
    for (on, error, times) in [
        (On::Write, Error::Full, 3),
        (On::Write, Error::Short(700), 1),
        (On::Write, Error::Io, 1),
        (On::Truncate, Error::Io, 1),
        (On::Sync, Error::Io, 1),
    ] {
        let (mut struck, mut restarts) = (0_u64, 0);
        loop {
            let fault = Fault { file: "", on, after: struck, times, error };
            let run = try_fault(seed, batches, fault.clone(), |_| true)
                .with_context(|| format!("seed {seed}, {fault:?}"))?;
            if run.struck == 0 {
                break;
            }
            struck += 1;
            restarts += run.restarts;
        }
        println!("{on:?} {error:?}: {struck} faults, {restarts} restarts of the log");
    }
    Ok(())
}
