//! What the centre tells of itself: every metric is documented, and the names are as they should
//! be.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
};

use tram_wire::{ClockState, Health, SensorErrorKind, Seq, Storing};

use crate::harness::{Centre, Client, Station, TOP, now, until};

const EMBEDDED: &str = "listen = \"127.0.0.1:0\"\nanonymous_loopback = true";

/// Alarms and a sink, so that everything there is to tell is told.
fn with_everything() -> Centre {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef").unwrap();
    let more = format!(
        "[rules]\nfolder = \"{}\"\n[alerts]\nsender = \"tram@example.org\"\n\
         sender_name = {{ vi = \"T\", en = \"T\", zh = \"T\" }}\n\
         public_url = \"http://127.0.0.1:8080\"\ndefault_area = \"a\"\n\
         [[alerts.area]]\nid = \"a\"\nname = {{ vi = \"A\", en = \"A\", zh = \"A\" }}\n\
         communes = [\"02647\"]\n\
         [[alerts.webhook]]\nname = \"w\"\nurl = \"http://127.0.0.1:1\"\nsecret_file = \"{}\"\n\
         [[sink]]\nname = \"away\"\nkind = \"line-protocol\"\nurl = \"http://127.0.0.1:1\"\n\
         [broker.tls]\nlisten = \"127.0.0.1:0\"\n\
         [enrol]\nlisten = \"127.0.0.1:0\"\nnames = [\"127.0.0.1\"]\n",
        rules.display(),
        secret.display()
    );
    Centre::with(EMBEDDED, &more)
}

/// The metrics that the page of the documentation lists, and the kind of each.
fn documented() -> BTreeMap<String, String> {
    let page = std::fs::read_to_string(format!("{TOP}/docs/metrics.md")).unwrap();
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| `")?.split_once('`')?;
        let kind = rest.split('|').nth(1)?.trim().split(',').next()?;
        Some((name.to_owned(), kind.to_owned()))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_is_there() {
    let centre = with_everything();
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("status"), &station.status(health()), None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    node.publish(&station.topic("data"), &station.batch(0, &[(now(), 1), (now(), 2)]), None);
    assert!(node.ack().covers(Seq(0)));
    node.publish(&station.topic("data"), &station.batch(0, &[(now(), 1), (now(), 2)]), None);
    until("the duplicate", || {
        let n = centre.metric("tram_messages_duplicate_total{class=\"station\",first=\"stored\"}");
        (n == 1).then_some(())
    });
    let (status, page) = centre.ask("/metrics");
    assert_eq!(status, 200);

    let head = |line: &str| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some((name.to_owned(), kind.to_owned()))
    };
    let told: BTreeMap<String, String> = page.lines().filter_map(head).collect();
    assert_eq!(told, documented(), "docs/metrics.md and /metrics differ");

    // A value belongs to the metric above it, and no value comes twice.
    let mut current = (String::new(), String::new());
    let mut seen = BTreeSet::new();
    for line in page.lines() {
        if let Some(next) = head(line) {
            current = next;
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let base = match current.1.as_str() {
                "histogram" => {
                    ["_bucket", "_sum", "_count"].iter().find_map(|e| name.strip_suffix(e))
                }
                _ => Some(name),
            };
            assert_eq!(base, Some(current.0.as_str()), "{line}");
            let signed = name.ends_with("_dbm") || name.ends_with("_celsius");
            assert!(value.parse::<f64>().is_ok_and(|v| signed || v >= 0.0), "{line}");
            assert!(seen.insert(series.to_owned()), "{series} is there twice");
        }
    }

    // A sink that is away lags and says by how much; everybody else has everything.
    let lag = |what: &str, consumer: &str| {
        let name = format!("tram_consumer_lag_{what}{{consumer=\"{consumer}\"}}");
        value(&page, &name)
    };
    assert_eq!(lag("entries", "sink:away"), 1.0);
    until("the alarms", || {
        let page = centre.ask("/metrics").1;
        (value(&page, "tram_consumer_lag_entries{consumer=\"alerts\"}") == 0.0).then_some(())
    });
    let later = until("a second", || {
        let page = centre.ask("/metrics").1;
        let late = value(&page, "tram_consumer_lag_seconds{consumer=\"sink:away\"}");
        let live = value(&page, "tram_consumer_lag_entries{consumer=\"live\"}");
        (late > 0.2 && live == 0.0).then_some(page)
    });
    assert!(value(&later, "process_resident_memory_bytes") > 1e6);
    assert!(value(&later, "tram_disk_free_bytes") > 1e6);
    assert!(value(&later, "tram_data_bytes{part=\"log\"}") > 0.0);
    assert!(value(&later, "tram_last_commit_timestamp_seconds") > 1.7e9);
    assert_eq!(value(&later, "tram_stations_by_state{state=\"fresh\"}"), 1.0);
    assert_eq!(value(&later, "tram_node_signal_dbm{station=\"a\"}"), -87.0);
    assert_eq!(value(&later, "tram_node_temperature_celsius{station=\"a\"}"), 51.5);
    assert_eq!(value(&later, "tram_stations_clock{clock=\"rtc\"}"), 1.0);
    let errors = "tram_node_sensor_errors_total{station=\"a\",kind=\"no_answer\"}";
    assert_eq!(value(&later, errors), 3.0);
    assert_eq!(value(&later, "tram_broker_clients"), 2.0);
    assert_eq!(centre.identity(), 4);

    prometheus_agrees(&page);
}

/// Everything that a node can tell of itself.
fn health() -> Health {
    let mut health = Health {
        uptime_s: Some(60),
        clock: Some(ClockState::Rtc),
        said_at: Some(1_800_000_000),
        temperature: Some(51_500),
        throttled: Some(0x1_0000),
        disk_free: Some(1 << 30),
        disk_size: Some(1 << 34),
        waiting: Some(1),
        spool_bytes: Some(8_192),
        oldest_s: Some(12),
        written_a_day: Some(1 << 25),
        storing: Some(Storing::Kept),
        signal_dbm: Some(-87),
        connections: Some(2),
        ack_ms: Some(120),
        failing: Some(1),
        missed: Some(0),
        clock_steps: Some(0),
        ..Health::default()
    };
    health.errors.set(SensorErrorKind::NoAnswer, 3);
    health
}

#[test]
fn a_station_shows_how_its_node_says_it_is() {
    let centre = Centre::with(EMBEDDED, "");
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    let shown = |path: &str| {
        let row = centre.json("/api/v1/stations")[0].clone();
        row.pointer(path).cloned()
    };
    assert_eq!(shown("/health"), Some(serde_json::Value::Null));
    node.publish(&station.topic("status"), &station.status(health()), None);
    until("its health", || shown("/health/clock").filter(|clock| clock == "rtc"));
    assert_eq!(shown("/online"), Some(true.into()));
    assert_eq!(shown("/health/power_since_boot/0"), Some("under_voltage".into()));
    assert_eq!(shown("/health/errors/no_answer"), Some(3.into()));
    assert_eq!(shown("/health/said"), Some("2027-01-15T08:00:00.000Z".into()));
}

fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find(|l| l.strip_prefix(series).is_some_and(|r| r.starts_with(' ')));
    let line = line.unwrap_or_else(|| panic!("no {series} in:\n{page}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Prometheus' own opinion of names, kinds and help texts.
fn prometheus_agrees(page: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        // Past the runner's capture, so that it is seen.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: promtool is not installed (apt install prometheus)"
        );
        return;
    };
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn who_fails_the_handshake_is_counted_and_fills_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["crt", "key"].map(|e| folder.path().join(e).display().to_string());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args([
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        let _ =
            writeln!(std::io::stderr(), "skipped: openssl is not installed (apt install openssl)");
        return;
    }
    let broker = format!(
        "{EMBEDDED}\n[broker.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{certificate}\"\nkey = \"{key}\""
    );
    let mut centre = Centre::with(&broker, "");
    let told = std::fs::read(centre.path("ready.json")).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    let address = told["mqtts"].as_str().unwrap().to_owned();
    for _ in 0..100 {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        // The centre may hang up before it has read everything.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
        let _ = std::io::Read::read(&mut stream, &mut [0; 64]);
    }
    until("all of them", || {
        let n = centre.metric("tram_broker_turned_away_total{why=\"handshake\"}");
        (n == 100).then_some(())
    });
    let kept_back = centre.metric("tram_log_lines_kept_back_total");
    centre.program.terminate();
    centre.program.says("stopping");
    let said = centre.program.said("handshake failed");
    assert!((1..=30).contains(&said), "{said} lines");
    assert_eq!(kept_back, 100 - said as u64);
}
