//! An engine that takes line protocol: one of this process, which only counts, and Debian's
//! VictoriaMetrics.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use serde_json::Value;
use tokio::runtime::Runtime;
use tram_wire::Quantity;

use crate::{Program, Readings, until};

/// An engine in this process: it says that it has written everything, and counts. It ends with
/// its owner.
#[derive(Debug)]
pub struct Counting {
    /// Where it listens.
    pub address: SocketAddr,
    bytes: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    _runtime: Runtime,
}

impl Counting {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (bytes, requests) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let counters = (Arc::clone(&bytes), Arc::clone(&requests));
        let write = move |body: Bytes| {
            counters.0.fetch_add(body.len() as u64, Ordering::Relaxed);
            counters.1.fetch_add(1, Ordering::Relaxed);
            std::future::ready(StatusCode::NO_CONTENT)
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let router = Router::new().route("/api/v2/write", post(write));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        });
        Ok(Self { address, bytes, requests, _runtime: runtime })
    }

    /// How many requests it has taken, and how many compressed bytes in them.
    #[must_use]
    pub fn taken(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// Debian's VictoriaMetrics with its files in a folder.
#[derive(Debug)]
pub struct VictoriaMetrics {
    /// The process.
    pub program: Program,
    /// Where it listens.
    pub address: SocketAddr,
}

impl VictoriaMetrics {
    /// Whether this machine has one.
    #[must_use]
    pub fn installed() -> bool {
        Command::new("victoria-metrics").arg("-version").output().is_ok()
    }

    /// Starts one. Of points with the same series and time it keeps one, as it must behind
    /// replicas.
    ///
    /// # Errors
    /// When it does not listen within twenty seconds.
    pub fn start(folder: &Path) -> Result<Self> {
        // It cannot tell which port it took, so one is borrowed from the kernel.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        Ok(Self { program: Self::launch(folder, address)?, address })
    }

    /// Starts it again on the same port, with the files it left.
    ///
    /// # Errors
    /// When it does not listen within twenty seconds.
    pub fn start_again(&mut self, folder: &Path) -> Result<()> {
        self.program = Self::launch(folder, self.address)?;
        Ok(())
    }

    fn launch(folder: &Path, address: SocketAddr) -> Result<Program> {
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", folder.join("victoria").display()))
            .arg(format!("-httpListenAddr={address}"))
            .args(["-retentionPeriod=10y", "-dedup.minScrapeInterval=1ms"])
            .arg("-memory.allowedBytes=256MB");
        let program = Program::start(&mut command, &folder.join("victoria.log"))?;
        until("listening VictoriaMetrics", Duration::from_secs(20), || {
            TcpStream::connect(address).ok()
        })
        .with_context(|| program.printed())?;
        Ok(program)
    }

    /// The part of a centre's configuration that gives it every reading.
    #[must_use]
    pub fn sink(&self) -> String {
        let url = format!("http://{}", self.address);
        format!(
            "[[sink]]\nname = \"engine\"\nkind = \"line-protocol\"\nurl = \"{url}\"\nbatch_age_ms = 50\n"
        )
    }

    /// Every reading of a station: by channel and time in milliseconds, which is how exactly the
    /// engine knows it. A reading without a value is known by its quality alone.
    ///
    /// # Errors
    /// When a point is there twice, or the engine answers something else.
    pub fn readings(&self, station: &str) -> Result<Readings> {
        let mut found = Readings::new();
        self.each(station, "tram_quality", |channel, _, time, _| {
            let twice = found.insert((channel.to_owned(), time), None).is_some();
            ensure!(!twice, "{channel} of {station} at {time} ms is there twice");
            Ok(())
        })?;
        // A reading that failed its tests has its value under a name of its own.
        for metric in ["tram_value", "tram_failed"] {
            self.each(station, metric, |channel, quantity, time, value| {
                let counts = (value * 10_f64.powi(i32::from(quantity.decimals()))).round();
                let reading = found.get_mut(&(channel.to_owned(), time));
                let reading = reading.context("a value without a quality")?;
                // Counts of a quantity stay far below 2^53.
                #[expect(clippy::cast_possible_truncation, reason = "see above")]
                let before = reading.replace(counts as i64);
                ensure!(before.is_none(), "{channel} of {station} at {time} ms is there twice");
                Ok(())
            })?;
        }
        Ok(found)
    }

    fn ask(&self, path: &str) -> Result<String> {
        let url = format!("http://{}{path}", self.address);
        let mut answer = ureq::get(&url).call().with_context(|| url.clone())?;
        Ok(answer.body_mut().with_config().limit(1 << 30).read_to_string()?)
    }

    fn each(
        &self,
        station: &str,
        metric: &str,
        mut point: impl FnMut(&str, Quantity, i64, f64) -> Result<()>,
    ) -> Result<()> {
        self.ask("/internal/force_flush")?;
        let selector = format!("{metric}%7Bstation%3D%22{station}%22%7D");
        let text = self.ask(&format!("/api/v1/export?match%5B%5D={selector}"))?;
        for line in text.lines() {
            let row: Value = serde_json::from_str(line)?;
            let label =
                |name: &str| row.pointer(&format!("/metric/{name}")).and_then(Value::as_str);
            let channel = label("channel").context("a series without a channel")?;
            let quantity = label("quantity").and_then(|name| {
                (0..=u8::MAX).filter_map(Quantity::from_number).find(|q| q.name() == name)
            });
            let quantity = quantity.context("a series without a quantity")?;
            let list = |key: &str| row.get(key).and_then(Value::as_array);
            let (times, values) = list("timestamps").zip(list("values")).context("no points")?;
            for (time, value) in times.iter().zip(values) {
                let (time, value) = time.as_i64().zip(value.as_f64()).context("no number")?;
                point(channel, quantity, time, value)?;
            }
        }
        Ok(())
    }
}
