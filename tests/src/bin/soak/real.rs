//! The real programs in real time: centre, nodes, VictoriaMetrics behind a sink, an open page and
//! somebody who asks; every ten seconds somebody looks. Nodes are killed now and then, and the
//! engine once.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tram_tests::{
    Centre, Counting, Node, PARTS, Tally, VictoriaMetrics,
    soak::{Chart, Flat, Limit, Line, Outcome, svg},
};

/// How many nodes there are.
const NODES: usize = 4;
/// How often somebody looks.
const LOOK: Duration = Duration::from_secs(10);
/// One node is killed every so many looks.
const KILL_EVERY: usize = 18;
/// For so many looks the engine stays away after it was killed.
const AWAY: usize = 6;
const MIB: f64 = 1_048_576.0;

/// Runs for so many minutes.
pub(crate) fn run(folder: &Path, minutes: u64, seed: u64) -> Result<Outcome> {
    let mut fleet = Fleet::start(folder, seed)?;
    let page = Page::open(&fleet.centre)?;
    let looks = usize::try_from(minutes * 60 / LOOK.as_secs())?.max(12);
    println!(
        "{NODES} nodes, sink: {}, {looks} looks of {} s; a line a minute",
        fleet.engine.name(),
        LOOK.as_secs()
    );
    println!("{}", Seen::HEADER);
    let begun = instant();
    let mut seen: Vec<Seen> = Vec::with_capacity(looks);
    let mut kills = [0; NODES];
    for look in 0..looks {
        let due = begun + LOOK * u32::try_from(look + 1)?;
        std::thread::sleep(due.saturating_duration_since(instant()));
        let now = fleet.look(seen.last(), &page)?;
        if look % 6 == 5 {
            println!("{}", now.line(begun.elapsed()));
        }
        seen.push(now);
        if look % KILL_EVERY == KILL_EVERY - 1 {
            let victim = look / KILL_EVERY % NODES;
            if let (Some(node), Some(n)) = (fleet.nodes.get_mut(victim), kills.get_mut(victim)) {
                node.kill()?;
                node.start()?;
                *n += 1;
            }
        }
        fleet.engine.disturb(look, looks * 2 / 5)?;
    }
    let mut failures = Vec::new();
    let tallies = fleet.count(kills, &mut failures);
    page.judge(&mut failures);
    let flats = judge(&seen);
    failures.extend(flats.iter().filter(|f| !f.good()).map(|f| format!("not flat: {f}")));
    let table = seen
        .iter()
        .enumerate()
        .map(|(i, s)| s.line(LOOK * u32::try_from(i + 1).unwrap_or(u32::MAX)) + "\n");
    let (frames, gap) = (page.frames.load(Ordering::Relaxed), page.longest());
    let summary = format!(
        "{minutes} minutes, {} kills of nodes; the open page got {frames} frames, the longest pause {gap:.1} s\n{tallies}",
        kills.iter().sum::<usize>(),
    );
    Ok(Outcome {
        table: format!("{}\n{}", Seen::HEADER, table.collect::<String>()),
        svg: charts(&seen, minutes),
        flats,
        failures,
        summary,
    })
}

/// Everything that runs.
struct Fleet {
    centre: Centre,
    nodes: Vec<Node>,
    engine: Engine,
}

/// What the sink writes to.
enum Engine {
    Victoria(VictoriaMetrics, PathBuf),
    Counting(Counting),
}

impl Engine {
    fn start(folder: &Path) -> Result<Self> {
        if VictoriaMetrics::installed() {
            return Ok(Self::Victoria(VictoriaMetrics::start(folder)?, folder.to_owned()));
        }
        tram_tests::skip(
            "VictoriaMetrics is not installed (apt install victoria-metrics); a counting engine takes its place",
        );
        Ok(Self::Counting(Counting::start()?))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Victoria(..) => "VictoriaMetrics",
            Self::Counting(_) => "a counting engine",
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Victoria(engine, _) => engine.address,
            Self::Counting(engine) => engine.address,
        }
    }

    /// Kills it at one look and starts it again some looks later.
    fn disturb(&mut self, look: usize, at: usize) -> Result<()> {
        let Self::Victoria(engine, folder) = self else { return Ok(()) };
        if look == at {
            engine.program.kill()?;
        } else if look == at + AWAY {
            engine.start_again(folder)?;
        }
        Ok(())
    }
}

impl Fleet {
    fn start(folder: &Path, seed: u64) -> Result<Self> {
        let engine = Engine::start(folder)?;
        let configuration = folder.join("ingest.toml");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/rules").canonicalize()?;
        let mut text = format!(
            "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n\
             [store]\nseal_readings = 20000\n\
             [rules]\nfolder = \"{}\"\n[alerts]\nsender = \"tram@example.org\"\n\
             sender_name = {{ vi = \"T\", en = \"T\", zh = \"T\" }}\n\
             public_url = \"http://127.0.0.1:8080\"\ndefault_area = \"a\"\n\
             [[alerts.area]]\nid = \"a\"\nname = {{ vi = \"A\", en = \"A\", zh = \"A\" }}\n\
             communes = [\"02647\"]\n\
             [[sink]]\nname = \"engine\"\nkind = \"line-protocol\"\nurl = \"http://{}\"\n",
            folder.display(),
            rules.display(),
            engine.address()
        );
        let names: Vec<String> = (1..=NODES).map(|n| format!("soak-{n:02}")).collect();
        for name in &names {
            text.push_str(&format!(
                "[[station]]\nid = \"{name}\"\nname = \"S\"\nlat = 22.0\nlon = 104.0\n"
            ));
        }
        std::fs::write(&configuration, text)?;
        let centre = Centre::start(folder, &configuration)?;
        let mut nodes = Vec::new();
        for (name, n) in names.iter().zip(0_u64..) {
            let broker = Node::open_broker(centre.mqtt_port);
            // A storm that takes its time: it rains for most of the run on every second node.
            let weather = if n % 2 == 0 { "quiet" } else { "storm" };
            let scenario = format!("scenario = \"{weather}\"\nseed = {}\nspeed = 4", seed + n);
            let mut node = Node::prepare(folder, name, &broker, &scenario, PARTS)?;
            node.start()?;
            nodes.push(node);
        }
        Ok(Self { centre, nodes, engine })
    }

    /// Looks at everything once.
    fn look(&mut self, before: Option<&Seen>, page: &Page) -> Result<Seen> {
        ensure!(
            self.centre.program.running(),
            "the centre has ended:\n{}",
            self.centre.program.printed()
        );
        let metrics = Metrics(self.centre.text("/metrics")?);
        let (received, sum) = self.centre.identity()?;
        ensure!(received == sum, "received {received}, but the parts add up to {sum}");
        let now = jiff::Timestamp::now();
        let asked = |path: String| -> Result<f64> {
            let begun = instant();
            self.centre.text(&path)?;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        };
        let from = now - jiff::SignedDuration::from_mins(30);
        let series =
            format!("/api/v1/history?station=soak-01&channel=air_temperature&from={from}&to={now}");
        let history = asked(series.clone())?.max(asked(format!("{series}&step=60s"))?);
        let latest = asked("/api/v1/latest".to_owned())?;
        let nodes = self.nodes.iter().filter_map(Node::program);
        let node_rss = nodes.filter_map(|p| p.memory_kib().ok()).max().unwrap_or(0);
        let buckets = metrics.buckets("tram_commit_seconds_bucket");
        let none = Vec::new();
        let earlier = before.map_or(&none, |b| &b.buckets);
        let cpu = metrics.one("process_cpu_seconds_total");
        Ok(Seen {
            rss: metrics.one("process_resident_memory_bytes") / MIB,
            fds: metrics.one("process_open_fds"),
            threads: metrics.one("process_threads"),
            cpu: cpu - before.map_or(cpu, |b| b.cpu_total),
            cpu_total: cpu,
            readings: metrics.one("tram_readings_stored_total"),
            head: metrics.one("tram_head_readings"),
            log: metrics.one("tram_data_bytes{part=\"log\"}") / MIB,
            payload: metrics.one("tram_log_payload_bytes") / MIB,
            sink_lag: metrics.one("tram_consumer_lag_seconds{consumer=\"sink:engine\"}"),
            alerts_lag: metrics.one("tram_consumer_lag_seconds{consumer=\"alerts\"}"),
            p50: quantile(&buckets, earlier, 0.5),
            p99: quantile(&buckets, earlier, 0.99),
            buckets,
            history,
            latest,
            node_rss: node_rss as f64 / 1024.0,
            gap: page.gap.swap(0, Ordering::Relaxed) as f64 / 1e3,
        })
    }

    /// Stops the nodes and counts every reading by its identity.
    fn count(&mut self, kills: [usize; NODES], failures: &mut Vec<String>) -> String {
        let mut text = String::new();
        for (node, kills) in self.nodes.iter_mut().zip(kills) {
            match Tally::of(&self.centre, node, kills) {
                Ok(tally) => text += &format!("{}: {tally}\n", node.name),
                Err(error) => failures.push(format!("{}: {error:#}", node.name)),
            }
        }
        let caught_up =
            tram_tests::until("sink that has caught up", Duration::from_secs(60), || {
                (self.centre.metric("tram_sink_lag_entries").ok()? == 0).then_some(())
            });
        let lost = self.centre.metric("tram_sink_lost_entries_total");
        if let Err(error) = caught_up {
            failures.push(error.to_string());
        }
        match lost {
            Ok(0) => text,
            other => {
                failures.push(format!("entries given up for the sink: {other:?}"));
                text
            }
        }
    }
}

/// What was seen at one look.
#[derive(Debug, Clone, Default)]
struct Seen {
    rss: f64,
    fds: f64,
    threads: f64,
    cpu: f64,
    cpu_total: f64,
    readings: f64,
    head: f64,
    log: f64,
    payload: f64,
    sink_lag: f64,
    alerts_lag: f64,
    p50: f64,
    p99: f64,
    buckets: Vec<(f64, f64)>,
    history: f64,
    latest: f64,
    node_rss: f64,
    gap: f64,
}

impl Seen {
    const HEADER: &'static str = "  time  readings  centre MiB  fds thr  CPU s  head  log MiB (payload)  \
        commit p50/p99 ms  lag alerts/sink s  history ms  latest ms  node MiB  page gap s";

    fn line(&self, at: Duration) -> String {
        let seconds = at.as_secs();
        format!(
            "{:>3}:{:02} {:>9}  {:>10.1} {:>4} {:>3} {:>6.2} {:>5}  {:>7.2} ({:>7.2})  {:>7.1}/{:<8.1}  {:>7.1}/{:<8.1} {:>10.1} {:>10.1} {:>9.1} {:>10.1}",
            seconds / 60,
            seconds % 60,
            self.readings,
            self.rss,
            self.fds,
            self.threads,
            self.cpu,
            self.head,
            self.log,
            self.payload,
            self.p50,
            self.p99,
            self.alerts_lag,
            self.sink_lag,
            self.history,
            self.latest,
            self.node_rss,
            self.gap,
        )
    }
}

fn judge(seen: &[Seen]) -> Vec<Flat> {
    // The first fifth is for caches to fill.
    let settled = seen.get(seen.len() / 5..).unwrap_or_default();
    let of = |f: fn(&Seen) -> f64| settled.iter().map(f).collect::<Vec<_>>();
    let rise = |share, noise| Limit::Rise { share, noise };
    vec![
        Flat::of("memory of the centre", "MiB", &of(|s| s.rss), rise(0.05, 4.0)),
        Flat::of("memory of the largest node", "MiB", &of(|s| s.node_rss), rise(0.05, 1.0)),
        Flat::of("open files of the centre", "files", &of(|s| s.fds), rise(0.0, 2.0)),
        Flat::of("threads of the centre", "threads", &of(|s| s.threads), rise(0.0, 2.0)),
        Flat::of("CPU of the centre in 10 s", "s", &of(|s| s.cpu), rise(0.25, 0.3)),
        Flat::of("log.db and its journal", "MiB", &of(|s| s.log), rise(0.10, 4.0)),
        Flat::of("commit, median", "ms", &of(|s| s.p50), rise(0.50, 5.0)),
        Flat::of("commit, 99th percentile", "ms", &of(|s| s.p99), rise(1.0, 30.0)),
        Flat::of("half an hour of history", "ms", &of(|s| s.history), rise(0.50, 30.0)),
        Flat::of("latest of everything", "ms", &of(|s| s.latest), rise(0.50, 20.0)),
    ]
}

fn charts(seen: &[Seen], minutes: u64) -> String {
    let line = |name: &str, f: fn(&Seen) -> f64| Line {
        name: name.to_owned(),
        values: seen.iter().map(f).collect(),
    };
    let chart = |title: &str, lines| Chart { title: title.to_owned(), lines };
    let charts = [
        chart("memory, MiB", vec![line("centre", |s| s.rss), line("largest node", |s| s.node_rss)]),
        chart("readings in the head", vec![line("head", |s| s.head)]),
        chart("log, MiB", vec![line("payload", |s| s.payload), line("file", |s| s.log)]),
        chart("commit, ms", vec![line("p50", |s| s.p50), line("p99", |s| s.p99)]),
        chart("lag, s", vec![line("alerts", |s| s.alerts_lag), line("sink", |s| s.sink_lag)]),
        chart("questions, ms", vec![line("history", |s| s.history), line("latest", |s| s.latest)]),
    ];
    svg(&charts, minutes as f64, "min")
}

/// An answer of `/metrics`.
struct Metrics(String);

impl Metrics {
    /// A value by its name and labels; not a number when it is not there.
    fn one(&self, series: &str) -> f64 {
        let value = |line: &str| {
            line.strip_prefix(series)?.strip_prefix(' ').and_then(|v| v.parse::<f64>().ok())
        };
        self.0.lines().find_map(value).unwrap_or(f64::NAN)
    }

    /// Bounds of a histogram and how many were at most so long.
    fn buckets(&self, name: &str) -> Vec<(f64, f64)> {
        let bucket = |line: &str| {
            let (bound, n) = line.strip_prefix(name)?.strip_prefix("{le=\"")?.split_once("\"} ")?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            Some((bound, n.parse().ok()?))
        };
        self.0.lines().filter_map(bucket).collect()
    }
}

/// The share `q` of what came since `before`, in milliseconds, as Prometheus estimates it.
fn quantile(now: &[(f64, f64)], before: &[(f64, f64)], q: f64) -> f64 {
    let since = |i: usize| {
        let (_, n) = now.get(i).copied().unwrap_or_default();
        n - before.get(i).map_or(0.0, |b| b.1)
    };
    let total = since(now.len().saturating_sub(1));
    if total <= 0.0 {
        return 0.0;
    }
    let (mut low, mut below) = (0.0, 0.0);
    for (i, (bound, _)) in now.iter().enumerate() {
        let upto = since(i);
        if upto >= total * q {
            let high = if bound.is_finite() { *bound } else { low };
            return (low + (high - low) * (total * q - below) / (upto - below).max(1.0)) * 1e3;
        }
        (low, below) = (*bound, upto);
    }
    low * 1e3
}

/// A page that is open, as a browser keeps it: it reads the live feed.
struct Page {
    frames: Arc<AtomicU64>,
    /// The longest pause between two frames since the last look, in milliseconds.
    gap: Arc<AtomicU64>,
    most: Arc<AtomicU64>,
    broken: Arc<AtomicBool>,
    _thread: JoinHandle<()>,
}

impl Page {
    fn open(centre: &Centre) -> Result<Self> {
        let url = centre.url("/api/v1/live");
        let address = url.strip_prefix("http://").and_then(|u| u.split('/').next());
        let address = address.context("no address")?.to_owned();
        let mut stream = TcpStream::connect(&address)?;
        write!(stream, "GET /api/v1/live HTTP/1.1\r\nhost: {address}\r\n\r\n")?;
        let (frames, gap) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (most, broken) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let told = (Arc::clone(&frames), Arc::clone(&gap), Arc::clone(&most), Arc::clone(&broken));
        let thread = std::thread::spawn(move || {
            let (frames, gap, most, broken) = told;
            let mut last = instant();
            for line in BufReader::new(stream).lines() {
                let Ok(line) = line else { break };
                if line.starts_with("event: ") {
                    let pause = u64::try_from(last.elapsed().as_millis()).unwrap_or(u64::MAX);
                    last = instant();
                    gap.fetch_max(pause, Ordering::Relaxed);
                    most.fetch_max(pause, Ordering::Relaxed);
                    frames.fetch_add(1, Ordering::Relaxed);
                }
            }
            broken.store(true, Ordering::Relaxed);
        });
        Ok(Self { frames, gap, most, broken, _thread: thread })
    }

    /// The longest pause of all, in seconds.
    fn longest(&self) -> f64 {
        self.most.load(Ordering::Relaxed) as f64 / 1e3
    }

    fn judge(&self, failures: &mut Vec<String>) {
        if self.broken.load(Ordering::Relaxed) {
            failures.push("the open page lost its connection".to_owned());
        }
        // A heartbeat comes every five seconds, and differences each second.
        if self.longest() > 10.0 {
            failures.push(format!("the open page heard nothing for {:.1} s", self.longest()));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the real programs run in real time")]
fn instant() -> Instant {
    Instant::now()
}
