//! What a newcomer sees after `make run`: three fresh stations, values that move, a flood alarm,
//! its webhook and its CAP message, a device of a third party, and what was refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    path::Path,
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::tempdir;
use tram_tests::{Centre, Demonstration, Recorded, STATIONS, skip, until};

const SOON: Duration = Duration::from_secs(60);

fn array(centre: &Centre, path: &str) -> Vec<Value> {
    centre.json(path).unwrap().as_array().unwrap().clone()
}

#[test]
fn a_storm_reaches_the_page_the_webhook_and_the_cap_feed() {
    let folder = tempdir().unwrap();
    let demonstration = Demonstration::start(folder.path(), 600).unwrap();
    let centre = &demonstration.centre;

    until("three fresh stations", SOON, || {
        let stations = array(centre, "/api/v1/stations");
        let fresh = stations.iter().filter(|s| s["state"] == "fresh").map(|s| s["id"].clone());
        let fresh: Vec<Value> = fresh.collect();
        STATIONS.iter().all(|s| fresh.contains(&json!(s))).then_some(())
    })
    .unwrap();

    let level = || {
        let latest = array(centre, "/api/v1/latest?station=lao-cai-river-01");
        latest.into_iter().find(|d| d["channel"] == "water_level")
    };
    let before = until("water level", SOON, level).unwrap();
    assert_eq!((&before["unit"], &before["quantity"]), (&json!("m"), &json!("water_level")));
    until("moving water level", SOON, || {
        level().filter(|now| now["value"] != before["value"] && now["time"] != before["time"])
    })
    .unwrap();

    live(centre);

    let flood = until("flood alarm", Duration::from_secs(90), || {
        let alarms = array(centre, "/api/v1/alarms");
        alarms.into_iter().find(|a| a["hazard"] == "flood" && a["station"] == "lao-cai-river-01")
    })
    .unwrap();
    webhook_came_once(&demonstration, &flood);
    cap(centre);

    let (received, sum) = centre.identity().unwrap();
    assert_eq!(received, sum);
    assert!(received > 0);
    demonstration.stop().unwrap();
}

/// A snapshot, then diffs.
fn live(centre: &Centre) {
    let answer = ureq::get(centre.url("/api/v1/live")).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let lines = BufReader::new(answer.into_body().into_reader()).lines().map(Result::unwrap);
    let events: Vec<String> =
        lines.filter_map(|l| l.strip_prefix("event: ").map(str::to_owned)).take(3).collect();
    assert_eq!(events[0], "snapshot");
    assert!(events[1..].contains(&"diff".to_owned()), "{events:?}");
}

/// Each transition of the alarm reached the receiver, and none twice.
fn webhook_came_once(demonstration: &Demonstration, flood: &Value) {
    let of_this = |w: &&Value| w["message"]["alarm"]["id"] == flood["id"];
    until("webhook of the flood alarm", SOON, || {
        demonstration.webhooks().unwrap().iter().find(of_this).map(|_| ())
    })
    .unwrap();
    let webhooks = demonstration.webhooks().unwrap();
    let keys: Vec<_> = webhooks.iter().map(|w| w["key"].as_str().unwrap()).collect();
    let different: HashSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len(), "a webhook came twice: {keys:?}");
    let printed = demonstration.receiver_printed();
    assert!(!printed.contains("repeated "), "{printed}");
    assert!(!printed.contains("refused"), "{printed}");
}

/// The feed links to a message that validates against the official schema.
fn cap(centre: &Centre) {
    let feed = until("entry in the CAP feed", SOON, || {
        let feed = centre.text("/cap/alerts.atom").unwrap();
        feed.contains("/cap/").then_some(feed).filter(|f| f.contains("<entry>"))
    })
    .unwrap();
    let entry = feed.find("<entry>").unwrap();
    let start = entry + feed[entry..].find("/cap/").unwrap();
    let end = start + feed[start..].find(".xml").unwrap() + 4;
    let message = centre.text(&feed[start..end]).unwrap();
    assert!(message.contains("urn:oasis:names:tc:emergency:cap:1.2"));
    for language in ["vi-VN", "en-US", "zh-CN"] {
        assert!(message.contains(&format!("<language>{language}</language>")), "{message}");
    }
    let schema = Recorded::folder().map(|f| f.join("cap/CAP-v1.2.xsd"));
    let Some(schema) = schema.filter(|s| s.is_file()) else {
        return skip("no CAP schema beside the project");
    };
    validate(&message, &schema);
}

fn validate(message: &str, schema: &Path) {
    let folder = tempdir().unwrap();
    let file = folder.path().join("message.xml");
    std::fs::write(&file, message).unwrap();
    let lint =
        Command::new("xmllint").arg("--noout").arg("--schema").arg(schema).arg(&file).output();
    let Ok(lint) = lint else {
        return skip("xmllint is not installed (sudo apt install libxml2-utils)");
    };
    assert!(lint.status.success(), "{}\n{message}", String::from_utf8_lossy(&lint.stderr));
}

#[test]
fn a_device_of_a_third_party_appears_and_a_broken_pack_is_kept_apart() {
    if Command::new("mosquitto_pub").arg("--help").output().is_err() {
        return skip("mosquitto_pub is not installed (sudo apt install mosquitto-clients)");
    }
    let folder = tempdir().unwrap();
    let demonstration = Demonstration::start(folder.path(), 1).unwrap();
    let centre = &demonstration.centre;
    let identity = || {
        let (received, sum) = centre.identity().unwrap();
        assert_eq!(received, sum);
    };
    identity();
    publish(centre, r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1}]"#);
    let latest = until("the device's datastream", SOON, || {
        // 404 until the centre has heard of the station.
        centre.json("/api/v1/latest?station=a-device").ok()?.get(0).cloned()
    })
    .unwrap();
    assert_eq!((&latest["value"], &latest["unit"]), (&json!(23.1), &json!("°C")));

    publish(centre, r#"[{"n":"temp","u":"Cel","v":"#);
    let refused = until("the broken pack in the quarantine", SOON, || {
        let all = array(centre, "/api/v1/quarantine");
        all.into_iter().find(|q| q["topic"] == "senml/a-device")
    })
    .unwrap();
    assert!(refused["reason"].as_str().unwrap().starts_with("malformed"), "{refused}");
    identity();
    demonstration.stop().unwrap();
}

fn publish(centre: &Centre, payload: &str) {
    let port = centre.mqtt_port.to_string();
    let arguments = ["-h", "127.0.0.1", "-p", &port, "-V", "mqttv5", "-q", "1"];
    let done = Command::new("mosquitto_pub")
        .args(arguments)
        .args(["-t", "senml/a-device", "-m", payload])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
