//! Sending: one compressed POST, waited for.

use std::{
    io::{Read, Write},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use thiserror::Error;
use ureq::Agent;

use super::{Access, Answer};

/// How long a request may take, from the name's resolution to the answer's end.
pub const MAX_REQUEST: Duration = Duration::from_secs(30);
/// The most bytes of an answer that are read.
pub const MAX_REASON_BYTES: u64 = 1_024;

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

impl Place {
    /// The address paths are added to, without a slash at its end.
    ///
    /// # Errors
    /// [`TargetError::Address`].
    pub fn base(&self) -> Result<&str, TargetError> {
        match self {
            Self::V2 { base, .. } | Self::V1 { base, .. } => checked(base),
        }
    }
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
    /// Not a user name.
    #[error("a user name is not empty and holds no colon")]
    User,
    /// Not a certificate.
    #[error("it holds no certificate; it is PEM, and begins with -----BEGIN CERTIFICATE-----")]
    Authorities,
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
pub(crate) fn checked(base: &str) -> Result<&str, TargetError> {
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
pub(crate) fn encode(url: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// An engine that is written to.
#[derive(Debug)]
pub struct Target {
    url: String,
    access: Access,
    agent: Agent,
}

impl Target {
    /// Prepares to send.
    ///
    /// # Errors
    /// [`TargetError::Address`].
    pub fn new(place: &Place, access: &Access) -> Result<Self, TargetError> {
        let agent = access.agent(|config| config.timeout_global(Some(MAX_REQUEST)));
        Ok(Self { url: place.write_url()?, access: access.clone(), agent })
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
        let request = self
            .agent
            .post(&self.url)
            .header("content-type", "text/plain; charset=utf-8")
            .header("content-encoding", "gzip");
        match self.access.sign(request).send(body.as_slice()) {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let header = |name: &str| {
                    answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
                };
                let (retry_after, date) = (header("retry-after"), header("date"));
                let said = reason(answer.into_body());
                Answer::from_status(status, retry_after.as_deref(), date.as_deref(), &said)
            }
            Err(error) => Answer::Unreachable { reason: error.to_string() },
        }
    }
}

/// What an engine says to why it does not do something, as much of it as a message can hold. What
/// can be read is enough; the status decides.
pub(crate) fn reason(body: ureq::Body) -> String {
    let mut said = Vec::new();
    let _ = body.into_reader().take(MAX_REASON_BYTES).read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
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
