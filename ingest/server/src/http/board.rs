//! `/api/v1/stations`, `/api/v1/latest` and `/api/v1/live`.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tram_wire::NodeId;
use utoipa::IntoParams;

use super::{App, Refusal, asked::Asked};
use crate::{
    board::{LatestRow, StationRow},
    clock,
    live::MAX_CLIENTS,
};

/// Every station, and how old what is known of it is.
#[utoipa::path(get, path = "/api/v1/stations", tag = "readings",
    responses((status = 200, description = "Every station", body = Vec<StationRow>)))]
pub(super) async fn stations(State(app): State<Arc<App>>) -> Json<Vec<StationRow>> {
    Json(app.board.stations(clock::now()))
}

/// Which station's readings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only this station's.
    station: Option<String>,
}

/// The latest reading of every datastream.
#[utoipa::path(get, path = "/api/v1/latest", tag = "readings", params(Which),
    responses((status = 200, description = "The latest readings", body = Vec<LatestRow>),
        (status = 404, description = "No such station", body = Refusal)))]
pub(super) async fn latest(
    State(app): State<Arc<App>>,
    Asked(which): Asked<Which>,
) -> Result<Response, Refusal> {
    let station = which.station.map(|id| app.station(&id)).transpose()?;
    let json = app.board.latest_json(station.as_ref(), clock::now());
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

impl App {
    /// The station with this name, if it is known.
    pub(super) fn station(&self, id: &str) -> Result<NodeId, Refusal> {
        NodeId::new(id).ok().filter(|node| self.board.knows(node)).ok_or_else(|| {
            Refusal::not_found(
                format!("there is no station `{id}`"),
                "GET /api/v1/stations lists them",
            )
        })
    }
}

/// Server-sent events: `snapshot` with everything, then `diff` at most once a second, `alarm` for
/// each change of an alarm, and `hb` with the server's time every five seconds.
#[utoipa::path(get, path = "/api/v1/live", tag = "readings",
    responses((status = 200, description = "The feed", content_type = "text/event-stream", body = String),
        (status = 503, description = "Too many clients", body = Refusal)))]
pub(super) async fn live(State(app): State<Arc<App>>) -> Response {
    let Some(client) = app.hub.admit() else {
        return Refusal::busy(format!("{MAX_CLIENTS} pages are open already")).into_response();
    };
    let frames = futures_util::stream::unfold(client, async |mut client| {
        let frame = client.next().await?;
        Some((Ok::<_, Infallible>(frame), client))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that speak nginx's language hand frames on at once.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(frames)).into_response()
}
