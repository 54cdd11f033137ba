//! What the parts are connected to, and the world of emulated ones.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// What the sensors are connected to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hardware {
    /// Through what the parts are reached.
    #[serde(default)]
    pub(crate) backend: BackendKind,
    /// GPIO character device that pins are counted on.
    #[serde(default = "Hardware::gpio_chip")]
    pub(crate) gpio_chip: String,
}

impl Hardware {
    fn gpio_chip() -> String {
        "/dev/gpiochip0".to_owned()
    }
}

impl Default for Hardware {
    fn default() -> Self {
        Self { backend: BackendKind::default(), gpio_chip: Self::gpio_chip() }
    }
}

/// The three backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BackendKind {
    /// A Raspberry Pi.
    #[default]
    Rppal,
    /// Another Linux machine.
    Linux,
    /// Emulated parts on any machine.
    Emulator,
}

/// What the emulated world does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Emulator {
    /// The weather.
    #[serde(default)]
    pub(crate) scenario: ScenarioKind,
    /// The recording of scenario `replay`.
    #[serde(default)]
    pub(crate) replay: Option<PathBuf>,
    /// The same seed gives the same weather.
    #[serde(default)]
    pub(crate) seed: u64,
    /// How many seconds of the script pass in one second.
    #[serde(default = "Emulator::speed")]
    pub(crate) speed: u32,
    /// For tests: every reading that is safe in the spool is written here, one a line.
    #[serde(default)]
    pub(crate) sampled_log: Option<PathBuf>,
}

impl Emulator {
    fn speed() -> u32 {
        1
    }
}

impl Default for Emulator {
    fn default() -> Self {
        Self {
            scenario: ScenarioKind::default(),
            replay: None,
            seed: 0,
            speed: Self::speed(),
            sampled_log: None,
        }
    }
}

/// The scenarios of `tram-emulator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScenarioKind {
    /// Calm weather.
    #[default]
    Quiet,
    /// Heavy rain, a flood and a slope that begins to move.
    Storm,
    /// A recording.
    Replay,
}
