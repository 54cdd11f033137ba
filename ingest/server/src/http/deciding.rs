//! `/api/v1/alarms/{id}/approve`, `reject`, `all-clear`, `withdraw` and `draft`: what a named person
//! decides about a warning.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tram_alerts::{Alarm, AlertsError};
use tram_wire::EpisodeId;
use utoipa::ToSchema;

use super::{
    App, Refusal,
    alarms::{change, read, unknown},
    blocking,
};

/// Who decides about a draft.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecideRequest {
    /// Who: a name of `alerts.approvers`, when there are some.
    by: String,
    /// The level the person was shown, 1 to 5.
    level: u8,
    /// Why; a rejection must say it.
    #[serde(default)]
    comment: String,
}

/// Who ends an alarm.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndRequest {
    /// Who.
    by: String,
    /// Why; an all-clear must say it.
    #[serde(default)]
    comment: String,
}

/// Lets the public be told of the level: its draft is published as an Update.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/approve", tag = "alarms",
    params(("id" = String, Path, description = "The alarm's id")),
    request_body = DecideRequest,
    responses((status = 200, description = "The alarm", body = Object),
        (status = 400, description = "The body says something that cannot be", body = Refusal),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The request comes from another site, or the person may not approve", body = Refusal),
        (status = 404, description = "No such alarm", body = Refusal),
        (status = 409, description = "The alarm stands at another level, or nothing waits", body = Refusal)))]
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Alarm>, Refusal> {
    app.guard.check(&headers)?;
    let asked: DecideRequest = read(body)?;
    change(&app, &id, move |alerts, id, now| {
        alerts.approve(id, &asked.by, asked.level, &asked.comment, now)
    })
    .await
}

/// Keeps the public from being told of the level. The next level asks anew.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/reject", tag = "alarms",
    params(("id" = String, Path, description = "The alarm's id")),
    request_body = DecideRequest,
    responses((status = 200, description = "The alarm", body = Object),
        (status = 400, description = "The body says something that cannot be", body = Refusal),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The request comes from another site, or the person may not approve", body = Refusal),
        (status = 404, description = "No such alarm", body = Refusal),
        (status = 409, description = "The alarm stands at another level, or nothing waits", body = Refusal)))]
pub(super) async fn reject(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Alarm>, Refusal> {
    app.guard.check(&headers)?;
    let asked: DecideRequest = read(body)?;
    change(&app, &id, move |alerts, id, now| {
        alerts.reject(id, &asked.by, asked.level, &asked.comment, now)
    })
    .await
}

/// Says that the danger is over, whatever the readings say. Only a rise brings the alarm back. Ends
/// a drill.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/all-clear", tag = "alarms",
    params(("id" = String, Path, description = "The alarm's id")),
    request_body = EndRequest,
    responses((status = 200, description = "The alarm", body = Object),
        (status = 400, description = "The body says something that cannot be", body = Refusal),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The request comes from another site", body = Refusal),
        (status = 404, description = "No such alarm", body = Refusal),
        (status = 409, description = "It is over already", body = Refusal)))]
pub(super) async fn all_clear(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Alarm>, Refusal> {
    app.guard.check(&headers)?;
    let asked: EndRequest = read(body)?;
    change(&app, &id, move |alerts, id, now| alerts.all_clear(id, &asked.by, &asked.comment, now))
        .await
}

/// Takes an alarm back that should not have been: the public gets a CAP Cancel.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/withdraw", tag = "alarms",
    params(("id" = String, Path, description = "The alarm's id")),
    request_body = EndRequest,
    responses((status = 200, description = "The alarm", body = Object),
        (status = 400, description = "The body says something that cannot be", body = Refusal),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The request comes from another site", body = Refusal),
        (status = 404, description = "No such alarm", body = Refusal),
        (status = 409, description = "It is over already", body = Refusal)))]
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Alarm>, Refusal> {
    app.guard.check(&headers)?;
    let asked: EndRequest = read(body)?;
    change(&app, &id, move |alerts, id, now| alerts.withdraw(id, &asked.by, &asked.comment, now))
        .await
}

/// The newest draft of an alarm: a restricted CAP 1.2 message for those who approve.
#[utoipa::path(get, path = "/api/v1/alarms/{id}/draft", tag = "alarms",
    params(("id" = String, Path, description = "The alarm's id")),
    responses((status = 200, description = "The draft", content_type = "application/cap+xml", body = String),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The centre is not known under this name", body = Refusal),
        (status = 404, description = "No such alarm, or it called for no draft", body = Refusal)))]
pub(super) async fn draft(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    app.guard.check_reader(&headers)?;
    let alarms = app.alarms.clone().ok_or_else(|| unknown(&id))?;
    let episode: EpisodeId = id.parse().map_err(|_| unknown(&id))?;
    let found = blocking(move || alarms.alerts().draft(&episode)).await?;
    let draft = found.map_err(|error| match error {
        AlertsError::Unknown(_) => unknown(&id),
        error => Refusal::broken(&error),
    })?;
    let draft = draft.ok_or_else(|| {
        Refusal::not_found("the alarm called for no draft", "its public message is in `cap`")
    })?;
    Ok(([(header::CONTENT_TYPE, "application/cap+xml; charset=utf-8")], draft.xml).into_response())
}
