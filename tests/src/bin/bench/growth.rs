//! `growth`: what it costs with more and more stations, each on a connection of its own.

use anyhow::Result;

use super::{
    clock,
    load::{Fleet, Plan},
    site::{self, Broker, Commits},
    station::REFERENCE,
    table::Table,
};

/// How many stations there are, and what the rows of each are called.
const SIZES: [(u16, &str); 4] = [
    (10, "Cost as it grows: 10 stations"),
    (100, "Cost as it grows: 100 stations"),
    (1_000, "Cost as it grows: 1,000 stations"),
    (10_000, "Cost as it grows: 10,000 stations"),
];
/// Readings at full speed, the same for every size.
const READINGS: u64 = 3_000_000;
/// Readings a second of the paced run, and its seconds.
const PACE: u64 = 50_000;
const SECONDS: u64 = 6;

/// Measures every size.
pub(crate) async fn run(table: &mut Table) -> Result<()> {
    for (stations, section) in SIZES {
        table.section(section);
        size(table, stations).await?;
    }
    Ok(())
}

async fn size(table: &mut Table, stations: u16) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let centre = site::start(folder.path(), Broker::Embedded, stations)?;
    let mut fleet = Fleet::connect(centre.mqtt_port, stations).await?;
    let start = clock::today()?.plus(-86_400_000_000);
    let fast = Plan::of(READINGS, stations, REFERENCE, start);
    let paced = fast.then(PACE * SECONDS, stations, PACE);
    let cpu = site::processor(&centre)?;
    let outcome = fleet.run(&fast).await?;
    let used = site::processor(&centre)? - cpu;
    table.figure("rate", outcome.rate(), "readings/s");
    table.figure("CPU of the centre", used / (outcome.readings as f64 / 1e6), "s/million");
    let before = Commits::read(&centre)?;
    let mut outcome = fleet.run(&paced).await?;
    let within = Commits::read(&centre)?.within(0.99, &before)?;
    table.figure(format!("commits at {PACE} readings/s, p99"), within, "ms");
    table.figure("publish to acknowledgement, p99", outcome.ms(0.99), "ms");
    table.figure("peak memory of the centre", site::peak_mib(&centre)?, "MiB");
    Ok(())
}
