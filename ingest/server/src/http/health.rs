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

/// Whether messages are taken in: the broker is connected and the log can be written. A second line
/// says when the rules in the folder are refused and the old ones are evaluated.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "Ready", body = String),
        (status = 503, description = "Not ready, and why", body = Refusal)))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<String, Refusal> {
    let reasons: Vec<String> = [app.ledger.log_state(clock::instant()), app.link.state()]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    if reasons.is_empty() {
        let refused =
            app.rules.standing().refused.map(|why| {
                format!("the rules in the folder are refused, the old ones stay: {why}\n")
            });
        return Ok("ready\n".to_owned() + &refused.unwrap_or_default());
    }
    Err(Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        reasons.join("; "),
        "nothing is lost meanwhile: the nodes keep what they have",
    ))
}
