//! `/cap/alerts.atom` and `/cap/{identifier}.xml`: warnings for other systems.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{App, Refusal, blocking};
use crate::{alarms::Alarms, clock};

/// The feed of warnings (Atom, RFC 4287) with links to CAP 1.2 messages.
#[utoipa::path(get, path = "/cap/alerts.atom", tag = "warnings",
    responses((status = 200, description = "The feed", content_type = "application/atom+xml", body = String),
        (status = 304, description = "Nothing has changed since the ETag was given"),
        (status = 404, description = "The centre watches no rules", body = Refusal)))]
pub(super) async fn feed(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let alarms = watching(&app)?;
    let feed = blocking(move || alarms.alerts().feed(clock::now())).await?;
    let feed = feed.map_err(|e| Refusal::broken(&e))?;
    Ok(answer(&headers, "application/atom+xml; charset=utf-8", &feed.etag, feed.body))
}

/// A CAP 1.2 message.
#[utoipa::path(get, path = "/cap/{file}", tag = "warnings",
    params(("file" = String, Path, description = "The message's identifier with `.xml` behind it")),
    responses((status = 200, description = "The message", content_type = "application/cap+xml", body = String),
        (status = 404, description = "No such message", body = Refusal)))]
pub(super) async fn message(
    State(app): State<Arc<App>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let nowhere =
        || Refusal::not_found(format!("there is no message `{file}`"), "see /cap/alerts.atom");
    let identifier = file.strip_suffix(".xml").ok_or_else(nowhere)?.to_owned();
    let alarms = watching(&app)?;
    let found = blocking(move || alarms.alerts().cap(&identifier)).await?;
    let message = found.map_err(|e| Refusal::broken(&e))?.ok_or_else(nowhere)?;
    Ok(answer(&headers, "application/cap+xml; charset=utf-8", &message.etag, message.xml))
}

fn watching(app: &App) -> Result<Arc<Alarms>, Refusal> {
    app.alarms.clone().ok_or_else(|| {
        Refusal::not_found(
            "the centre watches no rules",
            "add the section [alerts] to its configuration",
        )
    })
}

fn answer(headers: &HeaderMap, kind: &'static str, etag: &str, body: String) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let same = known.is_some_and(|k| k.split(',').any(|k| k.trim() == etag || k.trim() == "*"));
    let mut response = match same {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, kind)], body).into_response(),
    };
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
