//! kill -9 of the node, of the centre and of a broker outside, each ten times under load: after
//! recovery every reading the node had in its spool is in the store exactly once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use tempfile::tempdir;
use tram_tests::{Centre, Mosquitto, Node, PARTS, Tally, skip, stored, until};

const KILLS: usize = 10;
const NODE: &str = "kill-01";
const PATIENCE: Duration = Duration::from_secs(60);
/// How much must be stored between two kills.
const BETWEEN: usize = 100;
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

/// Waits until [`BETWEEN`] more are stored than before, so that each kill falls into traffic.
fn more(centre: &Centre, than: usize) -> usize {
    until("new readings in the store", PATIENCE, || {
        let now = stored(centre, NODE);
        (now >= than + BETWEEN).then_some(now)
    })
    .unwrap()
}

fn compare(centre: &Centre, node: &mut Node, kills_of_the_node: usize) {
    println!("{}", Tally::of(centre, node, kills_of_the_node).unwrap());
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
    compare(&centre, &mut node, KILLS);
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
        assert!(stored(&centre, NODE) >= count, "what was stored before the kill is gone");
    }
    more(&centre, count);
    compare(&centre, &mut node, 0);
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
    compare(&centre, &mut node, 0);
}
