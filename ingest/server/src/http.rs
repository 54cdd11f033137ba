//! The web server: the interface under `/api`, the warning feed under `/cap`, health and metrics,
//! and the page. It reads what is in memory or in the store; the only thing it changes is what
//! people do with alarms.

mod act;
mod alarms;
mod asked;
mod audit;
mod board;
mod cap;
mod deciding;
mod drills;
mod foreign;
mod gaps;
mod guard;
mod health;
mod history;
mod listener;
mod metrics;
mod openapi;
mod orders;
mod page;
mod quarantine;
mod receipts;
mod refusal;
mod sinks;

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use mqtt5::broker::sys_topics::BrokerStats;
use tokio::{net::TcpListener, sync::Semaphore};
use tram_alerts::Links;
use tram_journal::Journal;
use tram_store::{Recovery, Store};
use tram_wire::UnixMicros;

pub(crate) use guard::Guard;
pub(crate) use history::{functions, step};
pub(crate) use page::is_built;
pub(crate) use refusal::Refusal;

use crate::{
    alarms::Alarms, board::Board, broker::Door, config::Reader, enrol::Office, foreign::Foreign,
    ledger::Ledger, link::Link, live::Hub, orders::Orders, replica::Replica, rules::Folder,
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
    /// The embedded broker, if there is one.
    pub(crate) broker: Option<Clients>,
    /// Who was given certificates, when nodes are enrolled here.
    pub(crate) office: Option<Arc<Office>>,
    /// The alarms, when the centre watches rules.
    pub(crate) alarms: Option<Arc<Alarms>>,
    /// What others warn of.
    pub(crate) foreign: Arc<Foreign>,
    /// Reads the links in messages, when the centre watches rules.
    pub(crate) links: Option<Links>,
    /// Where the rules come from.
    pub(crate) rules: Arc<Folder>,
    /// What nodes are told to do.
    pub(crate) orders: Arc<Orders>,
    /// How far the engines elsewhere are.
    pub(crate) sinks: Gauges,
    /// Who this centre is.
    pub(crate) replica: Replica,
    /// The engine the history is read from, when it is not the centre's own store.
    pub(crate) history: Option<Reader>,
    /// Who may change something.
    pub(crate) guard: Guard,
    /// Places for answers from the history.
    pub(crate) answers: Arc<Semaphore>,
    /// Places for connections.
    pub(crate) connections: Arc<Semaphore>,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// When the program began and what it found.
    pub(crate) beginning: Beginning,
    /// What was not written to the log.
    pub(crate) journal: Journal,
}

/// The clients of the embedded broker.
pub(crate) struct Clients {
    /// What the door refused.
    pub(crate) door: Arc<Door>,
    /// What the broker counts.
    pub(crate) stats: Arc<BrokerStats>,
    /// The most at once.
    pub(crate) max_clients: usize,
}

/// How the program began.
#[derive(Debug, Clone)]
pub(crate) struct Beginning {
    /// When.
    pub(crate) at: UnixMicros,
    /// What the store found in its folder.
    pub(crate) found: Recovery,
    /// How long it took to open.
    pub(crate) opening: Duration,
}

impl App {
    /// Places for answers from the history.
    pub(crate) fn places() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(history::MAX_ANSWERS))
    }

    /// Places for connections.
    pub(crate) fn connections() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(listener::MAX_CONNECTIONS))
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
    let door = listener::Door::new(listener, Arc::clone(&app.connections));
    axum::serve(door, router(app)).with_graceful_shutdown(stop).await
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
        .route("/api/v1/gaps", get(gaps::gaps))
        .route("/api/v1/quarantine", get(quarantine::quarantine))
        .route("/api/v1/sinks", get(sinks::sinks))
        .route("/api/v1/stations/{id}/siren", post(orders::siren))
        .route("/api/v1/orders", get(orders::orders))
        .route("/api/v1/alarms", get(alarms::alarms))
        .route("/api/v1/alarms/{id}/ack", post(alarms::acknowledge))
        .route("/api/v1/alarms/{id}/shelve", post(alarms::shelve))
        .route("/api/v1/alarms/{id}/approve", post(deciding::approve))
        .route("/api/v1/alarms/{id}/reject", post(deciding::reject))
        .route("/api/v1/alarms/{id}/all-clear", post(deciding::all_clear))
        .route("/api/v1/alarms/{id}/withdraw", post(deciding::withdraw))
        .route("/api/v1/alarms/{id}/draft", get(deciding::draft))
        .route("/api/v1/drills", get(drills::drills).post(drills::begin))
        .route("/api/v1/audit", get(audit::audit))
        .route("/api/v1/foreign-alerts", get(foreign::foreign))
        .route("/act/page.css", get(act::style))
        .route("/act/page.js", get(act::script))
        .route("/act/{token}", get(act::show).post(act::act))
        .route("/act/{token}/opened", post(act::opened))
        .route("/api/v1/alarms/{id}/receipts", get(receipts::receipts))
        .route("/api/v1/channels", get(receipts::channels))
        .route("/api/v1/channels/{channel}/arrived", post(receipts::arrived))
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
