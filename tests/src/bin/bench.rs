//! `make bench`: what the centre does on this machine. Every figure is printed, none is asserted.

mod bench {
    pub(crate) mod load;
    pub(crate) mod station;
}

use std::{path::Path, time::Duration};

use anyhow::Result;
use clap::Parser;
use tram_tests::{Centre, Machine};

use bench::load::{self, Outcome};

/// How many stations publish at once.
const STATIONS: u16 = 4;

/// Measures the way from MQTT to the fsynced store.
#[derive(Parser)]
struct Arguments {
    /// Readings to publish at full speed.
    #[arg(long, default_value_t = 2_000_000)]
    readings: u64,
    /// Readings a second of the paced run.
    #[arg(long, default_value_t = 50_000)]
    pace: u64,
    /// Seconds of the paced run.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    println!("machine: {}", Machine::this());
    println!(
        "publishers, broker and centre share its cores; {STATIONS} stations, 100 readings a message\n"
    );
    let folder = tempfile::tempdir()?;
    let configuration = configure(folder.path())?;
    let centre = Centre::start(folder.path(), &configuration)?;

    let fast = load::run(&centre, STATIONS, arguments.readings, None, 0).await?;
    report("as fast as it goes", &fast);
    let before = centre.program.processor_seconds()?;
    let total = arguments.pace * arguments.seconds;
    let paced = load::run(&centre, STATIONS, total, Some(arguments.pace), fast.batches).await?;
    report(&format!("paced at {} readings/s", arguments.pace), &paced);
    let used = centre.program.processor_seconds()? - before;

    let readings = fast.readings + paced.readings;
    let disk = folder_bytes(folder.path());
    println!("centre, {readings} readings in");
    println!(
        "  bytes a reading on the wire      {:>12.2}",
        fast.bytes as f64 / fast.readings as f64
    );
    println!("  bytes a reading on disk, now     {:>12.2}", disk as f64 / readings as f64);
    println!("  CPU seconds a million readings   {:>12.2}", used / (paced.readings as f64 / 1e6));
    println!(
        "  peak memory                      {:>9} MiB",
        centre.program.peak_memory_kib()? / 1024
    );
    let (received, sum) = centre.identity()?;
    println!("  received = stored + duplicate + quarantined + pending: {received} = {sum}");
    Ok(())
}

fn report(what: &str, outcome: &Outcome) {
    println!("MQTT to fsynced store, {what}");
    println!("  readings                         {:>12}", outcome.readings);
    println!("  readings/s                       {:>12.0}", outcome.rate());
    println!("  publish to acknowledgement, p50  {:>9.1} ms", ms(outcome.quantile(0.50)));
    println!("  publish to acknowledgement, p99  {:>9.1} ms\n", ms(outcome.quantile(0.99)));
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn configure(folder: &Path) -> Result<std::path::PathBuf> {
    let path = folder.join("ingest.toml");
    let mut text = format!(
        "data = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n",
        folder.join("data").display()
    );
    for n in 0..STATIONS {
        text.push_str(&format!(
            "[[station]]\nid = \"{}\"\nname = \"bench\"\nlat = 22.0\nlon = 104.0\n",
            bench::station::node(n)?
        ));
    }
    std::fs::write(&path, text)?;
    Ok(path)
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => folder_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
