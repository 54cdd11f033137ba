//! Devices that speak SenML.

use crate::harness::{Centre, Client, until};

#[test]
fn a_pack_makes_a_datastream_appear() {
    let centre = Centre::start();
    let device = Client::connect(centre.mqtt.unwrap(), "anything", None).unwrap();
    assert_eq!(centre.identity(), 0);
    let pack =
        br#"[{"bn":"","n":"temperature","u":"Cel","v":23.4},{"n":"humidity","u":"%RH","v":60}]"#;
    device.publish("senml/weather-1", pack, Some("application/senml+json"));
    let latest = until("two datastreams", || {
        // Before the first pack there is no such station.
        let latest = centre.json("/api/v1/latest");
        (latest.as_array().map_or(0, Vec::len) == 2).then_some(latest)
    });
    assert_eq!(latest[1]["channel"], "temperature");
    assert_eq!(latest[1]["value"], 23.4);
    assert_eq!(latest[1]["quality"], 2);
    assert_eq!(centre.identity(), 2);

    // The same in CBOR: [{0: "temperature", 1: "Cel", 2: 24}].
    let pack =
        [&[0x81, 0xa3, 0x00, 0x6b][..], b"temperature", &[0x01, 0x63], b"Cel", &[0x02, 0x18, 24]];
    device.publish("senml/weather-1", &pack.concat(), Some("application/senml+cbor"));
    until("the reading in CBOR", || {
        let latest = centre.json("/api/v1/latest?station=weather-1");
        (latest[1]["value"] == 24.0).then_some(())
    });
    assert_eq!(centre.identity(), 3);
    let stations = centre.json("/api/v1/stations");
    let device = stations.as_array().unwrap().iter().find(|s| s["id"] == "weather-1").unwrap();
    assert!(device["lat"].is_null());
}

#[test]
fn an_unknown_device_is_refused_when_the_configuration_says_so() {
    let centre = Centre::with("listen = \"127.0.0.1:0\"\nanonymous_loopback = true", "");
    let text = std::fs::read_to_string(centre.path("ingest.toml")).unwrap();
    let folder = centre.kill();
    let text = text.replace("\"register\"", "\"refuse\"");
    std::fs::write(folder.path().join("ingest.toml"), text).unwrap();
    let centre = Centre::again(folder);
    let device = Client::connect(centre.mqtt.unwrap(), "anything", None).unwrap();
    device.publish("senml/weather-1", br#"[{"n":"t","u":"Cel","v":1}]"#, None);
    let rows = until("a row in the quarantine", || {
        centre.json("/api/v1/quarantine").as_array().filter(|a| !a.is_empty()).cloned()
    });
    assert_eq!(rows[0]["reason"], "unknown-node");
    assert_eq!(rows[0]["node"], "weather-1");
}
