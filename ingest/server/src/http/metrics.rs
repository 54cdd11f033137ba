//! `/metrics` in Prometheus' text format.

mod catalogue;
mod metric;
mod page;

mod alerts;
mod broker;
mod consumers;
mod log;
mod program;
mod queues;
mod readings;
mod sinks;
mod stations;

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::{App, Refusal, blocking};
use page::Page;

/// Counters and gauges for Prometheus. At every moment
/// `received = stored + duplicate + quarantined + pending`: they are one picture.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String)))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    // Counting the alarms reads their file, and the folder's files are looked at.
    let text = blocking(move || {
        let mut page = Page::default();
        let picture = app.ledger.picture();
        readings::put(&mut page, &app, &picture);
        consumers::put(&mut page, &app, &picture);
        queues::put(&mut page, &app);
        log::put(&mut page, &app, &picture);
        stations::put(&mut page, &app);
        broker::put(&mut page, &app);
        if let Some(alarms) = &app.alarms {
            alerts::put(&mut page, &app, alarms);
        }
        sinks::put(&mut page, &app, &picture);
        program::put(&mut page, &app);
        page.text
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text.await?).into_response())
}
