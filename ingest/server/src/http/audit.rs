//! `/api/v1/audit`: what people did, newest first.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use tram_alerts::{AuditLine, MAX_LISTED};

use super::{App, Refusal, blocking};

/// How much is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// How many lines.
    #[serde(default = "default_limit")]
    limit: u32,
}

fn default_limit() -> u32 {
    100
}

/// The newest lines of the audit, newest first. `tram-ingest audit verify` finds out whether they
/// are what was written.
#[utoipa::path(get, path = "/api/v1/audit", tag = "alarms",
    params(("limit" = Option<u32>, Query, description = "How many lines, 1 to 1000; 100 when absent")),
    responses((status = 200, description = "The lines", body = Vec<Object>),
        (status = 400, description = "The limit is no number from 1 to 1000", body = Refusal)))]
pub(super) async fn audit(
    State(app): State<Arc<App>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Vec<AuditLine>>, Refusal> {
    let Some(limit) = asked.ok().map(|q| q.limit).filter(|n| (1..=MAX_LISTED).contains(n)) else {
        let fix = format!("write limit=N with a number from 1 to {MAX_LISTED}, and nothing else");
        return Err(Refusal::bad("the question cannot be read", fix));
    };
    let Some(alarms) = app.alarms.clone() else { return Ok(Json(Vec::new())) };
    let lines = blocking(move || alarms.alerts().audit(limit)).await?;
    lines.map(Json).map_err(|e| Refusal::broken(&e))
}
