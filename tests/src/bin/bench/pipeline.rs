//! `pipeline`: decoding, checks, deduplication, commit and head, without MQTT.

use anyhow::{Context, Result};
use tram_wire::{Kind, Topic};

use super::{
    clock,
    feeder::{Feeder, Group, PRODUCTION},
    station::{self, REFERENCE},
    table::{Goal, Table},
};

/// Stations that send.
const STATIONS: u16 = 200;
/// An fsync for each 10,000 readings.
const TEN_THOUSAND: Group = Group { messages: 100, bytes: usize::MAX };

/// Measures it three ways.
pub(crate) fn run(table: &mut Table) -> Result<()> {
    table.section(
        "Pipeline and log without MQTT, one thread (200 stations, 100 readings a message)",
    );
    let goal = Goal::more(3e6, 10e6);
    let (rate, p99) = once(4_000_000, TEN_THOUSAND, false)?;
    table.asked("an fsync for each 10,000 readings", rate, "readings/s", goal);
    table.figure("  its commits, p99", p99, "ms");
    let (rate, p99) = once(6_000_000, PRODUCTION, false)?;
    table.asked("production's groups (2,048 messages or 1 MiB)", rate, "readings/s", goal);
    table.figure("  its commits, p99", p99, "ms");
    let (rate, p99) = once(20_000_000, PRODUCTION, true)?;
    table.asked("the same with sealing and trimming beside it", rate, "readings/s", goal);
    table.figure("  its commits, p99", p99, "ms");
    Ok(())
}

/// Readings a second, and the milliseconds 99 of 100 commits stayed within.
fn once(readings: u64, group: Group, sealing: bool) -> Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let now = clock::today()?;
    let nodes = (0..STATIONS).map(station::node).collect::<Result<Vec<_>>>()?;
    let mut feeder = Feeder::open(folder.path(), nodes.clone(), now)?;
    for (n, node) in (0..).zip(&nodes) {
        feeder.birth(*node, &station::birth(n, 0)?)?;
    }
    feeder.commit()?;
    feeder.commits.clear();
    let batches = readings / REFERENCE.readings() / u64::from(STATIONS);
    let start = now.plus(-86_400_000_000);
    let mut messages = Vec::new();
    for seq in 0..batches {
        for (n, node) in (0..).zip(&nodes) {
            let topic = Topic { node: *node, kind: Kind::Data }.to_string();
            messages.push((topic, REFERENCE.batch(n, seq, start)?));
        }
    }

    let sealer = feeder.sealer.take().context("no sealer")?;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let beside = sealing.then(|| std::thread::spawn(move || seal(sealer, &stopped)));
    let started = clock::now();
    for (topic, payload) in &messages {
        feeder.take(topic, payload, group)?;
    }
    feeder.commit()?;
    let took = clock::now() - started;
    drop(stop);
    if let Some(beside) = beside {
        beside.join().map_err(|_| anyhow::anyhow!("the sealer panicked"))??;
    }
    let stored = feeder.pipeline.counters().stored;
    let p99 = clock::ms(clock::quantile(&mut feeder.commits, 0.99));
    Ok((stored as f64 / took.as_secs_f64(), p99))
}

/// Seals what is due until the other side is gone.
fn seal(
    mut sealer: tram_store::Sealer,
    stopped: &std::sync::mpsc::Receiver<()>,
) -> Result<(), tram_store::StoreError> {
    let pause = std::time::Duration::from_millis(10);
    while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(pause) {
        if sealer.due() {
            sealer.seal()?;
        }
    }
    Ok(())
}
