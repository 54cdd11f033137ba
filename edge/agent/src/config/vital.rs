//! How a station says that it is well, and who looks after it when it is not.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// What the station says of itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthTable {
    /// It tells the centre how it is on every connection, and then every so many seconds.
    #[serde(default = "HealthTable::interval_s")]
    pub(crate) interval_s: u32,
    /// A file whose first word is the signal of a modem in dBm, such as `-87`, where the kernel does
    /// not know it.
    #[serde(default)]
    pub(crate) signal_file: Option<PathBuf>,
}

impl HealthTable {
    fn interval_s() -> u32 {
        300
    }
}

impl Default for HealthTable {
    fn default() -> Self {
        Self { interval_s: Self::interval_s(), signal_file: None }
    }
}

/// When the station is started anew because it stands still. systemd's watchdog is used wherever
/// there is one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchdogTable {
    /// The machine's own watchdog, `/dev/watchdog`: when it is not fed, the machine starts anew.
    #[serde(default)]
    pub(crate) device: Option<PathBuf>,
    /// Nobody is fed when the sensors have not been looked at for so many seconds.
    #[serde(default = "WatchdogTable::sampling_s")]
    pub(crate) sampling_s: u32,
    /// Nobody is fed when the disk has neither taken nor refused anything for so many seconds. A
    /// card that cleans up may take half a minute.
    #[serde(default = "WatchdogTable::storing_s")]
    pub(crate) storing_s: u32,
}

impl WatchdogTable {
    fn sampling_s() -> u32 {
        30
    }
    fn storing_s() -> u32 {
        120
    }
}

impl Default for WatchdogTable {
    fn default() -> Self {
        Self { device: None, sampling_s: Self::sampling_s(), storing_s: Self::storing_s() }
    }
}
