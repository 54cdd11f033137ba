//! Sinks against real engines, where they are installed: Debian's `victoria-metrics` and
//! `influxdb`. Without them a test says so on stderr and passes.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::{NOW, batch, born, series, store};
use crate::{
    LogId, LogReader,
    sink::{Answer, Limits, MAX_READ_ENTRIES, Place, Sink, Step, Target},
};

/// The most steps of a sink in a test.
const MAX_STEPS: usize = 10_000;

/// An engine that runs.
struct Engine {
    child: Child,
    address: SocketAddr,
}

impl Engine {
    /// `None`, said on stderr, when it is not installed.
    fn victoria(dir: &Path, address: SocketAddr) -> Option<Self> {
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", dir.join("victoria").display()))
            .arg(format!("-httpListenAddr={address}"))
            .args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms"]);
        Self::start(command, address, "starting http server")
    }

    fn influx(dir: &Path, address: SocketAddr, rpc: SocketAddr) -> Option<Self> {
        let folder = |name: &str| dir.join(name).display().to_string();
        let config = dir.join("influx.conf");
        let text = format!(
            "reporting-disabled = true\nbind-address = \"{rpc}\"\n\
             [meta]\ndir = \"{}\"\n[data]\ndir = \"{}\"\nwal-dir = \"{}\"\n\
             [monitor]\nstore-enabled = false\n\
             [http]\nbind-address = \"{address}\"\nlog-enabled = false\n",
            folder("meta"),
            folder("data"),
            folder("wal"),
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("influxd");
        command.arg("-config").arg(config);
        Self::start(command, address, "Listening on HTTP")
    }

    fn start(mut command: Command, address: SocketAddr, ready: &str) -> Option<Self> {
        let program = PathBuf::from(command.get_program());
        let program = program.display();
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            eprintln!(
                "skipped: {program} is not installed. Install it with: apt-get install victoria-metrics influxdb"
            );
            return None;
        };
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let found = said.by_ref().map_while(Result::ok).any(|line| line.contains(ready));
        assert!(found, "{program} ended before it was ready");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || said.map_while(Result::ok).for_each(drop));
        let engine = Self { child, address };
        engine.until_it_answers();
        Some(engine)
    }

    /// The line comes just before the port is open.
    fn until_it_answers(&self) {
        let (_alive, never) = std::sync::mpsc::channel::<()>();
        for _ in 0..1_000 {
            if std::net::TcpStream::connect(self.address).is_ok() {
                return;
            }
            // Nobody sends: this only gives the other process a moment.
            let _ = never.recv_timeout(Duration::from_millis(10));
        }
        panic!("nobody listens on {}", self.address);
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    fn ask(&self, path: &str) -> String {
        let mut answer = ureq::get(format!("{}{path}", self.base())).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    /// What `InfluxDB` answers.
    fn query(&self, q: &str) -> Value {
        let request = ureq::post(format!("{}/query", self.base()));
        let request = request.query("db", "tram").query("epoch", "u").query("q", q);
        let text = request.send_empty().unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Every sample of a metric: its tags and its time in milliseconds, and how many values.
    fn exported(&self, metric: &str) -> (BTreeSet<(String, i64)>, usize) {
        self.ask("/internal/force_flush");
        let text = self.ask(&format!("/api/v1/export?match%5B%5D={metric}"));
        let mut samples = BTreeSet::new();
        let mut values = 0;
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let station = row["metric"]["station"].as_str().unwrap().to_owned();
            values += row["values"].as_array().unwrap().len();
            for time in row["timestamps"].as_array().unwrap() {
                samples.insert((station.clone(), time.as_i64().unwrap()));
            }
        }
        (samples, values)
    }
}

impl Drop for Engine {
    /// As a crash does it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address nobody else will be given soon.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn v2(engine: &Engine) -> Place {
    Place::V2 { base: engine.base(), org: None, bucket: None }
}

/// Lets the sink work on virtual time until it has nothing to do, or `stop` says so.
fn pour(
    sink: &mut Sink,
    reader: &mut LogReader,
    target: &Target,
    now: &mut Duration,
    mut stop: impl FnMut(&Answer) -> bool,
) {
    for _ in 0..MAX_STEPS {
        match sink.poll(*now) {
            Step::Rest(pause) => *now += pause,
            Step::Read { after } => {
                let entries = reader.after(after, MAX_READ_ENTRIES).unwrap();
                match (entries.is_empty(), sink.patience(*now)) {
                    (true, None) => return,
                    (true, Some(pause)) => *now += pause,
                    (false, _) => sink.take(&entries, *now),
                }
            }
            Step::Send(lines) => {
                let answer = target.write(lines);
                let stopped = stop(&answer);
                sink.answered(answer, *now);
                if stopped {
                    return;
                }
            }
        }
    }
    panic!("the sink does not come to an end");
}

#[test]
fn everything_reaches_victoria_metrics_although_it_crashes() {
    let dir = tempfile::tempdir().unwrap();
    let address = free();
    let Some(engine) = Engine::victoria(dir.path(), address) else { return };
    let (mut opened, mut p) = born(&dir.path().join("store"));
    let mut add = |seqs: std::ops::Range<u64>| {
        for seq in seqs {
            let start = NOW.0 + i64::try_from(seq).unwrap() * 100_000_000;
            store(&mut opened, &mut p, "data", &batch(seq, 0, &series(start, 100)));
        }
    };
    add(0..100);
    let mut reader = LogReader::open(&dir.path().join("store/log.db")).unwrap();
    let limits = Limits { readings: 1_000, ..Limits::default() };
    let mut sink = Sink::new(LogId(0), limits);
    let target = Target::new(&v2(&engine), None).unwrap();
    let mut now = Duration::ZERO;
    pour(&mut sink, &mut reader, &target, &mut now, |answer| {
        assert_eq!(*answer, Answer::Written);
        false
    });
    assert_eq!(sink.counters().written, 10_000);

    // Killed just after its last 204; what it had not written is given to it again.
    drop(engine);
    add(100..120);
    pour(&mut sink, &mut reader, &target, &mut now, |a| matches!(a, Answer::Unreachable { .. }));
    assert_eq!(sink.counters().retries, 1);
    let engine = Engine::victoria(dir.path(), address).unwrap();
    pour(&mut sink, &mut reader, &target, &mut now, |_| false);
    assert_eq!(sink.counters().replays, 1);
    let (samples, values) = engine.exported("tram_value");
    let expected = (0..12_000).map(|i| ("lao-cai-river-01".to_owned(), NOW.0 / 1_000 + i * 1_000));
    assert_eq!(samples, expected.collect());
    assert_eq!(values, 12_000, "a reading that came twice counts once");
}

#[test]
fn everything_reaches_influxdb_and_what_it_refuses_is_singled_out() {
    let dir = tempfile::tempdir().unwrap();
    let Some(engine) = Engine::influx(dir.path(), free(), free()) else { return };
    let place = Place::V1 { base: engine.base(), database: "tram".to_owned() };
    let target = Target::new(&place, None).unwrap();
    let (mut opened, mut p) = born(&dir.path().join("store"));
    for seq in 0..20 {
        let start = NOW.0 + i64::try_from(seq).unwrap() * 100_000_000;
        store(&mut opened, &mut p, "data", &batch(seq, 0, &series(start, 100)));
    }
    let mut reader = LogReader::open(&dir.path().join("store/log.db")).unwrap();
    let mut sink = Sink::new(LogId(0), Limits::default());
    let mut now = Duration::ZERO;
    // A database that does not exist is no fault of the readings.
    pour(&mut sink, &mut reader, &target, &mut now, |a| {
        assert!(matches!(a, Answer::Later { reason, .. } if reason.contains("not found")), "{a:?}");
        true
    });
    let query = |q: &str| engine.query(q);
    query("CREATE DATABASE tram");
    pour(&mut sink, &mut reader, &target, &mut now, |_| false);
    assert_eq!(sink.counters().written, 2_000);
    let answer = query("SELECT count(value), last(value), sum(quality) FROM tram");
    let row = &answer["results"][0]["series"][0]["values"][0];
    assert_eq!((&row[1], &row[3]), (&Value::from(2_000), &Value::from(2_000)));
    let times = query("SELECT value FROM tram ORDER BY time LIMIT 1");
    assert_eq!(times["results"][0]["series"][0]["values"][0][0], NOW.0);

    // In the week of three of the readings, `value` is text already: they alone are refused.
    query("DROP MEASUREMENT tram");
    let month = NOW.0 - 30 * 86_400_000_000;
    let text = format!("tram value=\"text\" {month}\n");
    assert_eq!(target.write(text.as_bytes()), Answer::Written);
    store(&mut opened, &mut p, "data", &batch(20, 0, &series(month, 3)));
    let mut sink = Sink::new(LogId(0), Limits::default());
    pour(&mut sink, &mut reader, &target, &mut now, |_| false);
    let counters = sink.counters();
    assert_eq!((counters.written, counters.bad_request, counters.retries), (2_000, 3, 0));
    assert!(sink.refused().all(|r| r.reason.contains("field type conflict")), "{sink:?}");
    let answer = query("SELECT count(value) FROM tram WHERE station = 'lao-cai-river-01'");
    assert_eq!(answer["results"][0]["series"][0]["values"][0][1], 2_000);
}

/// Names that are up to something.
const NAMES: [&str; 9] = [
    "a b",
    "a,quality=9",
    "a\\",
    "a\\\\ value=1",
    "a value=1 1\ntram,station=forged value=2 2",
    "\"a\" b=\"",
    "a%5Cb%",
    "tạm\u{85}\u{2028}\t站",
    "#=,= ,\\,\\=\\ \\\n",
];

/// One line with each of the names, and the tags the engine should have of them.
fn forged() -> (String, BTreeSet<String>) {
    let mut lines = String::new();
    let mut expected = BTreeSet::new();
    for name in NAMES {
        let mut tag = Vec::new();
        crate::sink::tag(&mut tag, "station", name);
        let tag = String::from_utf8(tag).unwrap();
        lines += &format!("tram{tag} value=7 {}\n", NOW.0);
        expected.insert(tag.replace('\\', "").replacen(",station=", "", 1));
    }
    (lines, expected)
}

#[test]
fn no_name_forges_a_point_in_victoria_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let Some(engine) = Engine::victoria(dir.path(), free()) else { return };
    let (lines, expected) = forged();
    let target = Target::new(&v2(&engine), None).unwrap();
    assert_eq!(target.write(lines.as_bytes()), Answer::Written);
    let (samples, values) = engine.exported("%7B__name__!%3D%22%22%7D");
    assert_eq!(samples.into_iter().map(|(station, _)| station).collect::<BTreeSet<_>>(), expected);
    assert_eq!(values, NAMES.len());
}

#[test]
fn no_name_forges_a_point_in_influxdb() {
    let dir = tempfile::tempdir().unwrap();
    let Some(engine) = Engine::influx(dir.path(), free(), free()) else { return };
    engine.query("CREATE DATABASE tram");
    let place = Place::V1 { base: engine.base(), database: "tram".to_owned() };
    let (lines, expected) = forged();
    let target = Target::new(&place, None).unwrap();
    assert_eq!(target.write(lines.as_bytes()), Answer::Written);
    let answer = engine.query("SELECT station, value FROM tram");
    let rows = answer["results"][0]["series"][0]["values"].as_array().unwrap();
    let stations = rows.iter().map(|row| row[1].as_str().unwrap().to_owned());
    assert_eq!(stations.collect::<BTreeSet<_>>(), expected);
    assert!(rows.iter().all(|row| row[2] == 7 && row[0] == NOW.0), "{rows:?}");
}
