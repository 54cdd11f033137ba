//! What a disk may do to the store: power cuts at every write, in every way that what is not synced
//! may survive; errors at every write; wrong bytes and sectors in every file.

use anyhow::{Context, Result};
use clap::Parser;
use tram_pages::witness::{Error, Fault, On};
use tram_tests::{Folder, Random, Run, shared_memory, try_fault};

/// Cuts the power at every write of a run of the store and counts readings by identity.
#[derive(Parser)]
#[command(name = "tram-cut", version)]
struct Arguments {
    /// Seed of the run: what is sent in which order, and what of the unsynced survives.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Batches of each of two nodes.
    #[arg(long, default_value_t = 16)]
    batches: u64,
    /// How many ways for the unsynced to survive in part are tried at each moment, besides all,
    /// none, and all but the end of the last write.
    #[arg(long, default_value_t = 1)]
    ways: u64,
    /// How many bytes of each file are damaged at random, one at a time, besides those at the start
    /// of the file and of each page.
    #[arg(long, default_value_t = 50)]
    bytes: u64,
    /// Only this part: `cuts`, `faults` or `damage`.
    #[arg(long)]
    only: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Cuts,
    Faults,
    Damage,
}

fn main() -> Result<()> {
    let Arguments { seed, batches, ways, bytes, only } = Arguments::parse();
    let wanted = |part| only.is_none_or(|only| only == part);
    if wanted(Part::Cuts) {
        cuts(seed, batches, ways)?;
    }
    if wanted(Part::Faults) {
        faults(seed, batches.min(9))?;
    }
    if wanted(Part::Damage) {
        damage(seed, bytes)?;
    }
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
        "{cuts} power cuts: {acknowledged} acknowledged readings counted, {ahead} more were there; \
         0 lost, 0 stored twice"
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
        println!(
            "{on:?} {error:?}: {struck} faults, {restarts} restarts of the log; 0 lost, 0 stored twice"
        );
    }
    Ok(())
}

/// Damages each file of a folder, a byte or a sector at a time.
fn damage(seed: u64, samples: u64) -> Result<()> {
    const SECTOR: usize = 512;
    let folder = Folder::make(seed)?;
    let mut random = Random::new(seed);
    println!("wrong bytes and sectors in {} files of a store …", folder.files.len());
    let (mut lost_by_bytes, mut bytes_tried) = (0, 0_u64);
    for (file, content) in folder.files.iter().filter(|(_, content)| !content.is_empty()) {
        let mut places: Vec<usize> = (0..content.len())
            .filter(|at| *at < 128 || at % 1024 < 4 || at % 1048 == 36 || at % 4120 == 40)
            .collect();
        for _ in 0..samples {
            places.push(usize::try_from(random.below(content.len() as u64))?);
        }
        places.retain(|at| *at < content.len());
        let (mut lost, mut aside) = (0, 0);
        for at in &places {
            let change = 1 + u8::try_from(random.below(255))?;
            let found = folder
                .damage(file, |bytes| bytes.iter_mut().skip(*at).take(1).for_each(|b| *b ^= change))
                .with_context(|| format!("byte {at} of {}, seed {seed}", file.display()))?;
            (lost, aside) = (lost + found.lost, aside + found.aside);
        }
        (lost_by_bytes, bytes_tried) = (lost_by_bytes + lost, bytes_tried + places.len() as u64);
        let (mut lost_sectors, sectors) = (0, content.len() / SECTOR);
        for sector in 0..sectors {
            let start = sector * SECTOR;
            let found = folder
                .damage(file, |bytes| {
                    bytes.iter_mut().skip(start).take(SECTOR).for_each(|b| *b = 0xa5);
                })
                .with_context(|| format!("sector {sector} of {}, seed {seed}", file.display()))?;
            lost_sectors += found.lost;
        }
        println!(
            "{}: {} bytes, {lost} readings lost, {aside} files put aside; {sectors} sectors, \
             {lost_sectors} readings lost",
            file.display(),
            places.len()
        );
    }
    println!(
        "{bytes_tried} wrong bytes: all found, none read as data, {lost_by_bytes} readings lost"
    );
    Ok(())
}
