//! `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use super::{App, Refusal};
use crate::clock;

/// Answers as long as the program lives.
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, description = "Alive", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "alive\n"
}

/// Whether messages are taken in: the broker is connected and the log can be written.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "Ready", body = String),
        (status = 503, description = "Not ready, and why", body = Refusal)))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Refusal> {
    let reasons: Vec<String> = [app.ledger.log_state(clock::instant()), app.link.state()]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    if reasons.is_empty() {
        return Ok("ready\n");
    }
    Err(Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        reasons.join("; "),
        "nothing is lost meanwhile: the nodes keep what they have",
    ))
}
