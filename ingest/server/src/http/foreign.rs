//! `/api/v1/foreign-alerts`: what others warn of.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::App;
use crate::{clock, foreign::Shown};

/// The warnings that stand in the feeds of `[[cap_feed]]`, and how each feed is. They are shown and
/// raise no alarm here.
#[utoipa::path(get, path = "/api/v1/foreign-alerts", tag = "warnings",
    responses((status = 200, description = "Feeds and what stands in them", body = Object)))]
pub(super) async fn foreign(State(app): State<Arc<App>>) -> Json<Shown> {
    Json(app.foreign.shown(clock::now()))
}
