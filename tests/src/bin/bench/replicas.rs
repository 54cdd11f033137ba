//! `replicas`: one, two and three centres that share the messages of one Mosquitto.
//!
//! On a machine of two processors more of them cannot be faster: broker, stations and replicas
//! share the two. What the table shows is what sharing costs: processor time of the broker, which
//! tells everybody what the others acknowledge, and of the replicas, which listen to it.

use anyhow::{Result, ensure};
use tram_tests::{Centre, Mosquitto};

use super::{
    clock,
    load::{Fleet, Plan},
    site::{self, Broker},
    station::REFERENCE,
    table::Table,
};

/// Stations, each on a connection of its own.
const STATIONS: u16 = 8;

/// Publishes so many readings to each.
pub(crate) async fn run(table: &mut Table, readings: u64) -> Result<()> {
    table.section(
        "Replicas behind Mosquitto, which spreads by message (8 stations, 100 readings a message)",
    );
    if !Mosquitto::installed() {
        table.skipped("all of it", "install it with: sudo apt install mosquitto");
        return Ok(());
    }
    for replicas in 1..=3 {
        measure(table, readings, replicas).await?;
    }
    Ok(())
}

async fn measure(table: &mut Table, readings: u64, replicas: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let broker = Mosquitto::start(folder.path())?;
    let mut centres = Vec::new();
    for n in 0..replicas {
        let own = folder.path().join(n.to_string());
        std::fs::create_dir_all(&own)?;
        centres.push(site::start(&own, Broker::Shared(broker.port), STATIONS)?);
    }
    let mut fleet = Fleet::connect(broker.port, STATIONS).await?;
    let start = clock::today()?.plus(-86_400_000_000);
    let plan = Plan::of(readings, STATIONS, REFERENCE, start);
    let processor = |centres: &[Centre]| centres.iter().map(site::processor).sum::<Result<f64>>();
    let before = (processor(&centres)?, broker.processor_seconds()?);
    let mut outcome = fleet.run(&plan).await?;
    let used = (processor(&centres)? - before.0, broker.processor_seconds()? - before.1);
    let million = outcome.readings as f64 / 1e6;
    let name = if replicas == 1 { "replica" } else { "replicas" };
    table.figure(format!("{replicas} {name}, as fast as it goes"), outcome.rate(), "readings/s");
    table.figure("  publish to acknowledgement, p99", outcome.ms(0.99), "ms");
    table.figure("  CPU of the replicas together", used.0 / million, "s/million");
    table.figure("  CPU of Mosquitto", used.1 / million, "s/million");
    let mut stored = 0;
    for centre in &centres {
        let (received, sum) = centre.identity()?;
        ensure!(received == sum, "received {received}, accounted for {sum}");
        stored += centre.metric("tram_readings_stored_total")?;
    }
    ensure!(stored >= outcome.readings, "{stored} of {} stored", outcome.readings);
    table.figure("  readings in two logs", (stored - outcome.readings) as f64, "readings");
    Ok(())
}
