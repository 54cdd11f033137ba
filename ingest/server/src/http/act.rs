//! `/act/{token}`: one act of one person on one alarm, by a link in a message and without a login.
//!
//! Opening the link shows a small page in the reader's language and changes nothing: mail programs
//! and messengers open links to show a preview. Only the button's POST acts. Who has the link may
//! do what it says, so it is never logged.

mod paper;
mod words;

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tram_alerts::{
    Alarm, Alerts, AlertsError, CapAlert, LinkAction, LinkClaim, LinkError, Links,
    MAX_COMMENT_BYTES,
};
use tram_rules::Language;
use tram_wire::UnixMicros;

use super::{App, Refusal, blocking};
use crate::clock;
use paper::Paper;
use words::Words;

/// For how many minutes a link shelves an alarm.
const SHELVED_MINUTES: i64 = 60;
/// The page sends its form to where it came from, and loads its style and script, nothing else.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("act/page.css");
const SCRIPT: &str = include_str!("act/page.js");

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    comment: String,
}

/// Shows what a link does; changes nothing.
#[utoipa::path(get, path = "/act/{token}", tag = "links",
    params(("token" = String, Path, description = "What the link in the message ends with")),
    responses((status = 200, description = "A page with one button", content_type = "text/html", body = String),
        (status = 404, description = "Not a link of this centre, or its alarm is forgotten", content_type = "text/html", body = String),
        (status = 410, description = "The link has expired", content_type = "text/html", body = String)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let claim = match claim(&app, &token, &headers) {
        Ok(claim) => claim,
        Err(page) => return Ok(*page),
    };
    let Some(alarms) = app.alarms.clone() else { return Ok(broken(&headers)) };
    blocking(move || {
        let alerts = alarms.alerts();
        let words = Words::of(claim.language);
        match alerts.alarm(&claim.episode, clock::now()) {
            Ok(alarm) => {
                let draft = draft(&alerts, &claim);
                page(StatusCode::OK, &Paper::question(&claim, &alarm, draft.as_ref()))
            }
            Err(AlertsError::Unknown(_)) => {
                page(StatusCode::NOT_FOUND, &Paper::note(claim.language, words.forgotten))
            }
            Err(error) => Refusal::broken(&error).into_response(),
        }
    })
    .await
}

/// Does what the link says.
#[utoipa::path(post, path = "/act/{token}", tag = "links",
    params(("token" = String, Path, description = "What the link in the message ends with")),
    request_body(content_type = "application/x-www-form-urlencoded", content = String,
        description = "`comment`, at most 1000 bytes"),
    responses((status = 200, description = "It is done", content_type = "text/html", body = String),
        (status = 400, description = "The comment is missing or too long", content_type = "text/html", body = String),
        (status = 403, description = "The person may not do it", content_type = "text/html", body = String),
        (status = 404, description = "Not a link of this centre, or its alarm is forgotten", content_type = "text/html", body = String),
        (status = 409, description = "The alarm stands otherwise than the person was told", content_type = "text/html", body = String),
        (status = 410, description = "The link has expired", content_type = "text/html", body = String)))]
pub(super) async fn act(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Answer>, FormRejection>,
) -> Result<Response, Refusal> {
    let claim = match claim(&app, &token, &headers) {
        Ok(claim) => claim,
        Err(page) => return Ok(*page),
    };
    let words = Words::of(claim.language);
    let answer = form.ok().map(|Form(answer)| answer.comment.trim().to_owned());
    let Some(comment) = answer.filter(|comment| comment.len() <= MAX_COMMENT_BYTES) else {
        return Ok(page(StatusCode::BAD_REQUEST, &Paper::note(claim.language, words.too_long)));
    };
    let Some(alarms) = app.alarms.clone() else { return Ok(broken(&headers)) };
    blocking(move || {
        let done = perform(&mut alarms.alerts(), &claim, &comment, clock::now());
        match done {
            Ok(alarm) => {
                alarms.publish(&[alarm.id]);
                page(StatusCode::OK, &Paper::done(&claim, &alarm))
            }
            Err(error) => refused(claim.language, &error),
        }
    })
    .await
}

/// Notes that a person has opened the message. A program that only shows a preview runs no script,
/// so it does not come here.
#[utoipa::path(post, path = "/act/{token}/opened", tag = "links",
    params(("token" = String, Path, description = "What the link in the message ends with")),
    responses((status = 204, description = "Noted"),
        (status = 404, description = "Not a link of this centre", content_type = "text/html", body = String),
        (status = 410, description = "The link has expired", content_type = "text/html", body = String)))]
pub(super) async fn opened(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let claim = match claim(&app, &token, &headers) {
        Ok(claim) => claim,
        Err(page) => return Ok(*page),
    };
    let Some(alarms) = app.alarms.clone() else { return Ok(broken(&headers)) };
    blocking(move || {
        let noted = alarms.alerts().opened(&claim.episode, &claim.person, clock::now());
        match noted {
            Ok(()) => StatusCode::NO_CONTENT.into_response(),
            Err(error) => refused(claim.language, &error),
        }
    })
    .await
}

/// The style of the pages.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// The script of the pages.
pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// What a link says, or the page that says why it does nothing.
fn claim(app: &App, token: &str, headers: &HeaderMap) -> Result<LinkClaim, Box<Response>> {
    let links: &Links = app.links.as_ref().ok_or_else(|| Box::new(broken(headers)))?;
    links.read(token, clock::now()).map_err(|error| match error {
        LinkError::Broken => Box::new(broken(headers)),
        LinkError::Expired(claim) => {
            let words = Words::of(claim.language);
            Box::new(page(StatusCode::GONE, &Paper::note(claim.language, words.expired)))
        }
    })
}

/// Does what a link says, under the name of its person.
fn perform(
    alerts: &mut Alerts,
    claim: &LinkClaim,
    comment: &str,
    now: UnixMicros,
) -> Result<Alarm, AlertsError> {
    let LinkClaim { action, episode, level, person, .. } = claim;
    match action {
        LinkAction::Acknowledge => alerts.acknowledge(episode, person, comment, now),
        LinkAction::Shelve => {
            let until = now.plus(SHELVED_MINUTES * 60_000_000);
            alerts.shelve(episode, person, until, comment, now)
        }
        LinkAction::Approve => alerts.approve(episode, person, *level, comment, now),
        LinkAction::Reject => alerts.reject(episode, person, *level, comment, now),
        LinkAction::AllClear => alerts.all_clear(episode, person, comment, now),
    }
}

/// What the public would be told, for who decides about it.
fn draft(alerts: &Alerts, claim: &LinkClaim) -> Option<CapAlert> {
    if !matches!(claim.action, LinkAction::Approve | LinkAction::Reject) {
        return None;
    }
    // Without it the page is still right; it says less.
    let draft = alerts.draft(&claim.episode).ok()??;
    tram_alerts::read_cap(draft.xml.as_bytes()).ok()
}

fn refused(language: Language, error: &AlertsError) -> Response {
    let words = Words::of(language);
    let (status, said) = match error {
        AlertsError::Unknown(_) => (StatusCode::NOT_FOUND, words.forgotten),
        AlertsError::Forbidden(_) => (StatusCode::FORBIDDEN, words.not_allowed),
        AlertsError::Conflict(_) => (StatusCode::CONFLICT, words.otherwise),
        AlertsError::Invalid(_) => (StatusCode::BAD_REQUEST, words.reason_missing),
        error => {
            tracing::error!(%error, "an act by a link could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, words.not_written)
        }
    };
    page(status, &Paper::note(language, said))
}

/// The page of a link that is none; its reader's language is what their browser asks for.
fn broken(headers: &HeaderMap) -> Response {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    let language = match asked.unwrap_or_default().get(..2) {
        Some("en") => Language::En,
        Some("zh") => Language::Zh,
        _ => Language::Vi,
    };
    page(StatusCode::NOT_FOUND, &Paper::note(language, Words::of(language).broken))
}

fn page(status: StatusCode, paper: &Paper) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    let mut response = (status, kind, paper.html()).into_response();
    let policy = HeaderName::from_static("content-security-policy");
    response.headers_mut().insert(policy, HeaderValue::from_static(CONTENT_POLICY));
    let robots = HeaderName::from_static("x-robots-tag");
    response.headers_mut().insert(robots, HeaderValue::from_static("noindex, nofollow"));
    response
}
