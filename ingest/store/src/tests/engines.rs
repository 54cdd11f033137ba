//! Sinks and what is read back, against real engines where they are installed: Debian's
//! `victoria-metrics` and `influxdb`. Without them a test says so on stderr and passes. `InfluxDB` 2
//! is tested where `TRAM_INFLUX_URL` names one, and by exchanges in `tests/exchanges` otherwise.

#[path = "../../../../tests/exchanges/replay.rs"]
mod exchanges;
mod influxdb2;
mod reading;
mod writing;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{
    LogReader,
    sink::{Access, Answer, MAX_READ_ENTRIES, Place, Sink, Step, Target, Watch},
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

    /// When `VictoriaMetrics` says that it was started.
    fn started(&self) -> String {
        let page = self.ask("/metrics");
        page.lines().find(|l| l.starts_with("vm_app_start_timestamp")).unwrap().to_owned()
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

fn target(place: &Place) -> Target {
    Target::new(place, &Access::default()).unwrap()
}

/// Looks at nobody.
fn blind() -> Watch {
    Watch::new(&[], "http://x", &Access::default())
}

/// Lets the sink work on virtual time until it has nothing to do, or `stop` says so.
fn pour(
    sink: &mut Sink,
    reader: &mut LogReader,
    target: &Target,
    watch: &mut Watch,
    now: &mut Duration,
    mut stop: impl FnMut(&Answer) -> bool,
) {
    for _ in 0..MAX_STEPS {
        match sink.poll(*now) {
            Step::Rest(pause) => *now += pause,
            Step::Look => {
                let sight = watch.look();
                sink.seen(sight, *now);
            }
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
