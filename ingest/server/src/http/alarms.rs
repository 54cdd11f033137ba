//! `/api/v1/alarms`: the alarm list, and what people do with it.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, de::DeserializeOwned};
use tram_alerts::{Alarm, Alerts, AlertsError};
use tram_wire::{EpisodeId, UnixMicros};
use utoipa::ToSchema;

use super::{App, MAX_BODY_BYTES, Refusal, blocking};
use crate::clock;

/// The longest time an alarm can be shelved: a week.
const MAX_SHELVE_MINUTES: u32 = 7 * 24 * 60;

/// Who has seen it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AcknowledgeRequest {
    /// Who.
    by: String,
    /// What they want to say; may be empty.
    #[serde(default)]
    comment: String,
}

/// Who puts it aside, and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShelveRequest {
    /// Who.
    by: String,
    /// For how many minutes, 1 to 10080.
    minutes: u32,
    /// Why; may be empty.
    #[serde(default)]
    comment: String,
}

/// Every alarm, newest first.
#[utoipa::path(get, path = "/api/v1/alarms", tag = "alarms",
    responses((status = 200, description = "Every alarm", body = Vec<Object>)))]
pub(super) async fn alarms(State(app): State<Arc<App>>) -> Result<Json<Vec<Alarm>>, Refusal> {
    let Some(alarms) = app.alarms.clone() else { return Ok(Json(Vec::new())) };
    let listed = blocking(move || alarms.alerts().alarms(clock::now())).await?;
    listed.map(Json).map_err(|e| Refusal::broken(&e))
}

/// Says that somebody has seen the alarm.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/ack", tag = "alarms",
    params(("id" = String, Path, description = "The alarm's id")),
    request_body = AcknowledgeRequest,
    responses((status = 200, description = "The alarm", body = Object),
        (status = 400, description = "The body says something that cannot be", body = Refusal),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The request comes from another site", body = Refusal),
        (status = 404, description = "No such alarm", body = Refusal)))]
pub(super) async fn acknowledge(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Alarm>, Refusal> {
    app.guard.check(&headers)?;
    let request: AcknowledgeRequest = read(body)?;
    change(&app, &id, move |alerts, id, now| {
        alerts.acknowledge(id, &request.by, &request.comment, now)
    })
    .await
}

/// Puts the alarm aside for a while.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/shelve", tag = "alarms",
    params(("id" = String, Path, description = "The alarm's id")),
    request_body = ShelveRequest,
    responses((status = 200, description = "The alarm", body = Object),
        (status = 400, description = "The body says something that cannot be", body = Refusal),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The request comes from another site", body = Refusal),
        (status = 404, description = "No such alarm", body = Refusal)))]
pub(super) async fn shelve(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Alarm>, Refusal> {
    app.guard.check(&headers)?;
    let request: ShelveRequest = read(body)?;
    if !(1..=MAX_SHELVE_MINUTES).contains(&request.minutes) {
        return Err(Refusal::bad(
            format!("an alarm cannot be shelved for {} minutes", request.minutes),
            format!("write a number from 1 to {MAX_SHELVE_MINUTES}"),
        ));
    }
    change(&app, &id, move |alerts, id, now| {
        let until = now.plus(i64::from(request.minutes) * 60_000_000);
        alerts.shelve(id, &request.by, until, &request.comment, now)
    })
    .await
}

/// Reads a body; the guard has seen that it is announced as JSON.
pub(super) fn read<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Refusal> {
    let body = body.map_err(|rejection| {
        Refusal::new(
            rejection.status(),
            format!("the body cannot be read: {rejection}"),
            format!("send at most {MAX_BODY_BYTES} bytes"),
        )
    })?;
    serde_json::from_slice(&body).map_err(|e| {
        Refusal::bad(format!("the body cannot be read: {e}"), "GET /openapi.json describes it")
    })
}

/// Does something to an alarm, and tells every page.
pub(super) async fn change(
    app: &App,
    id: &str,
    what: impl FnOnce(&mut Alerts, &EpisodeId, UnixMicros) -> Result<Alarm, AlertsError>
    + Send
    + 'static,
) -> Result<Json<Alarm>, Refusal> {
    let Some(alarms) = app.alarms.clone() else { return Err(unknown(id)) };
    let id: EpisodeId = id.parse().map_err(|_| unknown(id))?;
    let changed = blocking(move || {
        let changed = what(&mut alarms.alerts(), &id, clock::now());
        if let Ok(alarm) = &changed {
            // It may have had another id before.
            alarms.publish(&[alarm.id]);
        }
        changed
    });
    let described = "GET /openapi.json describes the body";
    changed.await?.map(Json).map_err(|error| decline(error, described))
}

/// Why the engine does not do what a person asks; `fix` is for what they wrote.
pub(super) fn decline(error: AlertsError, fix: &str) -> Refusal {
    match error {
        AlertsError::Unknown(id) => unknown(&id.to_string()),
        AlertsError::Invalid(what) => Refusal::bad(what, fix),
        AlertsError::Forbidden(what) => Refusal::new(
            StatusCode::FORBIDDEN,
            what,
            "ask one of them, or add the name to `alerts.approvers`",
        ),
        AlertsError::Conflict(what) => {
            Refusal::new(StatusCode::CONFLICT, what, "GET /api/v1/alarms says how it stands")
        }
        error => Refusal::broken(&error),
    }
}

pub(super) fn unknown(id: &str) -> Refusal {
    Refusal::not_found(format!("there is no alarm `{id}`"), "GET /api/v1/alarms lists them")
}
