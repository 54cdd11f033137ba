//! `/api/v1/drills`: what can be played, and playing it.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use tram_alerts::{Alarm, DrillRequest, Drillable};
use utoipa::ToSchema;

use super::{
    App, Refusal,
    alarms::{decline, read},
    blocking,
};
use crate::clock;

/// What is to be played, and by whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DrillOrder {
    /// The rule whose warning it is.
    rule: String,
    /// The station at which the level is said to be reached.
    station: String,
    /// The level, 1 to 5.
    level: u8,
    /// Who asks for it.
    by: String,
    /// What the drill is about; may be empty.
    #[serde(default)]
    comment: String,
}

/// The rules that can be played, with their levels and stations.
#[utoipa::path(get, path = "/api/v1/drills", tag = "alarms",
    responses((status = 200, description = "Every rule with levels", body = Vec<Object>)))]
pub(super) async fn drills(State(app): State<Arc<App>>) -> Result<Json<Vec<Drillable>>, Refusal> {
    let Some(alarms) = app.alarms.clone() else { return Ok(Json(Vec::new())) };
    Ok(Json(blocking(move || alarms.alerts().drillable()).await?))
}

/// Begins a drill: an exercise that goes the whole way to real people, and sounds no siren. It ends
/// by its all-clear, or after four hours.
#[utoipa::path(post, path = "/api/v1/drills", tag = "alarms",
    request_body = DrillOrder,
    responses((status = 201, description = "The drill, an alarm with `drill`", body = Object),
        (status = 400, description = "The body says something that cannot be", body = Refusal),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The request comes from another site", body = Refusal),
        (status = 404, description = "The centre watches no rules", body = Refusal),
        (status = 409, description = "Eight drills go on already", body = Refusal)))]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Alarm>), Refusal> {
    app.guard.check(&headers)?;
    let order: DrillOrder = read(body)?;
    let alarms = app.alarms.clone().ok_or_else(|| {
        Refusal::not_found(
            "the centre watches no rules",
            "add the section [alerts] to its configuration",
        )
    })?;
    let begun = blocking(move || {
        let asked = DrillRequest {
            rule: &order.rule,
            station: &order.station,
            level: order.level,
            by: &order.by,
            comment: &order.comment,
        };
        let begun = alarms.alerts().drill(&asked, clock::now());
        if let Ok(alarm) = &begun {
            alarms.publish(&[alarm.id]);
        }
        begun
    });
    let alarm = begun
        .await?
        .map_err(|error| decline(error, "GET /api/v1/drills lists what can be played"))?;
    Ok((StatusCode::CREATED, Json(alarm)))
}
