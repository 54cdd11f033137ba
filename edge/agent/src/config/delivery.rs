//! How readings get to the centre: the broker, what waits for it and how fast it goes.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{BrokerUrl, shape, text};

/// Where the broker is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broker {
    /// `mqtt://host:port` or `mqtts://host:port`; without it, the one that the centre named when
    /// the node was enrolled.
    #[serde(default, deserialize_with = "text::parse_some")]
    #[schemars(with = "Option<shape::Broker>")]
    pub(crate) url: Option<BrokerUrl>,
    /// File with the password in its first line; `TRAM_MQTT_PASSWORD` goes before it.
    #[serde(default)]
    pub(crate) password_file: Option<PathBuf>,
    /// PEM file of those who may have signed the broker's certificate.
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
    /// PEM file of the node's own certificate, with `key_file`.
    #[serde(default)]
    pub(crate) cert_file: Option<PathBuf>,
    /// PEM file of the key of `cert_file`.
    #[serde(default)]
    pub(crate) key_file: Option<PathBuf>,
    /// Seconds after which a silent connection is tried.
    #[serde(default = "Broker::keep_alive_s")]
    pub(crate) keep_alive_s: u16,
    /// The most batches under way without an acknowledgement of the centre.
    #[serde(default = "Broker::in_flight")]
    pub(crate) in_flight: usize,
    /// After so long without an acknowledgement a batch is sent again.
    #[serde(default = "Broker::resend_s")]
    pub(crate) resend_s: u16,
    /// When the broker comes back, the nodes come back over so many seconds and not at once.
    #[serde(default = "Broker::spread_s")]
    pub(crate) spread_s: f64,
}

impl Broker {
    fn keep_alive_s() -> u16 {
        30
    }
    fn in_flight() -> usize {
        64
    }
    fn resend_s() -> u16 {
        30
    }
    fn spread_s() -> f64 {
        5.0
    }
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            url: None,
            password_file: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            keep_alive_s: Self::keep_alive_s(),
            in_flight: Self::in_flight(),
            resend_s: Self::resend_s(),
            spread_s: Self::spread_s(),
        }
    }
}

/// The centre's page and interface, where commissioning looks readings up. Nothing is sent there.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Centre {
    /// `http://host:8080` or `https://host`.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// PEM file of those who may have signed the centre's certificate.
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// When readings become a batch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// A reading waits this long at most for others.
    #[serde(default = "Batch::max_age_s")]
    pub(crate) max_age_s: f64,
    /// A batch with so many readings is finished.
    #[serde(default = "Batch::max_readings")]
    pub(crate) max_readings: usize,
}

impl Batch {
    fn max_age_s() -> f64 {
        10.0
    }
    fn max_readings() -> usize {
        1024
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self { max_age_s: Self::max_age_s(), max_readings: Self::max_readings() }
    }
}

/// How fast, and how much, may go over the link.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sending {
    /// Bytes of backlog in a second; 0 is as fast as the link takes them.
    #[serde(default = "Sending::backlog_bytes_per_s")]
    pub(crate) backlog_bytes_per_s: u64,
    /// Bytes in a day of a metered link; 0 is no limit.
    #[serde(default)]
    pub(crate) day_bytes: u64,
}

impl Sending {
    fn backlog_bytes_per_s() -> u64 {
        64 << 10
    }
}

impl Default for Sending {
    fn default() -> Self {
        Self { backlog_bytes_per_s: Self::backlog_bytes_per_s(), day_bytes: 0 }
    }
}

/// How much the spool may hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpoolSize {
    /// What waits for the centre may take so many bytes, all files together.
    #[serde(default = "SpoolSize::max_bytes")]
    pub(crate) max_bytes: u64,
    /// Size of one file of the spool.
    #[serde(default = "SpoolSize::segment_bytes")]
    pub(crate) segment_bytes: u64,
    /// Readings are made durable together, so many seconds after the first of them at the latest.
    #[serde(default = "SpoolSize::commit_s")]
    pub(crate) commit_s: f64,
}

impl SpoolSize {
    fn max_bytes() -> u64 {
        tram_spool::DEFAULT_MAX_BYTES
    }
    fn segment_bytes() -> u64 {
        tram_spool::DEFAULT_SEGMENT_BYTES
    }
    fn commit_s() -> f64 {
        30.0
    }
}

impl Default for SpoolSize {
    fn default() -> Self {
        Self {
            max_bytes: Self::max_bytes(),
            segment_bytes: Self::segment_bytes(),
            commit_s: Self::commit_s(),
        }
    }
}
