//! `make bench`: what the centre does on this machine, beside what others do on it. Every figure
//! is printed with what was asked for; none is asserted.

mod bench {
    pub(crate) mod alertmanager;
    pub(crate) mod arrivals;
    pub(crate) mod clock;
    pub(crate) mod connection;
    pub(crate) mod crossers;
    pub(crate) mod crossing;
    pub(crate) mod day;
    pub(crate) mod disk;
    pub(crate) mod engine;
    pub(crate) mod feeder;
    pub(crate) mod growth;
    pub(crate) mod load;
    pub(crate) mod mqtt;
    pub(crate) mod node;
    pub(crate) mod pipeline;
    pub(crate) mod replicas;
    pub(crate) mod rivals;
    pub(crate) mod siren;
    pub(crate) mod site;
    pub(crate) mod station;
    pub(crate) mod table;
    pub(crate) mod year;
}

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use tram_tests::Machine;

use bench::{
    clock, crossing, day, disk, growth,
    mqtt::{self, Amount},
    node, pipeline, replicas, rivals, siren,
    table::Table,
    year,
};

/// Measures the centre on this machine: rates, times, memory, bytes on disk, and the same for
/// other databases where they are installed.
///
/// Everything runs on this machine and shares its processors: the stations that publish, the
/// broker and the centre. Nothing else should run meanwhile. A full run takes about nine minutes.
#[derive(Parser)]
#[command(after_help = "Examples:\n  tram-bench\n  tram-bench --only pipeline,disk\n  \
    tram-bench --only rivals --json figures.json")]
struct Arguments {
    /// Which parts to measure, separated by commas; all when absent.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Writes the table for machines as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Readings to publish at full speed.
    #[arg(long, default_value_t = 6_000_000)]
    readings: u64,
    /// Readings a second of the paced run.
    #[arg(long, default_value_t = 50_000)]
    pace: u64,
    /// Seconds of the paced run.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// A part of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// From MQTT to the fsynced store, embedded broker.
    Mqtt,
    /// The same through Mosquitto.
    Mosquitto,
    /// One, two and three centres that share the messages of Mosquitto.
    Replicas,
    /// Pipeline and log without MQTT.
    Pipeline,
    /// A day of 2,000 stations: memory, disk, latest, history.
    Day,
    /// A year of one series by the hour.
    Year,
    /// Bytes a reading, sealed.
    Disk,
    /// The same readings into VictoriaMetrics and InfluxDB.
    Rivals,
    /// Cost with 10, 100, 1,000 and 10,000 stations.
    Growth,
    /// A station at 50 readings a second.
    Node,
    /// From the edge of a signal to the siren, alone.
    Siren,
    /// From a crossing to the webhook, and Alertmanager.
    Crossing,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let machine = format!("{}, load before {}", Machine::this(), load_average());
    eprintln!("machine: {machine}");
    let start = clock::now();
    let mut table = Table::default();
    let wanted = |part: &&Part| arguments.only.is_empty() || arguments.only.contains(part);
    for part in Part::value_variants().iter().filter(wanted) {
        measure(*part, &arguments, &mut table).await?;
    }
    let seconds = (clock::now() - start).as_secs_f64();
    println!("machine: {machine}");
    println!("stations, broker, centre and rivals share its processors; {seconds:.0} s in all\n");
    print!("{}", table.text());
    if let Some(path) = &arguments.json {
        table.write(path, &machine, seconds)?;
    }
    Ok(())
}

async fn measure(part: Part, arguments: &Arguments, table: &mut Table) -> Result<()> {
    let Arguments { readings, pace, seconds, .. } = *arguments;
    let amount = Amount { readings, pace, seconds };
    match part {
        Part::Mqtt => mqtt::embedded(table, amount).await,
        Part::Mosquitto => mqtt::mosquitto(table, amount).await,
        Part::Replicas => replicas::run(table, amount.readings / 4).await,
        Part::Pipeline => tokio::task::block_in_place(|| pipeline::run(table)),
        Part::Day => day::run(table).await,
        Part::Year => tokio::task::block_in_place(|| year::run(table)),
        Part::Disk => tokio::task::block_in_place(|| disk::run(table)),
        Part::Rivals => rivals::run(table).await,
        Part::Growth => growth::run(table).await,
        Part::Node => tokio::task::block_in_place(|| node::run(table)),
        Part::Siren => tokio::task::block_in_place(|| siren::run(table)),
        Part::Crossing => crossing::run(table, amount).await,
    }
}

/// How busy the machine was before: figures of a busy one say little.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}
