//! The configuration as it is written, before it is checked. The comments of `config/ingest.toml`
//! explain each key to the people who write it.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::Deserialize;
use tram_store::sink::{DEFAULT_HOLD_BYTES, Limits};

use super::cap_feed::CapFeedEntry;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) data: PathBuf,
    #[serde(default)]
    pub(crate) third_party: ThirdParty,
    #[serde(default)]
    pub(crate) http: Http,
    pub(crate) broker: Broker,
    pub(crate) enrol: Option<Enrol>,
    #[serde(default)]
    pub(crate) store: Store,
    #[serde(default)]
    pub(crate) time: Time,
    #[serde(default)]
    pub(crate) rules: Rules,
    pub(crate) alerts: Option<tram_alerts::Config>,
    #[serde(default)]
    pub(crate) cap_feed: Vec<CapFeedEntry>,
    #[serde(default)]
    pub(crate) retention: Retention,
    #[serde(default)]
    pub(crate) sink: Vec<Sink>,
    #[serde(default)]
    pub(crate) history: History,
    #[serde(default)]
    pub(crate) station: Vec<Station>,
}

/// What happens to a device on `senml/{node}` that the file does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ThirdParty {
    #[default]
    Refuse,
    Register,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
    pub(crate) token_file: Option<PathBuf>,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), token_file: None }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broker {
    pub(crate) listen: Option<SocketAddr>,
    #[serde(default)]
    pub(crate) anonymous_loopback: bool,
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) tls: Option<Tls>,
    pub(crate) max_clients: Option<usize>,
    pub(crate) url: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_id: Option<String>,
    pub(crate) share: Option<String>,
    #[serde(default)]
    pub(crate) share_keeps_nodes: bool,
    #[serde(default)]
    pub(crate) own_stations: bool,
    pub(crate) acknowledge: Option<bool>,
    pub(crate) replica: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) listen: SocketAddr,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    #[serde(default)]
    pub(crate) passwords: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Enrol {
    pub(crate) listen: SocketAddr,
    pub(crate) names: Vec<String>,
    pub(crate) broker: Option<String>,
    #[serde(default = "code_s")]
    pub(crate) code_s: u64,
    #[serde(default = "certificate_s")]
    pub(crate) certificate_s: u64,
}

/// Two days: the way to the mountain and back.
fn code_s() -> u64 {
    2 * 86_400
}

/// A year, so that a node may be without a network for months.
fn certificate_s() -> u64 {
    365 * 86_400
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    pub(crate) seal_readings: u64,
    pub(crate) head_readings: u64,
}

impl Default for Store {
    fn default() -> Self {
        let options = tram_store::Options::default();
        Self { seal_readings: options.seal_readings, head_readings: options.max_head_readings }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Time {
    pub(crate) earliest: String,
    pub(crate) ahead_s: u64,
}

impl Default for Time {
    fn default() -> Self {
        Self { earliest: "2000-01-01T00:00:00Z".to_owned(), ahead_s: 86_400 }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rules {
    pub(crate) folder: PathBuf,
}

impl Default for Rules {
    fn default() -> Self {
        Self { folder: PathBuf::from("config/rules") }
    }
}

/// Which store answers questions about the past.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct History {
    pub(crate) from: String,
    pub(crate) url: Option<String>,
}

impl Default for History {
    fn default() -> Self {
        Self { from: "embedded".to_owned(), url: None }
    }
}

/// How long readings and rollups are kept, and others for single quantities, by their names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    pub(crate) raw: Option<String>,
    pub(crate) minute: Option<String>,
    pub(crate) hour: Option<String>,
    pub(crate) day: Option<String>,
    #[serde(default)]
    pub(crate) quantity: BTreeMap<String, QuantityRetention>,
}

/// What is not said is as for all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuantityRetention {
    pub(crate) raw: Option<String>,
    pub(crate) minute: Option<String>,
    pub(crate) hour: Option<String>,
    pub(crate) day: Option<String>,
}

/// How an engine is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum SinkKind {
    #[serde(rename = "line-protocol")]
    LineProtocol,
    #[serde(rename = "victoriametrics")]
    VictoriaMetrics,
    #[serde(rename = "influxdb1")]
    Influxdb1,
    #[serde(rename = "influxdb2")]
    Influxdb2,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sink {
    pub(crate) name: String,
    pub(crate) kind: SinkKind,
    pub(crate) url: String,
    pub(crate) org: Option<String>,
    pub(crate) bucket: Option<String>,
    pub(crate) retention_days: Option<u64>,
    pub(crate) database: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) token_env: Option<String>,
    pub(crate) bearer_file: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) probe: Vec<String>,
    #[serde(default = "batch_readings")]
    pub(crate) batch_readings: usize,
    #[serde(default = "batch_age_ms")]
    pub(crate) batch_age_ms: u64,
    #[serde(default = "replay_s")]
    pub(crate) replay_s: u64,
    #[serde(default = "hold_mb")]
    pub(crate) hold_mb: u64,
}

fn batch_readings() -> usize {
    Limits::default().readings
}

fn batch_age_ms() -> u64 {
    u64::try_from(Limits::default().age.as_millis()).unwrap_or(u64::MAX)
}

fn replay_s() -> u64 {
    Limits::default().replay.as_secs()
}

fn hold_mb() -> u64 {
    DEFAULT_HOLD_BYTES >> 20
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Station {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) name_en: Option<String>,
    pub(crate) name_zh: Option<String>,
    pub(crate) commune: Option<String>,
    pub(crate) lat: f64,
    pub(crate) lon: f64,
    pub(crate) expected_s: Option<u32>,
}
