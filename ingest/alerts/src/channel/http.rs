//! The transport of every channel that speaks HTTP: one POST, waited for.

use std::{io::ErrorKind, time::Duration};

use ureq::{Agent, Error, Timeout};

use crate::{DeliveryResult, MAX_ATTEMPT};

/// How long the connection may take of [`MAX_ATTEMPT`].
const MAX_CONNECT: Duration = Duration::from_secs(3);
/// The largest head of an answer that is read, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The largest body of an answer that is read, in bytes; what is longer is no answer of these
/// services.
const MAX_BODY_BYTES: u64 = 64 * 1024;

/// A POST that an encoder wants made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpRequest {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A client for one service.
#[derive(Debug)]
pub(crate) struct Http(Agent);

impl Http {
    pub(crate) fn new() -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(MAX_ATTEMPT))
            .timeout_connect(Some(MAX_CONNECT))
            .http_status_as_error(false)
            // A redirect would carry the warning, and the secret, where nobody has configured.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEAD_BYTES)
            .user_agent(concat!("tram-alerts/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self(agent)
    }

    /// POSTs and waits. Without an answer, says whether the service may have it all the same.
    pub(crate) fn post(&self, request: &HttpRequest) -> Result<HttpAnswer, DeliveryResult> {
        let mut post = self.0.post(&request.url);
        for (name, value) in &request.headers {
            post = post.header(name, value);
        }
        let mut answer = post.send(request.body.as_slice()).map_err(|error| lost(&error))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_BODY_BYTES).read_to_vec();
        match body {
            Ok(body) => Ok(HttpAnswer { status, body }),
            // The head of a failure says enough.
            Err(_) if !(200..=299).contains(&status) => Ok(HttpAnswer { status, body: Vec::new() }),
            Err(error) => Err(lost(&error)),
        }
    }
}

/// What an attempt without an answer comes to.
fn lost(error: &Error) -> DeliveryResult {
    let before = match error {
        Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
        ),
        Error::Timeout(Timeout::Resolve | Timeout::Connect)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::Tls(_)
        | Error::Rustls(_) => true,
        Error::Protocol(_) | Error::Timeout(_) | Error::BodyExceedsLimit(_) => false,
        // The request could not be made at all; its address may hold a secret, so it is not shown.
        _ => return DeliveryResult::Failed("the request could not be made".to_owned()),
    };
    match before {
        true => DeliveryResult::Failed(error.to_string()),
        false => DeliveryResult::Unclear(error.to_string()),
    }
}

/// What a status that is not 2xx comes to.
pub(super) fn refusal(status: u16, said: &str) -> DeliveryResult {
    let text = match said.trim() {
        "" => format!("answered {status}"),
        said => format!("answered {status}: {said}"),
    };
    // 401 and 403 are about the channel's own credentials: the same message goes once they are
    // right. 408, 425 and 429 ask to try again.
    match status {
        400..=499 if ![401, 403, 408, 425, 429].contains(&status) => DeliveryResult::Refused(text),
        _ => DeliveryResult::Failed(text),
    }
}

/// Takes a secret out of what will be shown.
pub(super) fn redacted(result: DeliveryResult, secret: &str) -> DeliveryResult {
    let clean = |text: String| match secret.is_empty() {
        true => text,
        false => text.replace(secret, "…"),
    };
    match result {
        DeliveryResult::Refused(text) => DeliveryResult::Refused(clean(text)),
        DeliveryResult::Failed(text) => DeliveryResult::Failed(clean(text)),
        DeliveryResult::Unclear(text) => DeliveryResult::Unclear(clean(text)),
        other => other,
    }
}

/// The first characters of a text.
pub(super) fn shortened(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
}
