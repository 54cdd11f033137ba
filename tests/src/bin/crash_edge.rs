//! `make crash-edge`: the node alone. A power cut at every byte of what a spool writes in a day;
//! messages and acknowledgements lost, repeated, reordered and delayed; and kill -9 of real nodes
//! before a real centre, with everything counted one by one.

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tram_tests::{
    Outposts, Random, come_back,
    outbox::{Day, World},
};

/// How many nodes are killed in turn.
const NODES: usize = 3;
/// Batches of the recorded day.
const BATCHES: i64 = 120;
/// From the connection to the first live reading in the centre, after a week away.
const FIRST_LIVE: Duration = Duration::from_secs(2);
/// Things that happen in a world.
const STEPS: u32 = 1_500;

/// Cuts the power, loses messages and kills nodes, and looks for what was lost or stored twice.
#[derive(Parser)]
struct Arguments {
    /// How many kills of nodes.
    #[arg(long, default_value_t = 1000)]
    kills: u32,
    /// How many worlds in which messages go astray.
    #[arg(long, default_value_t = 1000)]
    worlds: u64,
    /// Cut the power at each so-manieth byte.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Seed of everything that is drawn at random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    power(&arguments)?;
    worlds(&arguments)?;
    kills(&arguments)?;
    let folder = tempfile::tempdir()?;
    let back = come_back(folder.path())?;
    println!("{back}");
    ensure!(
        back.first_live <= FIRST_LIVE,
        "the first live reading took longer than {FIRST_LIVE:?}"
    );
    Ok(())
}

fn power(arguments: &Arguments) -> Result<()> {
    let day = Day::record(arguments.seed, BATCHES)?;
    let (places, every) = (day.places(), arguments.every.max(1));
    println!("power cuts: {places} places in the writes of a day, each in four ways …");
    let cuts = day.cut(|place| {
        progress(place, places);
        place % every == 0
    });
    let cuts = cuts.with_context(|| format!("seed {}", arguments.seed))?;
    println!("{cuts} power cuts: 0 alarms lost, 0 readings lost silently, 0 reported wrongly");
    Ok(())
}

fn worlds(arguments: &Arguments) -> Result<()> {
    println!("{} worlds in which messages go astray …", arguments.worlds);
    let count = usize::try_from(arguments.worlds)?;
    for (n, done) in (0..arguments.worlds).zip(0..) {
        progress(done, count);
        let seed = arguments.seed.wrapping_mul(1_000_003).wrapping_add(n);
        let ran = World::new(seed).and_then(|world| world.run(STEPS));
        ran.with_context(|| format!("seed {seed}"))?;
    }
    println!("{} worlds: stored = sampled - reported lost in each", arguments.worlds);
    Ok(())
}

fn kills(arguments: &Arguments) -> Result<()> {
    println!("{} kills at random, seed {} …", arguments.kills, arguments.seed);
    let folder = tempfile::tempdir()?;
    let mut outposts = Outposts::start(folder.path(), NODES)?;
    let mut random = Random::new(arguments.seed);
    let count = usize::try_from(arguments.kills)?;
    for n in 0..count {
        progress(n, count);
        outposts.more(random.below(80)).with_context(|| format!("after {n} kills"))?;
        let victim = usize::try_from(random.below(NODES as u64))?;
        outposts.kill(victim).with_context(|| format!("after {n} kills"))?;
    }
    println!("{}", outposts.settle()?);
    Ok(())
}

/// A line that is written over again, for whoever watches.
fn progress(done: usize, all: usize) {
    let step = (all / 200).max(1);
    let mut err = std::io::stderr();
    if err.is_terminal() && done.is_multiple_of(step) {
        let percent = done * 100 / all.max(1);
        let _ = write!(err, "\r{percent:3} %\r");
        let _ = err.flush();
    }
}
