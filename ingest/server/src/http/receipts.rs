//! `/api/v1/alarms/{id}/receipts` and `/api/v1/channels`: who was told, and whether the ways to them
//! work.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use tram_alerts::{AlertsError, ChannelState, Receipt};
use tram_wire::EpisodeId;
use utoipa::ToSchema;

use super::{App, Refusal, alarms::read, blocking};
use crate::clock;

/// The longest reference of a channel, in bytes.
const MAX_REFERENCE_BYTES: usize = 200;

/// Which message has arrived.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArrivedRequest {
    /// The number that the channel gave the message when it took it.
    reference: String,
}

/// Who has been told of an alarm, and what became of it: `queued`, `sent`, `delivered`, `opened`,
/// `confirmed` or `given-up`. People first.
#[utoipa::path(get, path = "/api/v1/alarms/{id}/receipts", tag = "alarms",
    params(("id" = String, Path, description = "The alarm's id")),
    responses((status = 200, description = "Who was told", body = Vec<Object>),
        (status = 404, description = "No such alarm", body = Refusal)))]
pub(super) async fn receipts(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Receipt>>, Refusal> {
    let unknown =
        || Refusal::not_found(format!("there is no alarm `{id}`"), "GET /api/v1/alarms lists them");
    let alarms = app.alarms.clone().ok_or_else(unknown)?;
    let episode: EpisodeId = id.parse().map_err(|_| unknown())?;
    let found = blocking(move || alarms.alerts().receipts(&episode)).await?;
    found.map(Json).map_err(|error| match error {
        AlertsError::Unknown(_) => unknown(),
        error => Refusal::broken(&error),
    })
}

/// Whether each channel works: when something last got through, and why it failed.
#[utoipa::path(get, path = "/api/v1/channels", tag = "alarms",
    responses((status = 200, description = "Every channel", body = Vec<Object>)))]
pub(super) async fn channels(
    State(app): State<Arc<App>>,
) -> Result<Json<Vec<ChannelState>>, Refusal> {
    let Some(alarms) = app.alarms.clone() else { return Ok(Json(Vec::new())) };
    let found = blocking(move || alarms.alerts().channels(clock::now())).await?;
    found.map(Json).map_err(|e| Refusal::broken(&e))
}

/// Takes a channel's word that a message has arrived: the delivery report of an SMS gateway or of
/// Zalo, passed on by whoever receives it.
#[utoipa::path(post, path = "/api/v1/channels/{channel}/arrived", tag = "alarms",
    params(("channel" = String, Path, description = "The channel's name")),
    request_body = ArrivedRequest,
    responses((status = 204, description = "Noted"),
        (status = 400, description = "The body says something that cannot be", body = Refusal),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The request comes from another site", body = Refusal),
        (status = 404, description = "No such message", body = Refusal)))]
pub(super) async fn arrived(
    State(app): State<Arc<App>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    app.guard.check(&headers)?;
    let ArrivedRequest { reference } = read(body)?;
    if reference.is_empty() || reference.len() > MAX_REFERENCE_BYTES {
        return Err(Refusal::bad(
            "`reference` is not what a channel gives",
            format!("write 1 to {MAX_REFERENCE_BYTES} bytes"),
        ));
    }
    let unknown = || {
        let fix = "GET /api/v1/channels lists the channels";
        Refusal::not_found("no message of this channel has this reference".to_owned(), fix)
    };
    let alarms = app.alarms.clone().ok_or_else(unknown)?;
    let noted = blocking(move || alarms.alerts().arrived(&channel, &reference, clock::now()));
    match noted.await? {
        Ok(true) => Ok(StatusCode::NO_CONTENT),
        Ok(false) => Err(unknown()),
        Err(error) => Err(Refusal::broken(&error)),
    }
}
