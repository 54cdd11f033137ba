//! The answer to a request that is not answered: what is wrong, and what to do.

use axum::{
    Json,
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Refusal {
    #[serde(skip)]
    status: u16,
    /// What is wrong.
    error: String,
    /// What to do about it.
    fix: String,
}

impl Refusal {
    /// A refusal with this status.
    pub(crate) fn new(
        status: StatusCode,
        error: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { status: status.as_u16(), error: error.into(), fix: fix.into() }
    }

    /// The request says something that cannot be.
    pub(crate) fn bad(error: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, fix)
    }

    /// What is asked for is not here.
    pub(crate) fn not_found(error: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error, fix)
    }

    /// Something here is broken; the log of the program says more.
    pub(crate) fn broken(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request could not be answered");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
            "look at the centre's log, and try again",
        )
    }

    /// There is no room for another one.
    pub(crate) fn busy(error: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error, "try again in a few seconds")
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.error, self.fix)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let wait = header::HeaderValue::from_static("5");
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response
    }
}

/// The path is there, and does not do what the request wants.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} does nothing at {}", uri.path()),
        "GET /openapi.json says what each path does",
    )
}
