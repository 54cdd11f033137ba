//! Looking a station's latest readings up in the centre, over HTTP.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::{Timestamp, fmt::rfc2822};
use serde::{Deserialize, Deserializer, de::Error as _};
use tram_wire::{NodeId, Point, Quantity};
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig, parse_pem},
};

/// How long the centre may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is taken; a row has about 150 bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
/// The centre shows times to the millisecond.
const SAME_MOMENT_US: i64 = 1_000;

/// The centre's door.
pub(super) struct Centre {
    agent: Agent,
    url: String,
    node: NodeId,
}

/// A row of `/api/v1/latest`; what is not named here does not matter.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    pub(super) channel: String,
    quantity: String,
    value: Option<f64>,
    #[serde(deserialize_with = "timestamp")]
    time: Timestamp,
}

/// What it answered.
pub(super) struct Answer {
    pub(super) rows: Vec<Row>,
    /// The centre's clock, to the second.
    pub(super) clock: Option<Timestamp>,
}

impl Centre {
    /// A centre at `http://…` or `https://…`, the latter with a certificate signed by one of
    /// `authorities`, or by one that the system trusts.
    ///
    /// # Errors
    /// When the address is none, or the certificates cannot be read.
    pub(super) fn new(url: &str, authorities: Option<&Path>, node: NodeId) -> Result<Self> {
        let https = url.starts_with("https://");
        ensure!(
            https || url.starts_with("http://"),
            "`{url}` is not the address of a centre; write http://host:8080 or https://host"
        );
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0);
        let config = if https { config.tls_config(tls(authorities)?) } else { config };
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.build().into(), url, node })
    }

    /// The latest readings of the station.
    ///
    /// # Errors
    /// When the centre does not answer, or not with readings.
    pub(super) fn latest(&self) -> Result<Answer> {
        let url = format!("{}/api/v1/latest?station={}", self.url, self.node);
        let mut answer = self.agent.get(&url).call().with_context(|| url.clone())?;
        let clock = answer.headers().get("date").and_then(|d| d.to_str().ok()).map(str::to_owned);
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        if status == 404 {
            bail!("the centre does not know the station {}", self.node);
        }
        ensure!(status == 200, "{url}: {status}");
        let rows = serde_json::from_str(&body?).with_context(|| format!("{url}: not readings"))?;
        let clock = clock.and_then(|d| rfc2822::parse(&d).ok()).map(|d| d.timestamp());
        Ok(Answer { rows, clock })
    }
}

fn tls(authorities: Option<&Path>) -> Result<TlsConfig> {
    let path = authorities.unwrap_or(Path::new(crate::link::SYSTEM_AUTHORITIES));
    let pem = fs::read(path).with_context(|| path.display().to_string())?;
    let roots: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(c)) => Some(c),
            _ => None,
        })
        .collect();
    ensure!(!roots.is_empty(), "{} holds no certificate", path.display());
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build())
}

fn timestamp<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
    String::deserialize(d)?.parse().map_err(D::Error::custom)
}

impl Row {
    /// Whether the centre shows this very reading.
    pub(super) fn is(&self, quantity: Quantity, point: &Point) -> bool {
        let same_moment =
            self.time.as_microsecond().abs_diff(point.micros) < SAME_MOMENT_US.unsigned_abs();
        #[expect(clippy::cast_possible_truncation, reason = "rounded; 2^53 is never near")]
        #[expect(clippy::cast_precision_loss, reason = "a scale is 1000 at most")]
        let counts = self.value.map(|v| (v * quantity.scale() as f64).round() as i64);
        self.quantity == quantity.name() && same_moment && counts == point.value
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::Quality;

    use super::*;

    #[test]
    fn a_reading_is_the_same_when_time_and_value_are() {
        let json = r#"{"station":"a","channel":"l","quantity":"water_level","unit":"m",
            "value":77.52,"time":"2026-03-02T08:00:00.123Z","quality":1,"tests":[],"age_s":2.0}"#;
        let row: Row = serde_json::from_str(json).unwrap();
        let micros = 1_772_438_400_123_000;
        let point = Point { micros, value: Some(77_520), quality: Quality::GOOD };
        let q = Quantity::WaterLevel;
        assert!(row.is(q, &point));
        assert!(row.is(q, &Point { micros: micros + 999, ..point }));
        assert!(!row.is(q, &Point { micros: micros + 1_000, ..point }));
        assert!(!row.is(q, &Point { value: Some(77_521), ..point }));
        assert!(!row.is(q, &Point { value: None, ..point }));
        assert!(!row.is(Quantity::Length, &point));
    }
}
