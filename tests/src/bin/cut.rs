//! A power cut at every write of the store, in every way that what is not synced may survive.

use anyhow::{Context, Result};
use clap::Parser;
use tram_tests::{Run, shared_memory};

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
    let folder = shared_memory()?;
    let run = Run::record(folder.path(), seed, batches)?;
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
    println!("0 lost, 0 stored twice");
    Ok(())
}
