//! The history from an engine: the same answers as from the centre's own store, and nothing else
//! suffers when it is gone.

use serde_json::Value;
use tram_wire::Seq;

use crate::harness::{Centre, Client, Station, Victoria, nobody, now, until};

const EMBEDDED: &str = "listen = \"127.0.0.1:0\"\nanonymous_loopback = true";

#[test]
fn an_engine_answers_what_the_store_answers_and_is_missed_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(engine) = Victoria::start(folder.path(), nobody()) else { return };
    let sink = format!(
        "[[sink]]\nname = \"v\"\nkind = \"victoriametrics\"\nurl = \"http://{}\"\nbatch_age_ms = 50\n",
        engine.address
    );
    let read = format!("{sink}[history]\nfrom = \"v\"\n");
    let centre = Centre::with(EMBEDDED, &read);
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    let start = now().0 / 60_000_000 * 60_000_000 - 7_200_000_000;
    let reading = |i: i64| (tram_wire::UnixMicros(start + i * 1_000_000), 80_000 + i * 7 % 1_000);
    let readings: Vec<_> = (0..4_000).map(reading).collect();
    for (seq, readings) in (0..).zip(readings.chunks(1_000)) {
        node.publish(&station.topic("data"), &station.batch(seq, readings), None);
    }
    while node.ack().watermark < Seq(4) {}

    let questions = [
        "&format=json",
        "&format=csv",
        "&step=5m",
        "&step=5m&fn=mean,count&format=csv",
        "&step=7s&fn=last",
        "&from=2020-01-01T00:00:00Z&step=1d",
    ];
    let path = |rest: &str| format!("/api/v1/history?station=a&channel=water_level{rest}");
    until("the engine shows them", || {
        let history = centre.json(&path(""));
        (history["readings"].as_array().unwrap().len() == 4_000).then_some(())
    });
    // Before the reading that comes later.
    let iso = |micros: i64| jiff::Timestamp::from_microsecond(micros).unwrap().to_string();
    let to = format!("&to={}", iso(start + 5_000_000_000));
    let from = format!("&from={}", iso(start - 3_600_000_000));
    let ask = |centre: &Centre, rest: &str| {
        let from = if rest.contains("from=") { "" } else { from.as_str() };
        let (status, body) = centre.ask(&path(&format!("{rest}{from}{to}")));
        assert_eq!(status, 200, "{rest}: {body}");
        body
    };
    let from_engine: Vec<_> = questions.iter().map(|q| ask(&centre, q)).collect();
    let (status, parquet) = centre.ask(&path("&format=parquet"));
    assert!(status == 200 && parquet.starts_with("PAR1"));

    // Gone.
    drop(engine);
    let (status, body) = centre.ask(&path(""));
    let refusal: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 503, "{body}");
    assert!(refusal["error"].as_str().unwrap().contains("the sink `v`: it does not answer"));
    assert!(refusal["fix"].as_str().unwrap().contains("[history]"));
    let more = (now(), 81_000);
    node.publish(&station.topic("data"), &station.batch(4, &[more]), None);
    while node.ack().watermark < Seq(5) {}
    until("the newest value", || {
        (centre.json("/api/v1/latest?station=a")[0]["value"] == 81.0).then_some(())
    });
    assert_eq!(centre.json("/api/v1/alarms"), Value::Array(vec![]));
    assert_eq!(centre.ask("/readyz").0, 200);
    drop(node);

    // The same questions to the centre's own store.
    let folder = centre.kill();
    let file = folder.path().join("ingest.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("from = \"v\"", "from = \"embedded\"")).unwrap();
    let centre = Centre::again(folder);
    for (question, expected) in questions.iter().zip(from_engine) {
        assert_eq!(ask(&centre, question), expected, "{question}");
    }
}
