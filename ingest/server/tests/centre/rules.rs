//! Rules that change while the centre runs.

use std::{fs, path::Path};

use serde_json::json;

use crate::harness::{Centre, Client, Station, TOP, now, until};

fn watching(folder: tempfile::TempDir) -> Centre {
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    write(&rules, "80.00", 1);
    let more = format!(
        r#"[rules]
folder = "{}"
[alerts]
sender = "tram@example.org"
sender_name = {{ vi = "Trạm", en = "Tram", zh = "Trạm" }}
public_url = "http://127.0.0.1:1"
default_area = "x"
[[alerts.area]]
id = "x"
name = {{ vi = "X", en = "X", zh = "X" }}
circle = {{ lat = 22.5, lon = 104.0, radius_km = 5.0 }}
"#,
        rules.display()
    );
    let broker = "listen = \"127.0.0.1:0\"\nanonymous_loopback = true";
    let text = crate::harness::configuration(folder.path(), broker, &more);
    fs::write(folder.path().join("ingest.toml"), text).unwrap();
    Centre::again(folder)
}

/// The shipped flood rule for station `a`, with this first threshold.
fn write(rules: &Path, raise: &str, version: u32) {
    let rule = fs::read_to_string(format!("{TOP}/config/rules/flood-lao-cai.toml")).unwrap();
    let rule = rule
        .replace("lao-cai-river-01", "a")
        .replace("raise = 80.00", &format!("raise = {raise}"))
        .replace("version = 1", &format!("version = {version}"));
    // Whole or not at all: a file half written is a file that is refused.
    fs::write(rules.join("flood.new"), rule).unwrap();
    fs::rename(rules.join("flood.new"), rules.join("flood.toml")).unwrap();
}

fn is(centre: &Centre, metric: &str, value: u64) {
    until(metric, || (centre.metric(metric) == value).then_some(()));
}

#[test]
fn changed_rules_are_taken_and_bad_ones_refused_whole() {
    let centre = watching(tempfile::tempdir().unwrap());
    let rules = centre.path("rules");
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    let start = now().plus(-60_000_000);
    node.publish(&station.topic("data"), &station.batch(0, &[(start, 80_500)]), None);
    until("an alarm", || centre.json("/api/v1/alarms").get(0).cloned());
    assert_eq!(centre.metric("tram_rules"), 1);

    // Another threshold under the same version, and a file that is no rule: nothing of it is taken.
    write(&rules, "80.20", 1);
    is(&centre, "tram_rules_stale", 1);
    let (status, ready) = centre.ask("/readyz");
    assert!(status == 200 && ready.contains("`version`"), "{ready}");
    fs::write(rules.join("bad.toml"), "id = \"bad\"\n").unwrap();
    until("the reason", || centre.ask("/readyz").1.contains("bad.toml").then_some(()));
    assert_eq!(centre.json("/api/v1/alarms")[0]["state"], "raised");

    // The version is counted up: the old episode is taken back, and the next reading decides.
    fs::remove_file(rules.join("bad.toml")).unwrap();
    write(&rules, "81.00", 2);
    is(&centre, "tram_rules_stale", 0);
    assert_eq!(centre.ask("/readyz"), (200, "ready\n".to_owned()));
    until("the end of the old episode", || {
        (centre.json("/api/v1/alarms")[0]["state"] == "cleared").then_some(())
    });
    let higher = station.batch(1, &[(start.plus(10_000_000), 81_500)]);
    node.publish(&station.topic("data"), &higher, None);
    let alarm = until("an alarm of the new version", || {
        let alarms = centre.json("/api/v1/alarms");
        alarms.as_array()?.iter().find(|a| a["version"] == 2).cloned()
    });
    assert_eq!((&alarm["level"], &alarm["state"]), (&json!(1), &json!("raised")));

    // SIGHUP reads them again although nothing has changed.
    let taken = centre.metric("tram_rules_taken_total");
    centre.program.signal("-HUP");
    until("the rules again", || (centre.metric("tram_rules_taken_total") > taken).then_some(()));
    assert_eq!(centre.json("/api/v1/alarms").as_array().unwrap().len(), 2);
}
