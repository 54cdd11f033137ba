//! What stands behind the question mark of an address. A mistake there is answered like every
//! other one, with what is wrong and what to do.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::Refusal;

/// The parameters of a request.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => {
                let why = std::error::Error::source(&rejection)
                    .map_or_else(|| rejection.to_string(), ToString::to_string);
                let path = parts.uri.path();
                Err(Refusal::bad(
                    format!("the parameters cannot be read: {why}"),
                    format!("GET /openapi.json describes those of {path}"),
                ))
            }
        }
    }
}
