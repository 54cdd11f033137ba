//! How nodes are given certificates.

use std::{net::SocketAddr, time::Duration};

use rustls::pki_types::ServerName;
use tram_config::{Document, Mistake};

use super::File;

/// The most names of a centre.
const MAX_NAMES: usize = 16;
/// How long a code may be good for, in seconds: up to a week.
const CODE_S: std::ops::RangeInclusive<u64> = 1..=604_800;
/// How long a certificate may live, in seconds: up to ten years.
const CERTIFICATE_S: std::ops::RangeInclusive<u64> = 10..=315_360_000;

/// How nodes are given certificates.
#[derive(Debug, Clone)]
pub(crate) struct Enrol {
    /// Where nodes ask.
    pub(crate) listen: SocketAddr,
    /// Under which names and addresses nodes reach this centre; the first is the one they are told.
    pub(crate) names: Vec<String>,
    /// The broker nodes are sent to, `mqtts://host:port`; `None` for the embedded one.
    pub(crate) broker: Option<String>,
    /// How long a code is good for.
    pub(crate) code: Duration,
    /// How long a certificate lives.
    pub(crate) certificate: Duration,
}

pub(super) fn check(document: &Document<File>) -> Result<Option<Enrol>, Mistake> {
    let Some(enrol) = &document.value.enrol else { return Ok(None) };
    let name = |n: &String| n.len() <= 253 && ServerName::try_from(n.as_str()).is_ok();
    if enrol.names.is_empty() || enrol.names.len() > MAX_NAMES || !enrol.names.iter().all(name) {
        return Err(document.mistake(
            "enrol.names",
            "nodes have to reach this centre under a name or an address",
            format!(
                "write 1 to {MAX_NAMES}, such as names = [\"HOST.example.org\", \"203.0.113.5\"]"
            ),
        ));
    }
    for (key, value, range) in
        [("code_s", enrol.code_s, CODE_S), ("certificate_s", enrol.certificate_s, CERTIFICATE_S)]
    {
        if !range.contains(&value) {
            return Err(document.mistake(
                &format!("enrol.{key}"),
                format!("{value} seconds are not possible"),
                format!("write a number from {} to {}", range.start(), range.end()),
            ));
        }
    }
    let mqtts = |url: &String| url.starts_with("mqtts://") && url.len() <= 255;
    if let Some(broker) = enrol.broker.as_ref().filter(|b| !mqtts(b)) {
        return Err(document.mistake(
            "enrol.broker",
            format!("`{broker}` is not the address of an encrypted broker"),
            "write mqtts://HOST:8883",
        ));
    }
    let broker = &document.value.broker;
    if broker.listen.is_some() && broker.tls.is_none() {
        return Err(document.mistake(
            "enrol",
            "an enrolled node speaks TLS only, and the embedded broker does not",
            "add a section [broker.tls] with `listen = \"0.0.0.0:8883\"`",
        ));
    }
    if broker.url.is_some() && enrol.broker.is_none() {
        return Err(document.mistake(
            "enrol",
            "nothing says which broker nodes are sent to",
            "add `broker = \"mqtts://HOST:8883\"`, as nodes reach it",
        ));
    }
    Ok(Some(Enrol {
        listen: enrol.listen,
        names: enrol.names.clone(),
        broker: enrol.broker.clone(),
        code: Duration::from_secs(enrol.code_s),
        certificate: Duration::from_secs(enrol.certificate_s),
    }))
}
