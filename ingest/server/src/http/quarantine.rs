//! `/api/v1/quarantine`: what was refused, and why.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use tram_store::Quarantined;
use utoipa::{IntoParams, ToSchema};

use super::{App, Refusal, asked::Asked, blocking};
use crate::time::rfc3339;

/// How many are shown when the request does not say.
const LIMIT: usize = 100;
/// The most that are shown.
const MAX_LIMIT: usize = 1_000;
/// The first bytes of a payload that are shown.
const PAYLOAD_BYTES: usize = 4_096;

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HowMany {
    /// At most so many, 1 to 1000; 100 when absent.
    limit: Option<usize>,
}

/// A message that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuarantineRow {
    /// Its number.
    id: i64,
    /// When it was received.
    time: String,
    /// The topic.
    topic: String,
    /// From whom, as far as the topic tells.
    node: Option<String>,
    /// Why it was refused, by name.
    reason: &'static str,
    /// Why it was refused, in words.
    detail: String,
    /// How many readings it holds; 1 when they cannot be counted.
    readings: u64,
    /// How long the payload was.
    bytes: u64,
    /// The first 4096 bytes of the payload; null when it was dropped to keep the quarantine small.
    payload_base64: Option<String>,
}

impl From<Quarantined> for QuarantineRow {
    fn from(q: Quarantined) -> Self {
        Self {
            id: q.id,
            time: rfc3339(q.received),
            topic: q.topic,
            node: q.node.map(|n| n.to_string()),
            reason: q.reason.map_or("unknown", |r| r.name()),
            detail: q.detail,
            readings: q.readings,
            bytes: q.bytes,
            payload_base64: q.payload.map(|p| STANDARD.encode(p)),
        }
    }
}

/// The messages that were refused last, newest first.
#[utoipa::path(get, path = "/api/v1/quarantine", tag = "quarantine", params(HowMany),
    responses((status = 200, description = "What was refused", body = Vec<QuarantineRow>)))]
pub(super) async fn quarantine(
    State(app): State<Arc<App>>,
    Asked(how_many): Asked<HowMany>,
) -> Result<Json<Vec<QuarantineRow>>, Refusal> {
    let limit = how_many.limit.unwrap_or(LIMIT).clamp(1, MAX_LIMIT);
    let rows = blocking(move || app.store.quarantine(limit, PAYLOAD_BYTES)).await?;
    let rows = rows.map_err(|e| Refusal::broken(&e))?;
    Ok(Json(rows.into_iter().map(QuarantineRow::from).collect()))
}
