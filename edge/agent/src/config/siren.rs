//! The siren, its button, and whose commands it takes.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Pull;

/// The relay of the siren.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Siren {
    /// Number of the pin in the count of the chip (BCM): GPIO 17 is pin 11 of the header.
    pub(crate) pin: u32,
    /// The line is low while the contact is closed or the relay is on.
    #[serde(default)]
    pub(crate) active_low: bool,
    /// The longest an alarm sounds, in seconds, unless its level rises.
    #[serde(default = "Siren::max_sounding_s")]
    pub(crate) max_sounding_s: u32,
    /// The button at the station that ends an alarm.
    #[serde(default)]
    pub(crate) reset: Option<ResetButton>,
}

impl Siren {
    fn max_sounding_s() -> u32 {
        600
    }
}

/// A button that ends the alarm that sounds.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetButton {
    /// The pin of its contact, a BCM number.
    pub(crate) pin: u32,
    /// The line is low while the contact is closed, as with a contact to ground.
    #[serde(default = "ResetButton::active_low")]
    pub(crate) active_low: bool,
    /// The resistor inside the chip.
    #[serde(default)]
    pub(crate) pull: Pull,
}

impl ResetButton {
    fn active_low() -> bool {
        true
    }
}

/// Who may have something done here from afar.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Commands {
    /// Public keys of the centre, in hexadecimal digits. Those that enrolment wrote are trusted as
    /// well.
    #[serde(default)]
    pub(crate) keys: Vec<String>,
}
