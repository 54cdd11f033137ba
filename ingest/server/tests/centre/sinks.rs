//! Engines elsewhere: one that is down holds up nobody, and catches up by itself.

use std::net::{SocketAddr, TcpListener};

use tram_wire::Seq;

use crate::harness::{Centre, Client, Fake, Station, Victoria, certified, nobody, now, until};

const EMBEDDED: &str = "listen = \"127.0.0.1:0\"\nanonymous_loopback = true";

/// Takes everything.
fn taken(_: &str) -> (&'static str, String) {
    ("204 No Content", String::new())
}

/// Takes nothing.
fn refused(_: &str) -> (&'static str, String) {
    ("400 Bad Request", "bad values".to_owned())
}

/// An `InfluxDB` 2 in which the bucket is missing, as its reference describes it.
fn influxdb2(request: &str) -> (&'static str, String) {
    match request {
        "GET /health" => ("200 OK", r#"{"name":"influxdb","status":"pass"}"#.to_owned()),
        "GET /ready" => {
            ("200 OK", r#"{"status":"ready","started":"2026-01-02T03:04:05Z"}"#.to_owned())
        }
        "GET /api/v2/orgs?org=tram" => {
            let orgs = r#"{"links":{"self":"/api/v2/orgs"},"orgs":[{"id":"0a","name":"tram"}]}"#;
            ("200 OK", orgs.to_owned())
        }
        "GET /api/v2/buckets?name=readings&orgID=0a" => ("404 Not Found", String::new()),
        "POST /api/v2/buckets" => ("201 Created", "{}".to_owned()),
        "POST /api/v2/write?precision=us&org=tram&bucket=readings" => taken(request),
        other => panic!("nobody asks for {other}"),
    }
}

fn sink(name: &str, address: SocketAddr) -> String {
    format!(
        "[[sink]]\nname = \"{name}\"\nkind = \"line-protocol\"\nurl = \"http://{address}/base\"\n\
         batch_age_ms = 50\n"
    )
}

#[test]
fn a_sink_that_is_down_delays_nothing_and_catches_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap();
    Fake::start(listener, None, taken);
    let away = nobody();
    let sinks = sink("there", there) + &sink("away", away);
    let centre = Centre::with(EMBEDDED, &sinks);
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    let start = now().plus(-10_000_000);
    node.publish(&station.topic("birth"), &station.birth(), None);
    for seq in 0..4 {
        let i = i64::try_from(seq).unwrap();
        let batch = station.batch(seq, &[(start.plus(i * 1_000_000), 80_000 + i)]);
        node.publish(&station.topic("data"), &batch, None);
    }
    while node.ack().watermark < Seq(4) {}
    let lag = |centre: &Centre, name: &str| {
        centre.metric(&format!("tram_sink_lag_entries{{sink=\"{name}\"}}"))
    };
    until("the engine that is there", || (lag(&centre, "there") == 0).then_some(()));
    until("an attempt", || (centre.metric("tram_sink_retries_total") > 0).then_some(()));
    assert_eq!(lag(&centre, "away"), 4);
    assert_eq!(centre.metric("tram_sink_up{sink=\"away\"}"), 0);
    assert_eq!(centre.ask("/readyz").0, 200);
    assert_eq!(centre.metric("tram_sink_written_total"), 4);
    let rows = centre.json("/api/v1/sinks");
    assert_eq!((&rows[0]["up"], &rows[1]["up"]), (&true.into(), &false.into()));
    assert!(rows[1]["reason"].as_str().unwrap().contains("refused"), "{rows}");

    // Its place is kept, across a crash of the centre too.
    drop(node);
    let folder = centre.kill();
    Fake::start(TcpListener::bind(away).unwrap(), None, taken);
    let centre = Centre::again(folder);
    until("the engine that was away", || (lag(&centre, "away") == 0).then_some(()));
    let written = centre.metric("tram_sink_written_total{sink=\"away\"}");
    assert_eq!(written, 4);
    assert_eq!(centre.metric("tram_sink_lost_entries_total"), 0);
    assert_eq!(centre.metric("tram_sink_refused_total"), 0);
}

#[test]
fn what_an_engine_refuses_is_kept_and_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    Fake::start(listener, None, refused);
    let centre = Centre::with(EMBEDDED, &sink("picky", address));
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    let start = now().plus(-10_000_000);
    node.publish(&station.topic("birth"), &station.birth(), None);
    let readings =
        [(start, 80_000), (start.plus(1_000_000), 80_001), (start.plus(2_000_000), 80_002)];
    node.publish(&station.topic("data"), &station.batch(0, &readings), None);
    let refused = || (centre.metric("tram_sink_refused_total") == 3).then_some(());
    until("the refusals", refused);
    let row = until("the row", || {
        let row = centre.json("/api/v1/sinks?limit=2")[0].clone();
        (row["refused"] == 3).then_some(row)
    });
    assert_eq!((&row["name"], &row["kind"]), (&"picky".into(), &"line-protocol".into()));
    assert_eq!(row["lag_entries"], 0, "they are in nobody's way");
    assert_eq!(row["last_refused"].as_array().unwrap().len(), 2);
    let why = row["last_refused"][0]["why"].as_str().unwrap();
    assert!(why.contains("bad-request: answered 400"), "{why}");
    let kept = std::fs::read_to_string(centre.path("data/sinks/picky.refused.lp")).unwrap();
    let lines: Vec<_> = kept.lines().filter(|l| !l.starts_with('#')).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|l| l.starts_with("tram,channel=water_level,")), "{kept}");
}

/// One reading, through a centre with this sink, of the name `i`.
fn through(sink: &str) -> Centre {
    let centre = Centre::with(EMBEDDED, sink);
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    node.publish(&station.topic("data"), &station.batch(0, &[(now(), 80_000)]), None);
    while node.ack().watermark < Seq(1) {}
    centre
}

#[test]
fn an_influxdb_2_gets_its_bucket_and_then_its_readings() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let Some(tls) = certified(folder.path()) else { return };
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
    // Plain, through the crate influxdb2; encrypted, by our own requests.
    for (scheme, tls) in [("http", None), ("https", Some(tls))] {
        let authority = match &tls {
            Some(_) => format!("ca_file = \"{}\"\n", folder.path().join("ca.pem").display()),
            None => String::new(),
        };
        let engine = Fake::start(bind(), tls, influxdb2);
        let centre = through(&format!(
            "[[sink]]\nname = \"i\"\nkind = \"influxdb2\"\nurl = \"{scheme}://{}\"\n\
             org = \"tram\"\nbucket = \"readings\"\nretention_days = 365\n\
             token_file = \"{}\"\nbatch_age_ms = 50\n{authority}",
            engine.address,
            token.display()
        ));
        until("the reading", || (centre.metric("tram_sink_written_total") == 1).then_some(()));
        let asked: Vec<_> = engine.requests().into_iter().filter(|r| r != "GET /ready").collect();
        assert_eq!(
            asked,
            [
                "GET /health",
                "GET /api/v2/orgs?org=tram",
                "GET /api/v2/buckets?name=readings&orgID=0a",
                "POST /api/v2/buckets",
                "POST /api/v2/write?precision=us&org=tram&bucket=readings",
            ],
            "{scheme}"
        );
    }
}

#[test]
fn an_engine_of_an_unknown_authority_is_given_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tls) = certified(folder.path()) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let engine = Fake::start(listener, Some(tls), taken);
    let centre = through(&format!(
        "[[sink]]\nname = \"i\"\nkind = \"line-protocol\"\nurl = \"https://{}\"\nbatch_age_ms = 50\n",
        engine.address
    ));
    let reason = until("the reason", || {
        let row = centre.json("/api/v1/sinks")[0].clone();
        row["reason"].as_str().map(str::to_owned)
    });
    assert!(reason.to_lowercase().contains("certificate"), "{reason}");
    assert_eq!(centre.metric("tram_sink_written_total"), 0);
    assert!(engine.requests().is_empty());
}

/// How many batches wait for the engine that was away, and how many readings each holds.
const BATCHES: u64 = 300;
const READINGS: i64 = 1_000;

#[test]
fn an_engine_that_was_away_for_hundreds_of_thousands_of_readings_catches_up() {
    let folder = tempfile::tempdir().unwrap();
    let away = nobody();
    let sinks = format!(
        "[[sink]]\nname = \"away\"\nkind = \"victoriametrics\"\nurl = \"http://{away}\"\n\
         batch_age_ms = 50\nreplay_s = 3\n"
    );
    let centre = Centre::with(EMBEDDED, &sinks);
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    let start = now().plus(-1_000_000_000);
    let send = |seq: u64| {
        let first = i64::try_from(seq).unwrap() * READINGS;
        let reading = |i: i64| (start.plus((first + i) * 2_000), 80_000 + i);
        let readings: Vec<_> = (0..READINGS).map(reading).collect();
        node.publish(&station.topic("data"), &station.batch(seq, &readings), None);
    };
    for seq in 0..BATCHES {
        send(seq);
    }
    let watermark = |to: u64| while node.ack().watermark < Seq(to) {};
    watermark(BATCHES);
    let lag = || centre.metric("tram_sink_lag_entries{sink=\"away\"}");
    assert_eq!(lag(), BATCHES, "the log keeps what the engine has not taken");

    let Some(engine) = Victoria::start(folder.path(), away) else { return };
    // While it catches up, what is new is committed, acknowledged and shown as ever.
    send(BATCHES);
    watermark(BATCHES + 1);
    let last = 80_000.0 + (READINGS - 1) as f64;
    let latest = centre.json("/api/v1/latest?station=a");
    assert_eq!(latest[0]["value"], last / 1_000.0);
    until("the engine has everything", || (lag() == 0).then_some(()));
    let all = usize::try_from((BATCHES + 1) * READINGS.unsigned_abs()).unwrap();
    assert_eq!(engine.held("tram_value"), (all, all), "each once");
    assert_eq!(centre.metric("tram_sink_lost_entries_total"), 0);

    // Killed, and back before anybody asks: what it had not yet written comes again.
    drop(engine);
    let engine = Victoria::start(folder.path(), away).unwrap();
    send(BATCHES + 1);
    watermark(BATCHES + 2);
    let all = all + usize::try_from(READINGS).unwrap();
    until("the engine has everything again", || (engine.held("tram_value").0 == all).then_some(()));
}
