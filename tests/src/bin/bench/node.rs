//! `node`: a station at 50 readings a second: memory, processor, bytes on the wire and on the card.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use tram_tests::{Centre, Node, Program};

use super::{
    clock,
    table::{Goal, Table},
};

/// How long it is looked at, after some seconds to settle.
const SETTLE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_secs(60);
const STATION: &str = "bench-01";
/// Fifty readings a second from five channels.
const PARTS: &str = r#"
[[tmp105]]
interval_s = 0.05
temperature = "soil_temperature"
[[rain_gauge]]
pin = 17
interval_s = 0.08
rain = "rain"
intensity = "rain_intensity"
[[dps310]]
interval_s = 0.5
pressure = "pressure"
temperature = "air_temperature"
[[ultrasonic]]
port = "a"
interval_s = 1.0
echoes = 2
farthest_m = 20.0
datum_m = 92.45
water_level = "water_level"
"#;
/// The card: a batch every ten seconds, a group commit every thirty, as they are by default.
const BATCHES: &str = "max_age_s = 10";

/// Measures one with the network and one without.
pub(crate) fn run(table: &mut Table) -> Result<()> {
    table.section("A station, 50 readings/s, emulated sensors");
    let folder = tempfile::tempdir()?;
    let centre = centre(folder.path())?;
    let at = Node::open_broker(centre.mqtt_port);
    let (before, stored) = (sent(&centre)?, stored(&centre)?);
    let with = look(folder.path(), "with", &at)?;
    let (bytes, readings) = (sent(&centre)? - before, stored_since(&centre, stored)?);
    table.figure("readings a second", with.readings / LOOK.as_secs_f64(), "readings/s");
    table.asked("memory (peak)", with.memory_mib, "MiB", Goal::less(20.0, 10.0));
    table.asked("processor, with the network", with.processor, "% of a core", Goal::less(1.0, 0.5));
    let each = bytes as f64 / readings.max(1) as f64;
    table.asked("on the wire, payload", each, "bytes/reading", Goal::less(3.5, 2.5));
    table.figure("written to the card", with.card, "bytes/reading");
    // Nobody listens there.
    let without = look(folder.path(), "without", &Node::open_broker(1))?;
    let processor = without.processor;
    table.asked("processor, without", processor, "% of a core", Goal::less(1.0, 0.5));
    table.figure("written to the card, without", without.card, "bytes/reading");
    table.figure("kept on the card, without", without.kept, "bytes/reading");
    Ok(())
}

/// What one station took.
struct Took {
    readings: f64,
    memory_mib: f64,
    processor: f64,
    card: f64,
    kept: f64,
}

fn look(folder: &Path, name: &str, broker: &str) -> Result<Took> {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder)?;
    let scenario = "scenario = \"quiet\"";
    let mut node = Node::prepare_with(&folder, STATION, broker, scenario, "commit_s = 30", PARTS)?;
    let file = node.folder().join("edge.toml");
    let text = std::fs::read_to_string(&file)?.replace("max_age_s = 0.2", BATCHES);
    std::fs::write(&file, text)?;
    // The test's own log of readings is no part of what the card has to bear: it is in memory.
    let memory = tempfile::tempdir_in("/dev/shm")?;
    for log in ["sampled.csv", "sampled.alarms"] {
        std::fs::write(memory.path().join(log), "")?;
        std::os::unix::fs::symlink(memory.path().join(log), node.folder().join(log))?;
    }
    node.start()?;
    std::thread::sleep(SETTLE);
    let program = node.program().context("the node runs")?;
    let (cpu, written) = (program.processor_seconds()?, written(program)?);
    let sampled = node.sampled().with_context(|| node.printed())?.len();
    let start = clock::now();
    std::thread::sleep(LOOK);
    let program = node.program().context("the node runs")?;
    let seconds = (clock::now() - start).as_secs_f64();
    let cpu = program.processor_seconds()? - cpu;
    let written = self::written(program)?.saturating_sub(written);
    #[expect(clippy::cast_precision_loss, reason = "KiB of one program")]
    let memory_mib = program.peak_memory_kib()? as f64 / 1024.0;
    node.stop()?;
    let readings = (node.sampled()?.len() - sampled) as f64;
    let kept = size(&node.folder().join("data/spool"))? as f64 / node.sampled()?.len() as f64;
    Ok(Took {
        readings,
        memory_mib,
        processor: cpu / seconds * 100.0,
        card: written as f64 / readings.max(1.0),
        kept,
    })
}

/// Bytes that the program has caused to be written to the storage layer (proc(5), `io`).
fn written(program: &Program) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/io", program.id()))?;
    let line = text.lines().find_map(|l| l.strip_prefix("write_bytes: "));
    Ok(line.context("no write_bytes")?.parse()?)
}

fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

fn centre(folder: &Path) -> Result<Centre> {
    let file = folder.join("ingest.toml");
    let text = format!(
        "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n\
         [[station]]\nid = \"{STATION}\"\nname = \"Bench\"\nlat = 22.0\nlon = 104.0\n",
        folder.display()
    );
    std::fs::write(&file, text)?;
    Centre::start(folder, &file)
}

fn sent(centre: &Centre) -> Result<u64> {
    centre.metric("tram_received_bytes_total")
}

fn stored(centre: &Centre) -> Result<u64> {
    centre.metric("tram_readings_stored_total")
}

fn stored_since(centre: &Centre, before: u64) -> Result<u64> {
    Ok(stored(centre)? - before)
}
