//! A receiver of warnings that notes when the first of each station came, and how many.

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use axum::{Json, Router, http::StatusCode, routing::post};
use serde_json::Value;
use tokio::runtime::Runtime;
use tram_tests::until;

use super::clock;

/// How long what was sent may be on its way.
const PATIENCE: Duration = Duration::from_secs(60);

type Seen = HashMap<String, (Instant, u32)>;

/// The receiver. It ends with its owner.
pub(crate) struct Arrivals {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    // Taken out when it ends: a runtime may not be waited for inside another.
    runtime: Option<Runtime>,
}

impl Arrivals {
    /// Starts one on a free port, with a thread of its own.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Seen>>::default();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (ours, theirs) = (Arc::clone(&seen), Arc::clone(&seen));
        let router = Router::new()
            .route("/webhook", post(move |Json(body): Json<Value>| take(ours.clone(), one(&body))))
            .route(
                "/alertmanager",
                post(move |Json(body): Json<Value>| take(theirs.clone(), several(&body))),
            );
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        });
        Ok(Self { address, seen, runtime: Some(runtime) })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until each of these has come, and says how long each took since it was sent.
    pub(crate) fn times(&self, sent: &[(String, Instant)]) -> Result<Vec<Duration>> {
        until("last warning", PATIENCE, || {
            let seen = self.seen();
            sent.iter().all(|(station, _)| seen.contains_key(station)).then_some(())
        })?;
        let seen = self.seen();
        let came = sent.iter().filter_map(|(station, at)| Some(seen.get(station)?.0 - *at));
        Ok(came.collect())
    }

    /// How many of these have come, and how many of them more than once.
    pub(crate) fn count(&self, stations: &[String]) -> (usize, usize) {
        let seen = self.seen();
        let came = || stations.iter().filter_map(|s| seen.get(s));
        (came().count(), came().filter(|(_, times)| *times > 1).count())
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The station of one of our webhooks.
fn one(body: &Value) -> Vec<String> {
    let station = body.pointer("/alarm/station").and_then(Value::as_str);
    station.map(str::to_owned).into_iter().collect()
}

/// The stations of a group of Alertmanager.
fn several(body: &Value) -> Vec<String> {
    let alerts = body.get("alerts").and_then(Value::as_array).into_iter().flatten();
    let station = |alert: &Value| Some(alert.pointer("/labels/station")?.as_str()?.to_owned());
    alerts.filter_map(station).collect()
}

async fn take(seen: Arc<Mutex<Seen>>, stations: Vec<String>) -> StatusCode {
    let now = clock::now();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    for station in stations {
        seen.entry(station).or_insert((now, 0)).1 += 1;
    }
    StatusCode::OK
}
