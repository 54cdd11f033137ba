//! The station file: what hangs where, how often it is read, and where readings go.
//!
//! Defaults are here and nowhere else. [`load`] reads a file and checks everything that can be
//! checked without touching hardware; each mistake names the file, the line and what to write.

mod check;
mod parts;
mod range;
mod reach;
mod rules;
mod shape;
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

pub(crate) use check::{Channel, Checked, batch_limits, load, spool_options};
pub(crate) use parts::{
    Adxl355, Dps310, DualLoop, Named, Parts, RainGauge, Sen5x, Sht4x, Tmp105, TmpMedium,
    Ultrasonic, UltrasonicModel, part_and_key,
};
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
