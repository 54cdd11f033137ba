//! `disk`: bytes a reading once it is sealed, on the reference mix and on recorded data.

use anyhow::{Context, Result};
use tram_tests::Recorded;
use tram_wire::{
    Batch, BatchHeader, ChannelNumber, ClockState, Column, Kind, NodeId, Point, Quality, Seq,
    SpoolId, Topic, UnixMicros,
};

use super::{
    clock,
    feeder::{Feeder, Footprint, PRODUCTION},
    station::{self, REFERENCE, Shape},
    table::{Goal, Table},
};

/// Microseconds.
const DAY: i64 = 86_400_000_000;
/// Stations of the reference mix, each sending for some hours.
const STATIONS: u16 = 20;
/// Stations that play the recordings, each a little later than the one before.
const PLAYERS: u16 = 100;
const LATER: i64 = 37 * 60_000_000;
/// Readings in a message of a recording.
const MESSAGE: usize = 96;

/// Measures both.
pub(crate) fn run(table: &mut Table) -> Result<()> {
    table.section("Disk, sealed, everything counted");
    let regular = Shape { late: 0, ..REFERENCE };
    for (what, shape) in [
        ("reference mix, 5 noisy channels, up to 10 ms late", REFERENCE),
        ("the same, on time", regular),
    ] {
        let (readings, footprint) = reference(shape)?;
        report(table, what, readings, footprint);
    }
    let Some(folder) = Recorded::folder() else {
        table.skipped("recorded data", "the folder of recordings is not beside the project");
        return Ok(());
    };
    let (readings, footprint) = recorded(&folder)?;
    let what = "recorded stage, pressure, PM2.5 and rain, 100 stations of each";
    report(table, what, readings, footprint);
    Ok(())
}

fn report(table: &mut Table, what: &str, readings: u64, footprint: Footprint) {
    let each = |bytes: u64| bytes as f64 / readings as f64;
    table.asked(what, each(footprint.series), "bytes/reading", Goal::less(2.0, 1.0));
    table.figure("  rollups beside", each(footprint.rollup), "bytes/reading");
    table.figure("  the log, trimmed, whose size does not grow", footprint.log as f64 / 1e6, "MB");
}

/// Some hours of the reference mix.
fn reference(shape: Shape) -> Result<(u64, Footprint)> {
    let folder = tempfile::tempdir()?;
    let now = clock::today()?;
    // Within one day, so that the day's file is as full as one would be.
    let start = UnixMicros(now.plus(-DAY).0.div_euclid(DAY) * DAY);
    let nodes = (0..STATIONS).map(station::node).collect::<Result<Vec<_>>>()?;
    let mut feeder = Feeder::open(folder.path(), nodes.clone(), now)?;
    for (n, node) in (0..).zip(&nodes) {
        feeder.birth(*node, &station::birth(n, 0)?)?;
    }
    for seq in 0..1_800 {
        for (n, node) in (0..).zip(&nodes) {
            let topic = Topic { node: *node, kind: Kind::Data }.to_string();
            feeder.take(&topic, &shape.batch(n, seq, start)?, PRODUCTION)?;
        }
    }
    feeder.commit()?;
    feeder.settle(now)?;
    let readings = feeder.pipeline.counters().stored;
    Ok((readings, feeder.close()))
}

/// Each recording, played by as many stations from one and the same day on.
fn recorded(folder: &std::path::Path) -> Result<(u64, Footprint)> {
    let series = [
        Recorded::stage(folder)?,
        Recorded::pressure(folder)?,
        Recorded::bonfire_night(folder)?,
        Recorded::tips(folder)?,
    ];
    let dir = tempfile::tempdir()?;
    let now = clock::today()?;
    let name = |s: usize, n: u16| Ok(NodeId::new(&format!("played-{s}-{n:03}"))?);
    let mut nodes = Vec::new();
    for s in 0..series.len() {
        nodes.extend((0..PLAYERS).map(|n| name(s, n)).collect::<Result<Vec<_>>>()?);
    }
    let mut feeder = Feeder::open(dir.path(), nodes, now)?;
    let first = UnixMicros(now.plus(-1_000 * DAY).0.div_euclid(DAY) * DAY);
    for (s, recording) in series.iter().enumerate() {
        let begins = recording.rows.first().context("an empty recording")?.0;
        for n in 0..PLAYERS {
            let (node, spool) = (name(s, n)?, SpoolId((s as u64) << 16 | u64::from(n)));
            let channel = (recording.channel, recording.quantity);
            feeder.birth(node, &station::birth_of(node, spool, 0, [channel])?)?;
            let shift = first.0 - begins + i64::from(n) * LATER;
            let topic = Topic { node, kind: Kind::Data }.to_string();
            for (seq, rows) in (0..).zip(recording.rows.chunks(MESSAGE)) {
                let mut column = Column::new(ChannelNumber(0), recording.quantity);
                for (micros, value) in rows {
                    let (micros, value) = (micros + shift, Some(*value));
                    column.push(Point { micros, value, quality: Quality::GOOD });
                }
                let header = BatchHeader { spool, seq: Seq(seq), clock: ClockState::Ntp };
                let batch = Batch { header, columns: vec![column], losses: Vec::new() };
                feeder.take(&topic, &batch.encode()?, PRODUCTION)?;
            }
        }
    }
    feeder.commit()?;
    feeder.settle(now)?;
    let readings = feeder.pipeline.counters().stored;
    Ok((readings, feeder.close()))
}
