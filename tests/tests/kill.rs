//! kill -9 of the node, of the centre and of a broker outside, each ten times under load: after
//! recovery every reading the node had in its spool is in the store exactly once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::Result;
use tempfile::tempdir;
use tram_tests::{Centre, Mosquitto, Node, skip, until};
use tram_wire::Quantity;

const KILLS: usize = 10;
const NODE: &str = "kill-01";
const PATIENCE: Duration = Duration::from_secs(60);
/// How much must be stored between two kills.
const BETWEEN: usize = 100;
/// Sampled every 50 ms or as fast as the part allows.
const CHANNELS: [(&str, Quantity); 4] = [
    ("pressure", Quantity::Pressure),
    ("air_temperature", Quantity::Temperature),
    ("soil_temperature", Quantity::Temperature),
    ("rain", Quantity::Rain),
];
const PARTS: &str = r#"
[[dps310]]
interval_s = 0.5
pressure = "pressure"
temperature = "air_temperature"
[[tmp105]]
interval_s = 0.05
temperature = "soil_temperature"
[[rain_gauge]]
pin = 17
interval_s = 0.05
rain = "rain"
"#;

fn configure(folder: &Path, broker: &str) -> std::path::PathBuf {
    let path = folder.join("ingest.toml");
    let text = format!(
        "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n[broker]\n{broker}\n\
         [[station]]\nid = \"{NODE}\"\nname = \"Kill\"\nlat = 22.0\nlon = 104.0\n",
        folder.display()
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn node(folder: &Path, port: u16) -> Node {
    let broker = Node::open_broker(port);
    Node::prepare(folder, NODE, &broker, "scenario = \"storm\"\nseed = 7\nspeed = 60", PARTS)
        .unwrap()
}

/// How many readings the store holds.
fn stored(centre: &Centre) -> usize {
    let all = CHANNELS.iter().map(|(name, quantity)| {
        centre.history(NODE, name, quantity.decimals()).map_or(0, |rows| rows.len())
    });
    all.sum()
}

/// Waits until [`BETWEEN`] more are stored than before, so that each kill falls into traffic.
fn more(centre: &Centre, than: usize) -> usize {
    until("new readings in the store", PATIENCE, || {
        let now = stored(centre);
        (now >= than + BETWEEN).then_some(now)
    })
    .unwrap()
}

/// Stops the node in order and compares what it sampled with what is stored.
fn compare(centre: &Centre, node: &mut Node, kills_of_the_node: usize) -> Result<()> {
    until("acknowledgement of everything", PATIENCE, || {
        let sampled = node.sampled().ok()?.len();
        (stored(centre) >= sampled).then_some(())
    })?;
    node.stop()?;
    let sampled = node.sampled()?;
    until("last reading in the store", PATIENCE, || {
        (stored(centre) >= sampled.len()).then_some(())
    })?;
    let mut in_store = BTreeMap::new();
    for (name, quantity) in CHANNELS {
        for (time, value) in centre.history(NODE, name, quantity.decimals())? {
            let twice = in_store.insert((name.to_owned(), time), value);
            assert_eq!(twice, None, "{name} at {time} is in the store twice");
        }
    }
    for (key, value) in &sampled {
        assert_eq!(in_store.get(key), Some(value), "{key:?} was sampled, and is stored otherwise");
    }
    // A kill between the spool's fsync and the test's own log leaves one batch that only the
    // store tells of.
    let batch = 64;
    let unknown = in_store.keys().filter(|key| !sampled.contains_key(*key)).count();
    assert!(unknown <= kills_of_the_node * batch, "{unknown} readings nobody sampled");
    let (received, sum) = centre.identity()?;
    assert_eq!(received, sum, "the counters' identity");
    println!("{} readings sampled, {} in the store, each once", sampled.len(), in_store.len());
    Ok(())
}

#[test]
fn of_the_node() {
    let folder = tempdir().unwrap();
    let embedded = "listen = \"127.0.0.1:0\"\nanonymous_loopback = true";
    let configuration = configure(folder.path(), embedded);
    let centre = Centre::start(folder.path(), &configuration).unwrap();
    let mut node = node(folder.path(), centre.mqtt_port);
    node.start().unwrap();
    let mut count = 0;
    for _ in 0..KILLS {
        count = more(&centre, count);
        node.kill().unwrap();
        node.start().unwrap();
    }
    more(&centre, count);
    compare(&centre, &mut node, KILLS).unwrap();
}

#[test]
fn of_the_centre() {
    if !Mosquitto::installed() {
        return skip("Debian's mosquitto is not installed (sudo apt install mosquitto)");
    }
    let folder = tempdir().unwrap();
    let broker = Mosquitto::start(folder.path()).unwrap();
    let outside = format!("url = \"mqtt://127.0.0.1:{}\"", broker.port);
    let configuration = configure(folder.path(), &outside);
    let mut centre = Centre::start(folder.path(), &configuration).unwrap();
    let mut node = node(folder.path(), broker.port);
    node.start().unwrap();
    let mut count = 0;
    for _ in 0..KILLS {
        count = more(&centre, count);
        centre.kill().unwrap();
        centre = Centre::start(folder.path(), &configuration).unwrap();
        assert!(stored(&centre) >= count, "what was stored before the kill is gone");
    }
    more(&centre, count);
    compare(&centre, &mut node, 0).unwrap();
}

#[test]
fn of_a_broker_outside() {
    if !Mosquitto::installed() {
        return skip("Debian's mosquitto is not installed (sudo apt install mosquitto)");
    }
    let folder = tempdir().unwrap();
    let mut broker = Mosquitto::start(folder.path()).unwrap();
    let outside = format!("url = \"mqtt://127.0.0.1:{}\"", broker.port);
    let configuration = configure(folder.path(), &outside);
    let centre = Centre::start(folder.path(), &configuration).unwrap();
    let mut node = node(folder.path(), broker.port);
    node.start().unwrap();
    let mut count = 0;
    for _ in 0..KILLS {
        count = more(&centre, count);
        broker.kill_and_restart().unwrap();
    }
    more(&centre, count);
    compare(&centre, &mut node, 0).unwrap();
}
