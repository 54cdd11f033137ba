//! The web server: the interface under `/api`, the warning feed under `/cap`, health and metrics,
//! and the page. It reads what is in memory or in the store; the only thing it changes is what
//! people do with alarms.

mod alarms;
mod asked;
mod board;
mod cap;
mod guard;
mod health;
mod history;
mod listener;
mod metrics;
mod openapi;
mod page;
mod quarantine;
mod refusal;

use std::{future::Future, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tram_store::Store;

pub(crate) use guard::Guard;
pub(crate) use page::is_built;
pub(crate) use refusal::Refusal;

use crate::{
    alarms::Alarms, board::Board, broker::Door, ledger::Ledger, link::Link, live::Hub,
    sinks::Gauges,
};

/// The largest body of a request.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// What the answers are made of.
pub(crate) struct App {
    /// What is known right now.
    pub(crate) board: Arc<Board>,
    /// The live feed.
    pub(crate) hub: Arc<Hub>,
    /// History and quarantine.
    pub(crate) store: Store,
    /// Counters.
    pub(crate) ledger: Arc<Ledger>,
    /// Whether the broker is there.
    pub(crate) link: Arc<Link>,
    /// What the embedded broker refused.
    pub(crate) door: Option<Arc<Door>>,
    /// The alarms, when the centre watches rules.
    pub(crate) alarms: Option<Arc<Alarms>>,
    /// How far the engines elsewhere are.
    pub(crate) sinks: Gauges,
    /// Who may change something.
    pub(crate) guard: Guard,
    /// Places for answers from the history.
    pub(crate) answers: Arc<Semaphore>,
}

impl App {
    /// Places for answers from the history.
    pub(crate) fn places() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(history::MAX_ANSWERS))
    }
}

/// Serves until `stop` is ready, then lets the answers under way end.
///
/// # Errors
/// When the listener breaks.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener::Door::new(listener), router(app)).with_graceful_shutdown(stop).await
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .route("/api/v1/stations", get(board::stations))
        .route("/api/v1/latest", get(board::latest))
        .route("/api/v1/live", get(board::live))
        .route("/api/v1/history", get(history::history))
        .route("/api/v1/quarantine", get(quarantine::quarantine))
        .route("/api/v1/alarms", get(alarms::alarms))
        .route("/api/v1/alarms/{id}/ack", post(alarms::acknowledge))
        .route("/api/v1/alarms/{id}/shelve", post(alarms::shelve))
        .route("/cap/alerts.atom", get(cap::feed))
        .route("/cap/{file}", get(cap::message))
        .fallback(page::page)
        .method_not_allowed_fallback(refusal::wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::map_response(page::security))
        .with_state(app)
}

/// Runs what waits for a disk on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Refusal::broken(&e))
}
