//! Recorded series through emulated registers, the drivers, a node, MQTT, the log and the store,
//! and back over HTTP: value for value.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use tempfile::tempdir;
use tram_tests::{Centre, Node, Recorded, skip};

const NODE: &str = "replay-01";
const MINUTE: i64 = 60_000_000;

/// Plays `recorded` on a node with `parts` and returns what the store holds of its channel.
fn play(recorded: &Recorded, parts: &str) -> Vec<(i64, i64)> {
    let folder = tempdir().unwrap();
    let centre = start(folder.path());
    let recording = folder.path().join("recording.csv");
    let csv = format!("time,channel,value\n{}", recorded.csv().unwrap());
    std::fs::write(&recording, csv).unwrap();
    let scenario = format!("scenario = \"replay\"\nreplay = \"{}\"", recording.display());
    let broker = Node::open_broker(centre.mqtt_port);
    let mut node = Node::prepare(folder.path(), NODE, &broker, &scenario, parts).unwrap();
    node.start().unwrap();
    node.finish(Duration::from_secs(120)).unwrap();
    let rows = centre.history(NODE, recorded.channel, recorded.quantity.decimals()).unwrap();
    println!(
        "{}: {} rows recorded, {} readings stored",
        recorded.channel,
        recorded.rows.len(),
        rows.len()
    );
    rows.into_iter().map(|(time, value)| (time, value.unwrap_or(i64::MIN))).collect()
}

fn start(folder: &Path) -> Centre {
    let path = folder.join("ingest.toml");
    let text = format!(
        "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n\
         [[station]]\nid = \"{NODE}\"\nname = \"Replay\"\nlat = 22.0\nlon = 104.0\n",
        folder.display()
    );
    std::fs::write(&path, text).unwrap();
    Centre::start(folder, &path).unwrap()
}

/// Every reading is the recorded value of its time, and there is one for each `step`.
fn compare(recorded: &Recorded, stored: &[(i64, i64)], step: i64) {
    let (first, last) = (recorded.rows[0].0, recorded.rows[recorded.rows.len() - 1].0);
    let inside: Vec<_> = stored.iter().filter(|(t, _)| (first..=last).contains(t)).collect();
    for (time, value) in &inside {
        assert_eq!(Some(*value), recorded.at(*time), "at {time}");
    }
    let expected = usize::try_from((last - first) / step).unwrap();
    assert!(inside.len() + 1 >= expected, "{} readings instead of {expected}", inside.len());
}

#[test]
fn the_stage_of_a_stream_through_a_storm() {
    let Some(folder) = Recorded::folder() else {
        return skip("no recorded data beside the project");
    };
    let recorded = Recorded::stage(&folder).unwrap();
    let parts = "[[ultrasonic]]\nport = \"0\"\ninterval_s = 300\ndatum_m = 4.0\nwater_level = \"water_level\"";
    let stored = play(&recorded, parts);
    compare(&recorded, &stored, 5 * MINUTE);
}

#[test]
fn particulate_matter_on_bonfire_night() {
    let Some(folder) = Recorded::folder() else {
        return skip("no recorded data beside the project");
    };
    let recorded = Recorded::bonfire_night(&folder).unwrap();
    let stored = play(&recorded, "[[sen5x]]\ninterval_s = 60\npm2_5 = \"pm2_5\"");
    compare(&recorded, &stored, MINUTE);
    let worst = stored.iter().map(|(_, v)| *v).max();
    assert_eq!(worst, Some(7355), "735.5 µg/m³ at 19:33:57");
}

#[test]
fn pressure_of_the_air_through_a_flood() {
    let Some(folder) = Recorded::folder() else {
        return skip("no recorded data beside the project");
    };
    let recorded = Recorded::pressure(&folder).unwrap();
    let stored = play(&recorded, "[[dps310]]\ninterval_s = 300\npressure = \"pressure\"");
    compare(&recorded, &stored, 5 * MINUTE);
}

#[test]
fn rain_tip_by_tip() {
    let Some(folder) = Recorded::folder() else {
        return skip("no recorded data beside the project");
    };
    let recorded = Recorded::tips(&folder).unwrap();
    let parts = "[[rain_gauge]]\npin = 17\ninterval_s = 3600\nrain = \"rain\"";
    let stored = play(&recorded, parts);
    // Each reading is the rain since the one before it.
    let mut from = i64::MIN;
    for (time, value) in &stored {
        let tips = recorded.rows.iter().filter(|(t, _)| from < *t && *t <= *time);
        assert_eq!(*value, tips.map(|(_, v)| v).sum::<i64>(), "in the hour before {time}");
        from = *time;
    }
    // The recording ends within an hour; rain after the last whole hour has no reading yet.
    let last = recorded.rows[recorded.rows.len() - 1].0;
    assert!(last - from < 60 * MINUTE, "the last reading is of {from}, the last tip of {last}");
    let fallen: i64 = recorded.rows.iter().filter(|(t, _)| *t <= from).map(|(_, v)| v).sum();
    assert_eq!(stored.iter().map(|(_, v)| v).sum::<i64>(), fallen);
}
