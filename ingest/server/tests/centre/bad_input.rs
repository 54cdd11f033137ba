//! Everything that can be wrong with a message: quarantined with its reason, counted, and never in
//! the way of the next one.

use serde_json::Value;
use tram_wire::{ChannelNumber, Quantity, Seq};

use crate::harness::{Centre, Client, Station, now};

struct Bad {
    topic: String,
    payload: Vec<u8>,
    kind: Option<&'static str>,
    reason: &'static str,
}

fn bad_messages(station: &Station) -> Vec<Bad> {
    let (data, senml) = (station.topic("data"), "senml/dev".to_owned());
    let bad = |topic: &str, payload: &[u8], kind, reason| Bad {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
        kind,
        reason,
    };
    let json = |text: &str, reason| bad(&senml, text.as_bytes(), None, reason);
    let stranger = Station::new("stranger", 1);
    let year_1990 = tram_wire::UnixMicros(631_152_000_000_000);
    vec![
        bad(&data, b"\xff\xff", None, "malformed-cbor"),
        bad(&senml, b"\x81\xa3\x00", Some("application/senml+cbor"), "malformed-cbor"),
        json(r#"[{"n":"#, "malformed-json"),
        json(r#"{"n":"a","v":1}"#, "malformed-senml"),
        json(r#"[{"n":"bad name!","u":"Cel","v":1}]"#, "malformed-senml"),
        bad("tram/v1/a/nonsense", b"x", None, "wrong-topic"),
        bad("somewhere/else", b"x", None, "wrong-topic"),
        bad(&stranger.topic("data"), &stranger.batch(0, &[(now(), 1)]), None, "unknown-node"),
        json(r#"[{"n":"t","u":"furlong","v":1}]"#, "wrong-unit"),
        json(r#"[{"n":"t","u":"Cel","v":"NaN"}]"#, "not-a-number"),
        json(r#"[{"n":"t","u":"Cel","v":1,"t":99999999999999}]"#, "absurd-time"),
        bad(&data, &station.batch(100, &[(year_1990, 1)]), None, "absurd-time"),
        bad(&data, &vec![0x80; 70_000], None, "oversize"),
        bad(&senml, &vec![b' '; 500_000], None, "oversize"),
    ]
}

#[test]
fn every_bad_message_is_quarantined_and_delays_nobody() {
    let centre = Centre::start();
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    let mut good = 0;
    for bad in bad_messages(&station) {
        node.publish(&bad.topic, &bad.payload, bad.kind);
        // The one behind it is stored and acknowledged as if nothing had been.
        let batch = station.batch(good, &[(now(), 80_000)]);
        node.publish(&station.topic("data"), &batch, None);
        while !node.ack().covers(Seq(good)) {}
        good += 1;
        let newest: Value = centre.json("/api/v1/quarantine?limit=1");
        assert_eq!(newest[0]["reason"], bad.reason, "{} {newest}", bad.topic);
        assert_eq!(newest[0]["topic"], bad.topic);
        assert_eq!(newest[0]["bytes"], bad.payload.len());
        assert!(newest[0]["detail"].is_string() && newest[0]["time"].is_string());
        assert_eq!(newest.as_array().unwrap().len(), 1);
        centre.identity();
    }
    let bad = bad_messages(&station).len() as u64;
    assert_eq!(centre.json("/api/v1/quarantine").as_array().unwrap().len() as u64, bad);
    assert_eq!(centre.metric("tram_readings_stored_total"), good);
    assert!(centre.metric("tram_readings_quarantined_total") >= bad);
}

#[test]
fn a_channel_that_is_not_in_the_dictionary_is_not_stored() {
    let centre = Centre::start();
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    // Another quantity than the dictionary's: no newer birth can make that right.
    let wrong = station.batch_of(ChannelNumber(0), Quantity::Rain, 0, &[(now(), 1)]);
    node.publish(&station.topic("data"), &wrong, None);
    // It is in the quarantine, and so the node may forget it.
    assert!(node.ack().covers(Seq(0)));
    assert_eq!(centre.json("/api/v1/quarantine")[0]["reason"], "wrong-unit");
    assert_eq!(centre.metric("tram_readings_stored_total"), 0);
    centre.identity();
}
