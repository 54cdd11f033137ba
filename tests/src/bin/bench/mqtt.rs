//! `mqtt`: from MQTT to the fsynced store, through the embedded broker and through Mosquitto.

use anyhow::Result;
use tram_tests::{Centre, Mosquitto};

use super::{
    clock,
    load::{Fleet, Plan},
    site::{self, Broker, Commits},
    station::REFERENCE,
    table::{Goal, Table},
};

/// Stations, each on a connection of its own.
const STATIONS: u16 = 4;

/// How much to publish.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    /// Readings at full speed.
    pub(crate) readings: u64,
    /// Readings a second of the paced run, and its seconds.
    pub(crate) pace: u64,
    pub(crate) seconds: u64,
}

/// Through the broker inside the centre.
pub(crate) async fn embedded(table: &mut Table, amount: Amount) -> Result<()> {
    table.section("MQTT to fsynced store, embedded broker (4 stations, 100 readings a message)");
    let folder = tempfile::tempdir()?;
    let centre = site::start(folder.path(), Broker::Embedded, STATIONS)?;
    measure(table, &centre, centre.mqtt_port, amount).await
}

/// Through Debian's Mosquitto.
pub(crate) async fn mosquitto(table: &mut Table, amount: Amount) -> Result<()> {
    table.section("MQTT to fsynced store, Mosquitto (4 stations, 100 readings a message)");
    if !Mosquitto::installed() {
        table.skipped("all of it", "install it with: sudo apt install mosquitto");
        return Ok(());
    }
    let (folder, broker) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let broker = Mosquitto::start(broker.path())?;
    let centre = site::start(folder.path(), Broker::Outside(broker.port), STATIONS)?;
    let before = broker.processor_seconds()?;
    measure(table, &centre, broker.port, amount).await?;
    let used = broker.processor_seconds()? - before;
    let readings = amount.readings + amount.pace * amount.seconds;
    table.figure("CPU of Mosquitto, both runs", used / (readings as f64 / 1e6), "s/million");
    Ok(())
}

async fn measure(table: &mut Table, centre: &Centre, port: u16, amount: Amount) -> Result<()> {
    let mut fleet = Fleet::connect(port, STATIONS).await?;
    let start = clock::today()?.plus(-86_400_000_000);
    let fast = Plan::of(amount.readings, STATIONS, REFERENCE, start);
    let paced = fast.then(amount.pace * amount.seconds, STATIONS, amount.pace);
    let cpu = site::processor(centre)?;
    let mut outcome = fleet.run(&fast).await?;
    let used = site::processor(centre)? - cpu;
    table.asked("as fast as it goes", outcome.rate(), "readings/s", Goal::more(1e5, 1e6));
    table.figure("  publish to acknowledgement, p50", outcome.ms(0.5), "ms");
    table.figure("  publish to acknowledgement, p99", outcome.ms(0.99), "ms");
    let million = |readings: u64| readings as f64 / 1e6;
    table.figure("  CPU of the centre", used / million(outcome.readings), "s/million");
    table.figure(
        "  bytes a reading on the wire",
        outcome.bytes as f64 / outcome.readings as f64,
        "bytes",
    );

    let (before, cpu) = (Commits::read(centre)?, site::processor(centre)?);
    let mut outcome = fleet.run(&paced).await?;
    let used = site::processor(centre)? - cpu;
    let within = Commits::read(centre)?.within(0.99, &before)?;
    let what = format!("commits at {} readings/s, p99 (bound of its bucket)", amount.pace);
    table.asked(what, within, "ms", Goal::less(50.0, 10.0));
    table.figure("  publish to acknowledgement, p50", outcome.ms(0.5), "ms");
    table.figure("  publish to acknowledgement, p99", outcome.ms(0.99), "ms");
    table.figure("  CPU of the centre", used / million(outcome.readings), "s/million");
    table.figure("peak memory of the centre", site::peak_mib(centre)?, "MiB");
    let (received, sum) = centre.identity()?;
    anyhow::ensure!(received == sum, "received {received}, accounted for {sum}");
    Ok(())
}
