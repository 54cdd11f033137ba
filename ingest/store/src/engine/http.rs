//! Asking over HTTP.

use std::{
    io::{BufReader, Read},
    time::Duration,
};

use ureq::{Agent, Body, http::Response};

use super::{EngineError, error::malformed};
use crate::sink::{Access, encode, reason};

/// How long an engine may think before it answers.
const MAX_THOUGHT: Duration = Duration::from_secs(30);
/// How long it may be silent in the middle of an answer.
const MAX_SILENCE: Duration = Duration::from_secs(30);
/// How long an answer may take in all; whoever asked for it may be slow.
const MAX_ANSWER: Duration = Duration::from_secs(900);

/// The answer as it comes.
pub(super) type Answer = BufReader<Box<dyn Read + Send + Sync>>;

/// Somebody who asks.
#[derive(Debug)]
pub(super) struct Http {
    agent: Agent,
    access: Access,
}

impl Http {
    pub(super) fn new(access: &Access) -> Self {
        let agent = access.agent(|config| {
            config
                .timeout_recv_response(Some(MAX_THOUGHT))
                .timeout_per_read(Some(MAX_SILENCE))
                .timeout_per_call(Some(MAX_ANSWER))
        });
        Self { agent, access: access.clone() }
    }

    pub(super) fn get(&self, url: &str) -> Result<Answer, EngineError> {
        answer(self.access.sign(self.agent.get(url)).call())
    }

    pub(super) fn post(&self, url: &str, json: &str) -> Result<Answer, EngineError> {
        let request = self
            .agent
            .post(url)
            .header("content-type", "application/json")
            .header("accept", "application/csv");
        answer(self.access.sign(request).send(json))
    }
}

fn answer(answer: Result<Response<Body>, ureq::Error>) -> Result<Answer, EngineError> {
    let answer = answer.map_err(|e| EngineError::Unreachable(e.to_string()))?;
    match answer.status().as_u16() {
        200..=299 => Ok(BufReader::new(Box::new(answer.into_body().into_reader()))),
        status => Err(EngineError::Refused { status, reason: reason(answer.into_body()) }),
    }
}

/// An address with arguments.
pub(super) fn with(base: &str, arguments: &[(&str, &str)]) -> String {
    let mut url = base.to_owned();
    for (name, value) in arguments {
        url.push(if url.contains('?') { '&' } else { '?' });
        encode(&mut url, name);
        url.push('=');
        encode(&mut url, value);
    }
    url
}

/// What went wrong while an answer came.
pub(super) fn broken(error: &std::io::Error) -> EngineError {
    match error.kind() {
        std::io::ErrorKind::InvalidData => malformed(error.to_string()),
        _ => EngineError::GaveUp(error.to_string()),
    }
}
