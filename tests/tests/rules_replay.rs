//! A recorded flood through the shipped rules: what they would have said, and how long before.
//!
//! The data are not ours and lie beside the project; `docs/flood-replay.md` holds what follows from
//! them. `TRAM_WRITE_DOCS=1` writes its picture and prints its tables.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::{civil::DateTime, tz::Offset};
use tram_tests::{Recorded, binary, skip};

const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The record that is replayed, in UTC.
const FROM: &str = "2013-09-09T06:00:00Z";
const TO: &str = "2013-09-15T23:15:00Z";
/// The creek stood at 1.50 m or higher from this time to the end of the record.
const EVENTS: &str = "from,to,rule,station,level,what\n\
    2013-09-12T11:30:00Z,2013-09-15T23:00:00Z,*,*,1,Boulder Creek at 1.50 m or higher\n";

/// A local time of the files in UTC.
fn utc(local: &str, format: &str, hours: i8) -> String {
    let local = DateTime::strptime(format, local).unwrap();
    Offset::constant(hours).to_timestamp(local).unwrap().to_string()
}

/// Stage in metres every quarter of an hour (clock at UTC−6), and the rain of each hour in six equal
/// parts (a cooperative observer's clock, taken for standard time, UTC−7).
fn recording(folder: &Path) -> String {
    let mut csv = "time,station,channel,value\n".to_owned();
    let stage = folder.join("river/colorado_2013/boulder_creek_at_longmont.csv");
    for line in fs::read_to_string(stage).unwrap().lines().skip(1) {
        let cells: Vec<&str> = line.trim_end().split(',').collect();
        let Ok(feet) = cells[4].parse::<f64>() else { continue };
        let time = utc(cells[2], "%Y-%m-%d %H:%M", -6);
        writeln!(csv, "{time},boulder-creek,water_level,{:.3}", feet * 0.3048).unwrap();
    }
    let rain = folder.join("river/colorado_2013/rain_boulder2_hourly_2013-09.csv");
    let text = fs::read_to_string(rain).unwrap();
    let fell: std::collections::HashMap<String, f64> = text
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            (utc(cells[5], "%Y%m%d %H:%M", -7), cells[6].parse::<f64>().unwrap() * 25.4)
        })
        .collect();
    // An hour without a row was dry.
    let first: jiff::Timestamp = "2013-09-08T07:00:00Z".parse().unwrap();
    for step in 1..=(8 * 144) {
        let at = first + jiff::SignedDuration::from_mins(10 * step);
        let hour = first + jiff::SignedDuration::from_mins((step + 5) / 6 * 60);
        let part = fell.get(&hour.to_string()).map_or(0.0, |millimetres| millimetres / 6.0);
        writeln!(csv, "{at},boulder-rain,rain,{part:.2}").unwrap();
    }
    csv
}

/// The rules that look at a river or at rain, as they ship, and the stage rule of the replay.
fn rules() -> Vec<PathBuf> {
    let shipped = ["heavy-rain-24h", "landslide-caine", "landslide-ha-giang", "soil-water-index"];
    let file = |name: &str| Path::new(TOP).join("config/rules").join(name).with_extension("toml");
    let mut rules: Vec<PathBuf> = shipped.map(file).into();
    rules.push(Path::new(TOP).join("config/rules/more/flash-flood-medium.toml"));
    rules.push(Path::new(TOP).join("tests/flood-replay/flood-boulder-creek.toml"));
    rules
}

#[test]
fn the_flood_of_boulder_creek_in_2013_would_have_been_foretold_by_its_rain() {
    let Some(data) = Recorded::folder() else {
        return skip("the recorded data are not here");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("flood.csv"), recording(&data)).unwrap();
    fs::write(path("events.csv"), EVENTS).unwrap();
    let picture = match std::env::var_os("TRAM_WRITE_DOCS") {
        Some(_) => Path::new(TOP).join("docs/flood-replay.svg"),
        None => path("flood.svg"),
    };
    let mut command = Command::new(binary("tram-ingest").unwrap());
    command.args(["rules", "replay", "--from", FROM, "--to", TO, "--recording"]);
    command.arg(path("flood.csv")).arg("--events").arg(path("events.csv"));
    command.arg("--svg").arg(&picture);
    for rule in rules() {
        command.arg("--rules").arg(rule);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    let page = fs::read_to_string(Path::new(TOP).join("docs/flood-replay.md")).unwrap();
    for line in said.lines().filter(|line| line.starts_with("| ")) {
        assert!(page.contains(line), "docs/flood-replay.md does not have: {line}");
    }
    let drawn = fs::read_to_string(&picture).unwrap();
    let kept = fs::read_to_string(Path::new(TOP).join("docs/flood-replay.svg")).unwrap();
    assert!(drawn == kept, "docs/flood-replay.svg is another picture; TRAM_WRITE_DOCS=1 writes it");
}
