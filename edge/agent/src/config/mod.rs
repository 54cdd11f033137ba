//! The station file: what hangs where, how often it is read, and where readings go.
//!
//! Defaults are here and nowhere else. [`load`] reads a file and checks everything that can be
//! checked without touching hardware; each mistake names the file, the line and what to write.

mod channel;
mod check;
mod delivery;
mod hardware;
mod named;
mod parts;
mod range;
mod reach;
mod rules;
mod shape;
mod siren;
#[cfg(test)]
mod tests;
mod text;
mod vital;
mod wiring;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use tram_rules::Decimal;
use tram_wire::NodeId;

pub(crate) use channel::Channel;
pub(crate) use check::{Checked, batch_limits, load, spool_options};
pub(crate) use delivery::{Batch, Broker, Centre, Sending, SpoolSize};
pub(crate) use hardware::{BackendKind, Emulator, Hardware, ScenarioKind};
pub(crate) use named::{Named, Parts, part_and_key};
pub(crate) use parts::{
    Adxl355, Dps310, DualLoop, RainGauge, Sen5x, Sht4x, Tmp105, TmpMedium, Ultrasonic,
    UltrasonicModel,
};
pub(crate) use siren::{Commands, Siren};
pub(crate) use text::BrokerUrl;
pub(crate) use vital::{HealthTable, WatchdogTable};

/// A station file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The node's name, which is also its user name at the broker.
    #[serde(deserialize_with = "text::parse")]
    #[schemars(with = "shape::Node")]
    pub(crate) node: NodeId,
    /// Folder of the spool and of what else must survive a restart.
    pub(crate) data: PathBuf,
    /// Where readings go. What is not said here is taken from what `tram-edge enroll` wrote.
    #[serde(default)]
    pub(crate) broker: Broker,
    /// Where the centre answers over HTTP, for what asks it.
    #[serde(default)]
    pub(crate) centre: Centre,
    /// What the sensors are connected to.
    #[serde(default)]
    pub(crate) hardware: Hardware,
    /// What the emulated world does, where parts are emulated.
    #[serde(default)]
    pub(crate) emulator: Option<Emulator>,
    /// When readings become a batch.
    #[serde(default)]
    pub(crate) batch: Batch,
    /// How much may wait for the centre.
    #[serde(default)]
    pub(crate) spool: SpoolSize,
    /// How fast, and how much, may go over the link.
    #[serde(default)]
    pub(crate) sending: Sending,
    /// How far the system's clock may be believed.
    #[serde(default)]
    pub(crate) clock: ClockTable,
    /// How often the node says how it is.
    #[serde(default)]
    pub(crate) health: HealthTable,
    /// Who starts the node again when it hangs.
    #[serde(default)]
    pub(crate) watchdog: WatchdogTable,
    /// The relay of the siren; none when absent.
    #[serde(default)]
    pub(crate) siren: Option<Siren>,
    /// Who may have the siren tested, reset or silenced from afar.
    #[serde(default)]
    pub(crate) commands: Commands,
    /// Folder of the rules; those that drive a siren and name this station run here.
    #[serde(default)]
    pub(crate) rules: Option<PathBuf>,
    /// DPS310: pressure and temperature of the air.
    #[serde(default)]
    pub(crate) dps310: Vec<Dps310>,
    /// TMP105: temperature.
    #[serde(default)]
    pub(crate) tmp105: Vec<Tmp105>,
    /// SHT4x: temperature and humidity of the air.
    #[serde(default)]
    pub(crate) sht4x: Vec<Sht4x>,
    /// SEN5x: particulate matter.
    #[serde(default)]
    pub(crate) sen5x: Vec<Sen5x>,
    /// ADXL355: inclination of a slope.
    #[serde(default)]
    pub(crate) adxl355: Vec<Adxl355>,
    /// Tipping buckets.
    #[serde(default)]
    pub(crate) rain_gauge: Vec<RainGauge>,
    /// Lanes with two inductive loops.
    #[serde(default)]
    pub(crate) dual_loop: Vec<DualLoop>,
    /// Ultrasonic range finders above water.
    #[serde(default)]
    pub(crate) ultrasonic: Vec<Ultrasonic>,
    /// More about a channel, by its name.
    #[serde(default)]
    pub(crate) channel: BTreeMap<String, ChannelTable>,
}

/// How far the system's clock may be believed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockTable {
    /// What sets the system's clock.
    #[serde(default)]
    pub(crate) source: ClockSource,
}

/// What sets the system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClockSource {
    /// Find out: `systemd-timesyncd`'s mark, else a battery-backed clock, else nobody.
    #[default]
    Auto,
    /// NTP, although `systemd-timesyncd` does not say so (chrony, ntpd).
    Ntp,
    /// A battery-backed clock.
    Rtc,
    /// Nobody: readings carry the time since boot.
    None,
}

/// The resistor inside the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pull {
    /// For a contact to ground.
    #[default]
    Up,
    /// For a contact to the supply.
    Down,
    /// There is one on the board already.
    None,
}

/// More about a channel. Values are in the unit of what it measures.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChannelTable {
    /// Where it hangs.
    #[serde(default)]
    pub(crate) position: String,
    /// Calibration in force.
    #[serde(default)]
    pub(crate) calibration: String,
    /// Lowest value the place can have; below is suspect.
    #[serde(default)]
    #[schemars(with = "Option<shape::Number>")]
    pub(crate) lowest: Option<Decimal>,
    /// Highest value the place can have; above is suspect.
    #[serde(default)]
    #[schemars(with = "Option<shape::Number>")]
    pub(crate) highest: Option<Decimal>,
    /// A larger step from one reading to the next is suspect.
    #[serde(default)]
    #[schemars(with = "Option<shape::Number>")]
    pub(crate) spike: Option<Decimal>,
    /// A larger change in an hour is suspect.
    #[serde(default)]
    #[schemars(with = "Option<shape::Number>")]
    pub(crate) change_per_hour: Option<Decimal>,
    /// Standing still for longer is suspect.
    #[serde(default)]
    pub(crate) still_s: Option<u32>,
}

/// Seconds of a file as a duration; the checks have made sure that it is one.
pub(crate) fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX)
}

/// A decimal number of a file in counts of `scale` to one, rounded; the checks hold it in range.
pub(crate) fn fixed(value: f64, scale: f64) -> i32 {
    let counts = (value * scale).round().clamp(f64::from(i32::MIN), f64::from(i32::MAX));
    #[expect(clippy::cast_possible_truncation, reason = "rounded and clamped to the range of i32")]
    let counts = counts as i32;
    counts
}
