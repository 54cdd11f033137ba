//! The live feed and the page.

use std::{
    io::{BufRead, BufReader, Read},
    sync::mpsc,
    thread,
};

use serde_json::Value;

use crate::harness::{Centre, Client, PATIENCE, Station, now};

/// A page that is open: events by name.
struct Page {
    events: mpsc::Receiver<(String, Value)>,
}

impl Page {
    fn open(centre: &Centre) -> Self {
        let answer = ureq::get(format!("http://{}/api/v1/live", centre.http)).call().unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        let (send, events) = mpsc::channel();
        thread::spawn(move || read(answer.into_body().into_reader(), &send));
        Self { events }
    }

    /// The next event of this name, whatever comes before it.
    fn next(&self, name: &str) -> Value {
        loop {
            let (found, data) = self.events.recv_timeout(PATIENCE).expect("an event");
            if found == name {
                return data;
            }
        }
    }
}

fn read(body: impl Read, events: &mpsc::Sender<(String, Value)>) {
    let mut name = String::new();
    for line in BufReader::new(body).lines().map_while(Result::ok) {
        if let Some(event) = line.strip_prefix("event: ") {
            name = event.to_owned();
        } else if let Some(data) = line.strip_prefix("data: ") {
            let data = serde_json::from_str(data).expect("JSON");
            if events.send((name.clone(), data)).is_err() {
                return;
            }
        }
    }
}

#[test]
fn a_page_gets_a_snapshot_then_differences_then_heartbeats() {
    let centre = Centre::start();
    let page = Page::open(&centre);
    let snapshot = page.next("snapshot");
    assert_eq!(snapshot["stations"].as_array().unwrap().len(), 2);
    assert!(snapshot["alarms"].is_array() && snapshot["latest"].as_array().unwrap().is_empty());

    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    let batch = station.batch(0, &[(now(), 80_123)]);
    node.publish(&station.topic("data"), &batch, None);
    let diff = loop {
        let diff = page.next("diff");
        if !diff["latest"].as_array().unwrap().is_empty() {
            break diff;
        }
    };
    assert_eq!(diff["latest"][0]["value"], 80.123);
    assert_eq!(diff["stations"][0]["state"], "fresh");
    assert_eq!(diff["stations"].as_array().unwrap().len(), 1, "only what changed");
    assert!(page.next("hb")["time"].is_string());
    assert_eq!(centre.metric("tram_live_clients"), 1);
}

#[test]
fn the_root_answers_with_or_without_a_page_and_loads_nothing_from_elsewhere() {
    let centre = Centre::start();
    let answer = ureq::get(format!("http://{}/", centre.http)).call().unwrap();
    let headers = answer.headers().clone();
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("worker-src 'self' blob:"));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(["no-cache", "no-store"].contains(&headers["cache-control"].to_str().unwrap()));
    let page = answer.into_body().read_to_string().unwrap();
    assert!(page.contains("make web") || page.contains("<script"), "{page}");
    for path in ["/assets/none.js", "/api", "/../Cargo.toml", "/%2e%2e/Cargo.toml"] {
        assert_eq!(centre.ask(path).0, 404, "{path}");
    }
}
