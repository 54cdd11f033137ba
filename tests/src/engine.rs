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

use anyhow::{Context, Result};
use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use tokio::runtime::Runtime;

use crate::{Program, until};

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

    /// Starts one.
    ///
    /// # Errors
    /// When it does not listen within twenty seconds.
    pub fn start(folder: &Path) -> Result<Self> {
        // It cannot tell which port it took, so one is borrowed from the kernel.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
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
        Ok(Self { program, address })
    }
}
