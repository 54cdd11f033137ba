//! Batches of nodes: acknowledged when they are on disk, and not before.

use serde_json::json;
use tram_wire::{Command, Seq};

use crate::harness::{Centre, Client, Station, now, until};

#[test]
fn what_is_acknowledged_survives_a_crash_of_the_centre_and_is_there_once() {
    let centre = Centre::start();
    let port = centre.mqtt.unwrap();
    let station = Station::new("a", 7);
    let node = Client::node(port, "a", None);
    let start = now().plus(-10_000_000);
    let reading = |i: i64| (start.plus(i * 1_000_000), 80_000 + i);
    node.publish(&station.topic("birth"), &station.birth(), None);
    for seq in 0..4 {
        let batch = station.batch(seq, &[reading(2 * i64::try_from(seq).unwrap())]);
        node.publish(&station.topic("data"), &batch, Some("application/cbor"));
    }
    while node.ack().watermark < Seq(4) {}
    drop(node);

    let centre = Centre::again(centre.kill());
    let history = |centre: &Centre| {
        let from = tram_time(start.0 - 1);
        centre.json(&format!("/api/v1/history?station=a&channel=water_level&from={from}"))
    };
    let answer = history(&centre);
    let values: Vec<f64> = answer["readings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["value"].as_f64().unwrap())
        .collect();
    assert_eq!(values, [80.0, 80.002, 80.004, 80.006]);
    assert_eq!(answer["unit"], "m");

    // The node does not know that they arrived, and sends them again.
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    node.publish(&station.topic("data"), &station.batch(2, &[reading(4)]), None);
    assert!(node.ack().covers(Seq(3)));
    assert_eq!(history(&centre)["readings"].as_array().unwrap().len(), 4);
    assert_eq!(centre.metric("tram_readings_duplicate_total"), 1);
    assert_eq!(centre.identity(), 1);
}

#[test]
fn a_reading_reaches_every_answer() {
    let centre = Centre::start();
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    assert_eq!(centre.json("/api/v1/stations")[0]["state"], "never");
    let time = now();
    node.publish(&station.topic("birth"), &station.birth(), None);
    let batch = station.batch(0, &[(time.plus(-1_000_000), 80_001), (time, 80_003)]);
    node.publish(&station.topic("data"), &batch, None);
    node.ack();
    let latest = until("the latest reading", || {
        centre.json("/api/v1/latest?station=a").as_array().filter(|a| !a.is_empty()).cloned()
    });
    assert_eq!(latest[0]["value"], 80.003);
    assert_eq!(latest[0]["channel"], "water_level");
    assert_eq!(latest[0]["quality"], 1);
    assert_eq!(latest[0]["time"], tram_time(time.0));
    let stations = centre.json("/api/v1/stations");
    assert_eq!(stations[0]["state"], "fresh");
    assert_eq!(stations[0]["name_en"], "Station A");
    assert_eq!(stations[1]["state"], "never");
    let base = "/api/v1/history?station=a&channel=water_level";
    let steps = centre.json(&format!("{base}&step=1h&fn=mean,max"));
    let rows = steps["rows"].as_array().unwrap();
    let count: u64 = rows.iter().map(|r| r["count"].as_u64().unwrap()).sum();
    assert_eq!(count, 2);
    assert_eq!(rows.last().unwrap()["max"], 80.003);
    assert_eq!(steps["step_s"], 3600);
    let (status, csv) = centre.ask(&format!("{base}&format=csv"));
    assert_eq!((status, csv.trim_end().lines().count()), (200, 3), "{csv}");
    let (status, parquet) = centre.ask(&format!("{base}&format=parquet&step=1h"));
    assert_eq!((status, parquet.starts_with("PAR1")), (200, true));
    assert_eq!(centre.identity(), 2);
}

#[test]
fn a_batch_of_an_unknown_spool_waits_for_the_birth() {
    let centre = Centre::start();
    let station = Station::new("a", 9);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    let batch = station.batch(0, &[(now(), 1)]);
    node.publish(&station.topic("data"), &batch, None);
    let asked = node.message();
    assert_eq!(&asked.topic[..], b"tram/v1/a/cmd");
    assert_eq!(Command::decode(&asked.payload), Ok(Command::Rebirth));
    assert_eq!(centre.identity(), 0);
    assert_eq!(centre.metric("tram_batches_deferred_total"), 1);
    node.publish(&station.topic("birth"), &station.birth(), None);
    node.publish(&station.topic("data"), &batch, None);
    assert!(node.ack().covers(Seq(0)));
    assert_eq!(centre.identity(), 1);
}

#[test]
fn a_question_that_cannot_be_answered_says_why() {
    let centre = Centre::start();
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    node.publish(&station.topic("data"), &station.batch(0, &[(now(), 1)]), None);
    node.ack();
    for (path, status, says) in [
        ("/api/v1/history?station=zz&channel=x", 404, "/api/v1/stations"),
        ("/api/v1/history?station=a&channel=x", 404, "/api/v1/latest"),
        ("/api/v1/history?station=a&channel=water_level&from=soon", 400, "2026-03-01T00:00:00Z"),
        ("/api/v1/history?station=a&channel=water_level&step=1w", 400, "step=60s"),
        ("/api/v1/history?station=a&channel=water_level&fn=mean", 400, "step"),
        ("/api/v1/history?station=a&channel=water_level&format=xls", 400, "parquet"),
        ("/api/v1/latest?station=zz", 404, "/api/v1/stations"),
        ("/api/v2/latest", 404, "/openapi.json"),
        ("/api/v1/history", 400, "/openapi.json"),
        ("/api/v1/history?station=a&channel=water_level&until=now", 400, "/openapi.json"),
        ("/api/v1/latest?%ff=%00", 400, "/openapi.json"),
        ("/api/v1/quarantine?limit=-1", 400, "/openapi.json"),
        ("/api/v1/alarms/0/ack", 405, "/openapi.json"),
    ] {
        let (found, body) = centre.ask(path);
        assert_eq!(found, status, "{path}: {body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(body["fix"].as_str().unwrap().contains(says), "{path}: {body}");
        assert!(body["error"].is_string(), "{path}");
    }
    assert_eq!(centre.json("/openapi.json")["info"]["title"], json!("Trạm"));
    assert_eq!(centre.ask("/healthz").0, 200);
    assert_eq!(centre.ask("/readyz").0, 200);
}

/// A time as the interface writes it.
fn tram_time(micros: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(micros).unwrap();
    if micros % 1_000 == 0 { format!("{time:.3}") } else { format!("{time:.6}") }
}
