//! A receiver of notifications that keeps everything, checks every signature, drops what it has by
//! its key, and can be away, or have the sender killed at the worst moment.

use std::{
    collections::{BTreeMap, HashMap},
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    routing::post,
};
use serde_json::Value;
use tokio::runtime::Runtime;
use tram_alerts::{Secret, verify};

/// The secret it shares with the centre.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// When a process is to be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// It has sent, and gets no answer any more.
    BeforeAnswer,
    /// It gets its answer, and has no time to write that down, or just so.
    AfterAnswer,
}

/// What was received under one key.
#[derive(Debug, Clone)]
pub struct Received {
    /// On which path: `/webhook` or `/sms`.
    pub path: String,
    /// What it said.
    pub body: Value,
    /// When it came first.
    pub at: Instant,
    /// How often it came again.
    pub repeated: u32,
    /// How often it came again without saying so; of webhooks, which say nothing, 0.
    pub unmarked: u32,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<String, Received>,
    order: Vec<String>,
    refused: u32,
    trap: Option<(u32, Trap)>,
}

/// The receiver.
#[derive(Debug)]
pub struct Recording {
    /// Where it listens.
    pub address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    running: Option<Runtime>,
}

impl Recording {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let kept = Arc::default();
        let running = Some(serve(listener, &kept)?);
        Ok(Self { address, kept, running })
    }

    /// Goes away: connections are refused.
    pub fn leave(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown_timeout(Duration::from_secs(2));
        }
    }

    /// Comes back on the same port.
    ///
    /// # Errors
    /// When somebody else has the port.
    pub fn come_back(&mut self) -> Result<()> {
        if self.running.is_none() {
            self.running = Some(serve(TcpListener::bind(self.address)?, &self.kept)?);
        }
        Ok(())
    }

    /// Has a process killed around the next request that is new.
    pub fn set_trap(&self, process: u32, trap: Trap) {
        self.kept().trap = Some((process, trap));
    }

    /// Takes the trap away; whether it was still set.
    pub fn clear_trap(&self) -> bool {
        self.kept().trap.take().is_some()
    }

    /// Everything that came, in order of its first coming.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        let kept = self.kept();
        kept.order.iter().filter_map(|key| kept.by_key.get(key).cloned()).collect()
    }

    /// How many requests had no key or a wrong signature.
    #[must_use]
    pub fn refused(&self) -> u32 {
        self.kept().refused
    }

    /// What webhooks said of each episode, in the order in which it came (`raised cleared`): all
    /// episodes of a station, sorted, since they do not wait for each other.
    #[must_use]
    pub fn transitions(&self) -> BTreeMap<String, Vec<String>> {
        let mut episodes: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for received in self.received().iter().filter(|r| r.path == "/webhook") {
            let text = |at: &str| received.body.pointer(at).and_then(Value::as_str);
            let key = text("/alarm/station").zip(text("/alarm/id"));
            if let Some(((station, id), kind)) = key.zip(text("/transition/kind")) {
                let key = (station.to_owned(), id.to_owned());
                episodes.entry(key).or_default().push(kind.to_owned());
            }
        }
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for ((station, _), kinds) in episodes {
            all.entry(station).or_default().push(kinds.join(" "));
        }
        all.values_mut().for_each(|kinds| kinds.sort_unstable());
        all
    }

    /// The part of `[alerts]` that tells it everything.
    #[must_use]
    pub fn webhook(&self, secret_file: &std::path::Path) -> String {
        format!(
            "[[alerts.webhook]]\nname = \"recording\"\nurl = \"http://{}/webhook\"\n\
             secret_file = \"{}\"\n",
            self.address,
            secret_file.display()
        )
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(listener: TcpListener, kept: &Arc<Mutex<Kept>>) -> Result<Runtime> {
    listener.set_nonblocking(true)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let router = Router::new()
        .route("/webhook", post(take))
        .route("/sms", post(take))
        .with_state(Arc::clone(kept));
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router).await
    });
    Ok(runtime)
}

async fn take(
    State(kept): State<Arc<Mutex<Kept>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (key, path) = (header("idempotency-key").to_owned(), uri.path().to_owned());
    let secret = Secret::new(SECRET.as_bytes());
    let signed = path != "/webhook"
        || secret.is_ok_and(|secret| {
            verify(&secret, header("x-tram-timestamp"), &body, header("x-tram-signature"))
        });
    let said: Option<Value> = serde_json::from_slice(&body).ok();
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let (Some(said), true, false) = (said, signed, key.is_empty()) else {
        kept.refused += 1;
        return StatusCode::BAD_REQUEST;
    };
    let new = !kept.by_key.contains_key(&key);
    let trap = if new { kept.trap.take() } else { None };
    let text = said.get("text").and_then(Value::as_str).unwrap_or_default();
    let unmarked = path == "/sms" && !text.starts_with("(Tin n");
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    let at = Instant::now();
    match kept.by_key.get_mut(&key) {
        Some(before) => {
            before.repeated += 1;
            before.unmarked += u32::from(unmarked);
        }
        None => {
            let received = Received { path, body: said, at, repeated: 0, unmarked: 0 };
            kept.by_key.insert(key.clone(), received);
            kept.order.push(key);
        }
    }
    drop(kept);
    match trap {
        Some((process, Trap::BeforeAnswer)) => kill(process),
        Some((process, Trap::AfterAnswer)) => drop(std::thread::spawn(move || kill(process))),
        None => {}
    }
    StatusCode::OK
}

/// SIGKILL.
fn kill(process: u32) {
    // One that is dead already is what was wanted.
    let _ = Command::new("kill").args(["-9", &process.to_string()]).status();
}
