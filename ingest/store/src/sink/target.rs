//! Sending: one compressed POST, waited for.

use std::{
    io::{Read, Write},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use thiserror::Error;
use ureq::Agent;

use super::Answer;

/// How long a request may take, from the name's resolution to the answer's end.
pub const MAX_REQUEST: Duration = Duration::from_secs(30);
/// The most bytes of an answer that are read.
pub const MAX_REASON_BYTES: u64 = 1_024;
/// How long the connection may take.
const MAX_CONNECT: Duration = Duration::from_secs(5);
/// The largest head of an answer that is read, in bytes.
const MAX_ANSWER_HEAD_BYTES: usize = 16 * 1024;

/// Where an engine takes line protocol. Paths are added to the base, which may have one itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `{base}/api/v2/write`: `InfluxDB` 2 and 3; `VictoriaMetrics`, its cluster with a base of
    /// `http://vminsert:8480/insert/0/influx`; `GreptimeDB` with one of
    /// `http://greptime:4000/v1/influxdb`.
    V2 {
        /// The address the path is added to.
        base: String,
        /// `org`, for engines that have organizations.
        org: Option<String>,
        /// `bucket`, for engines that have buckets; `GreptimeDB`'s is its database.
        bucket: Option<String>,
    },
    /// `{base}/write`: `InfluxDB` 1.
    V1 {
        /// The address the path is added to.
        base: String,
        /// The database, which has to exist.
        database: String,
    },
}

/// Why an address cannot be written to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Not `http://` or `https://`, or more than host, port and path.
    #[error(
        "`{0}` is not the address of an engine; write one as http://127.0.0.1:8428, with https:// for TLS, a path if it has one, and nothing behind it"
    )]
    Address(String),
    /// Not a token.
    #[error("the token holds more than printable characters; it is one line of text")]
    Token,
}

impl Place {
    /// The address readings are sent to.
    ///
    /// # Errors
    /// [`TargetError::Address`].
    pub fn write_url(&self) -> Result<String, TargetError> {
        let (base, path, arguments) = match self {
            Self::V2 { base, org, bucket } => (
                base,
                "/api/v2/write?precision=us",
                [("org", org.as_ref()), ("bucket", bucket.as_ref())],
            ),
            Self::V1 { base, database } => {
                (base, "/write?precision=u", [("db", Some(database)), ("", None)])
            }
        };
        let mut url = checked(base)?.to_owned();
        url.push_str(path);
        for (name, value) in arguments {
            let Some(value) = value else { continue };
            url.push('&');
            url.push_str(name);
            url.push('=');
            encode(&mut url, value);
        }
        Ok(url)
    }
}

/// The address without a slash at its end.
fn checked(base: &str) -> Result<&str, TargetError> {
    let error = || TargetError::Address(base.to_owned());
    let rest = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"));
    let rest = rest.ok_or_else(error)?;
    let host = rest.split('/').next().unwrap_or_default();
    let odd = |c: char| !c.is_ascii_graphic() || "?#@\"<>\\^`{|}".contains(c);
    if host.is_empty() || host.starts_with(':') || rest.contains(odd) {
        return Err(error());
    }
    Ok(base.trim_end_matches('/'))
}

/// Appends a value of a query, everything but letters, digits and `-._~` percent-encoded.
fn encode(url: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// An engine that is written to. Its token never shows.
pub struct Target {
    url: String,
    authorization: Option<String>,
    agent: Agent,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Target {
    /// Prepares to send. `token` goes into `Authorization: Token …`.
    ///
    /// # Errors
    /// [`TargetError`] when the address or the token cannot be one.
    pub fn new(place: &Place, token: Option<&str>) -> Result<Self, TargetError> {
        if token.is_some_and(|t| t.is_empty() || !t.bytes().all(|b| (0x20..0x7f).contains(&b))) {
            return Err(TargetError::Token);
        }
        let agent = Agent::config_builder()
            .timeout_global(Some(MAX_REQUEST))
            .timeout_connect(Some(MAX_CONNECT))
            .http_status_as_error(false)
            // A redirect would carry token and readings where nobody has configured them to go.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_ANSWER_HEAD_BYTES)
            .user_agent(concat!("tram-store/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let authorization = token.map(|token| format!("Token {token}"));
        Ok(Self { url: place.write_url()?, authorization, agent })
    }

    /// Where it writes to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends lines and waits for the answer.
    #[must_use]
    pub fn write(&self, lines: &[u8]) -> Answer {
        let body = compress(lines);
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "text/plain; charset=utf-8")
            .header("content-encoding", "gzip");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        match request.send(body.as_slice()) {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let header = answer.headers().get("retry-after").and_then(|v| v.to_str().ok());
                let retry_after = header.map(str::to_owned);
                let mut said = Vec::new();
                // What can be read of the reason is enough; the status decides.
                let _ =
                    answer.into_body().into_reader().take(MAX_REASON_BYTES).read_to_end(&mut said);
                Answer::from_status(status, retry_after.as_deref(), &String::from_utf8_lossy(&said))
            }
            Err(error) => Answer::Unreachable { reason: error.to_string() },
        }
    }
}

/// Level 1: measured on lines of readings, higher levels cost several times the work for little.
fn compress(lines: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(lines.len() / 8), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(lines);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests;
