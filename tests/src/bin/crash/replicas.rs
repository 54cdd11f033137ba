//! The same with several replicas that share the messages, in front of one engine.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tram_tests::{Fleet, Random, Spread, Victim, VictoriaMetrics};

/// How many nodes there are.
const NODES: usize = 3;

/// Kills replicas and the broker at random, then looks into the engine.
pub(crate) fn run(
    folder: &Path,
    replicas: usize,
    kills: u32,
    seed: u64,
    between: u64,
) -> Result<()> {
    ensure!(replicas >= 2, "one replica is a centre alone: leave --replicas out");
    ensure!(
        VictoriaMetrics::installed(),
        "victoria-metrics is missing. Install it with: sudo apt install victoria-metrics"
    );
    let mut fleet = Fleet::start(folder, replicas, NODES, Spread::ByMessage)?;
    let mut random = Random::new(seed.wrapping_mul(2));
    let mut killed = (0, 0);
    println!("{kills} kills at random among {replicas} replicas and a broker, seed {seed} …");
    for n in 1..=kills {
        fleet
            .more(1 + random.below(between))
            .with_context(|| format!("after {} kills, seed {seed}", n - 1))?;
        let victim = fleet.draw(&mut random);
        fleet.kill(victim)?;
        match victim {
            Victim::Replica(_) => killed.0 += 1,
            Victim::Broker => killed.1 += 1,
        }
        if n % 10 == 0 {
            println!("{n} of {kills} kills");
        }
    }
    let (replicas, broker) = killed;
    println!("killed: replicas {replicas} times, broker {broker}");
    println!("{}", fleet.compare().with_context(|| format!("seed {seed}"))?);
    println!("0 lost, 0 twice in the engine");
    Ok(())
}
