//! `/api/v1/sinks`: the engines elsewhere, how far they are, and what they refused.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use tram_store::sink::{Refusal as Why, refused_last};
use utoipa::{IntoParams, ToSchema};

use super::{App, Refusal, asked::Asked, blocking};
use crate::sinks::Gauge;

/// How many refused readings of a sink are shown when the request does not say.
const LIMIT: usize = 20;
/// The most that are shown.
const MAX_LIMIT: usize = 1_000;

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HowMany {
    /// At most so many refused readings of each sink, 0 to 1000; 20 when absent.
    limit: Option<usize>,
}

/// An engine that is given every reading.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SinkRow {
    /// Its name.
    name: String,
    /// Which engine it is: `line-protocol`, `victoriametrics`, `influxdb1`, `influxdb2`.
    kind: &'static str,
    /// Where it writes.
    url: String,
    /// Whether the engine took what it was sent last.
    up: bool,
    /// Why not.
    reason: Option<String>,
    /// Whether the history is read from it.
    history: bool,
    /// Log entries the engine has not taken yet.
    lag_entries: i64,
    /// Readings taken since the program began, those sent again included.
    written: u64,
    /// Readings refused since the program began.
    refused: u64,
    /// Log entries given up since the program began.
    lost_entries: u64,
    /// The file in the centre's folder that keeps what was refused.
    refused_file: String,
    /// The last readings that were refused, newest first, from before the last start too.
    last_refused: Vec<RefusedRow>,
}

/// A reading an engine refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefusedRow {
    /// When, by which kind of refusal, and what the engine said.
    why: String,
    /// The reading as line protocol.
    line: String,
}

/// The engines elsewhere.
#[utoipa::path(get, path = "/api/v1/sinks", tag = "health", params(HowMany),
    responses((status = 200, description = "The engines that are given every reading", body = Vec<SinkRow>)))]
pub(super) async fn sinks(
    State(app): State<Arc<App>>,
    Asked(how_many): Asked<HowMany>,
) -> Result<Json<Vec<SinkRow>>, Refusal> {
    let limit = how_many.limit.unwrap_or(LIMIT).min(MAX_LIMIT);
    let rows = blocking(move || {
        let rows = app.sinks.iter().map(|gauge| row(&app, gauge, limit));
        rows.collect::<std::io::Result<Vec<_>>>()
    });
    rows.await?.map(Json).map_err(|e| Refusal::broken(&e))
}

fn row(app: &App, gauge: &Gauge, limit: usize) -> std::io::Result<SinkRow> {
    let picture = gauge.picture();
    let last = app.ledger.picture().log.last;
    let refused = refused_last(&gauge.refused, limit)?;
    Ok(SinkRow {
        name: gauge.name.clone(),
        kind: gauge.kind.name(),
        url: gauge.url.clone(),
        up: picture.up,
        reason: picture.reason,
        history: app.history.as_ref().is_some_and(|h| h.sink == gauge.name),
        lag_entries: last.0.saturating_sub(picture.written.0).max(0),
        written: picture.counters.written,
        refused: Why::ALL.iter().map(|why| picture.counters.refused(*why)).sum(),
        lost_entries: picture.counters.lost_entries,
        refused_file: gauge.refused.display().to_string(),
        last_refused: refused.into_iter().map(|(why, line)| RefusedRow { why, line }).collect(),
    })
}
