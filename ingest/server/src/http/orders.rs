//! `/api/v1/stations/{id}/siren` and `/api/v1/orders`: what nodes are told to do.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use tram_wire::{Act, NodeId, Text};
use utoipa::ToSchema;

use super::{App, Refusal, alarms::read};
use crate::orders::{Declined, Told};

/// The longest silence.
const MAX_MINUTES: u32 = 60;

/// What is wanted of a siren, and by whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SirenRequest {
    /// `test`, `reset`, `silence` or `drill`.
    act: String,
    /// Who.
    by: String,
    /// For how many minutes to be silent, 1 to 60; with `silence` only.
    #[serde(default)]
    minutes: Option<u32>,
}

/// Orders a node to do something with its siren. The answer comes later: look at `/api/v1/orders`.
#[utoipa::path(post, path = "/api/v1/stations/{id}/siren", tag = "stations",
    params(("id" = String, Path, description = "The station's id")),
    request_body = SirenRequest,
    responses((status = 202, description = "The order, on its way", body = Told),
        (status = 400, description = "The body says something that cannot be", body = Refusal),
        (status = 401, description = "The token is missing or wrong", body = Refusal),
        (status = 403, description = "The request comes from another site", body = Refusal),
        (status = 404, description = "No such station", body = Refusal),
        (status = 503, description = "Too many orders are under way", body = Refusal)))]
pub(super) async fn siren(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Told>), Refusal> {
    app.guard.check(&headers)?;
    let request: SirenRequest = read(body)?;
    let act = act(&request)?;
    let by = request.by.trim();
    let by = Text::new(by).ok().filter(|_| !by.is_empty()).ok_or_else(|| {
        Refusal::bad("`by` is the name of a person", "write 1 to 64 bytes, such as \"Lan\"")
    })?;
    let unknown = || {
        Refusal::not_found(format!("there is no station `{id}`"), "GET /api/v1/stations lists them")
    };
    let node = NodeId::new(&id).map_err(|_| unknown())?;
    match app.orders.give(node, act, by) {
        Ok(told) => Ok((StatusCode::ACCEPTED, Json(told))),
        Err(Declined::UnknownStation) => Err(unknown()),
        Err(Declined::Busy) => Err(Refusal::busy("too many orders are under way")),
        Err(Declined::NoKey) => Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the centre has no key to sign orders with",
            "its log says why; the key is command.key in its data folder",
        )),
    }
}

fn act(request: &SirenRequest) -> Result<Act, Refusal> {
    let minutes = request.minutes;
    match (request.act.as_str(), minutes) {
        ("test", None) => Ok(Act::Test),
        ("reset", None) => Ok(Act::Reset),
        ("drill", None) => Ok(Act::Drill),
        ("silence", Some(minutes @ 1..=MAX_MINUTES)) => Ok(Act::Silence(minutes * 60)),
        ("silence", _) => Err(Refusal::bad(
            "for how long is not said",
            format!("write `minutes`, 1 to {MAX_MINUTES}"),
        )),
        ("test" | "reset" | "drill", Some(_)) => {
            Err(Refusal::bad("only `silence` takes `minutes`", "remove `minutes`"))
        }
        (other, _) => Err(Refusal::bad(
            format!("`{other}` is nothing that a siren does"),
            "write `test`, `reset`, `silence` or `drill`; an alarm is sounded by the node's own rules alone",
        )),
    }
}

/// The orders since the program began, newest first.
#[utoipa::path(get, path = "/api/v1/orders", tag = "stations",
    responses((status = 200, description = "Orders", body = Vec<Told>)))]
pub(super) async fn orders(State(app): State<Arc<App>>) -> Json<Vec<Told>> {
    Json(app.orders.told())
}
