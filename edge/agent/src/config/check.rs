//! What a station file must fulfil.

use std::path::Path;

use tram_config::{Document, Mistake};
use tram_node::{BatchLimits, MAX_DRAFT_READINGS};
use tram_rules::Rule;
use tram_wire::Quantity;

use super::{
    BackendKind, Channel, Config, Named, Parts, ScenarioKind, range,
    rules::{self, Loaded},
    seconds,
    wiring::{addresses, conflicts, misplaced, shortest_interval_s},
};
use crate::{
    calibration::{self, History},
    orders::{MAX_COMMAND_KEYS, public_key},
};

/// The longest interval in seconds.
const MAX_INTERVAL_S: f64 = 86_400.0;
/// The largest window of batches without acknowledgement.
const MAX_IN_FLIGHT: usize = 1024;

/// A station file that holds together.
#[derive(Debug)]
pub(crate) struct Checked {
    /// With the calibrations in force in the place of the file's numbers.
    pub(crate) config: Config,
    /// As it was written; emulated parts are what the file says.
    pub(crate) written: Config,
    /// What was found out about the parts on the spot.
    pub(crate) history: History,
    /// What whoever starts the station should know although nothing is wrong with the file.
    /// `[vi, en]`.
    pub(crate) notices: Vec<[String; 2]>,
    /// To tell two configurations apart.
    pub(crate) digest: [u8; 8],
    /// In the order of the file's parts.
    pub(crate) channels: Vec<Channel>,
    /// Those that run on this node.
    pub(crate) rules: Vec<Rule>,
    /// All that look at this station, wherever they are evaluated.
    pub(crate) here: Vec<Rule>,
    /// What these rules can never do here. It stops no station.
    pub(crate) doubts: Vec<Mistake>,
}

/// Reads and checks a file. `emulated` puts emulated parts in the place of real ones.
///
/// # Errors
/// Every mistake that was found; only the first one when the file is not even TOML of this shape.
pub(crate) fn load(path: &Path, emulated: bool) -> Result<Checked, Vec<Mistake>> {
    let mut document = tram_config::read::<Config>(path).map_err(|m| vec![m])?;
    // Emulated parts are wired to the board that the file is written for.
    let board = document.value.hardware.backend;
    if emulated {
        document.value.hardware.backend = BackendKind::Emulator;
    }
    let digest = document.digest();
    let mut check = Check { document: &document, named: Vec::new(), found: Vec::new() };
    check.parts();
    check.wiring(board);
    check.numbers();
    check.backend();
    check.siren_and_files();
    let channels = check.channels();
    let mut found = check.found;
    let config = &document.value;
    let rules = config.rules.as_ref().map_or(Ok(Loaded::default()), |folder| {
        rules::load(folder, &config.node, &range::channels(config))
    });
    match rules {
        Ok(rules) if found.is_empty() => Ok(calibrated(document.value, digest, channels, rules)),
        Ok(_) => Err(found),
        Err(more) => {
            found.extend(more);
            Err(found)
        }
    }
}

/// Puts the calibrations in. A history that cannot be read stops no station.
fn calibrated(
    written: Config,
    digest: [u8; 8],
    mut channels: Vec<Channel>,
    rules: Loaded,
) -> Checked {
    let mut config = written.clone();
    let (history, mut notices) = match History::read(&config.data) {
        Ok(history) => (history, Vec::new()),
        Err(e) => {
            let file = config.data.join(calibration::FILE);
            let file = file.display();
            let why = [
                format!(
                    "không đọc được {file} ({e}): dùng các số trong tệp trạm; hãy cho người dùng \
                     chạy chương trình này được đọc tệp đó, hoặc bỏ nó đi rồi hiệu chuẩn lại"
                ),
                format!(
                    "{file} cannot be read ({e}): the numbers of the station file hold; let the \
                     user that runs this program read it, or remove it and calibrate again"
                ),
            ];
            (History::unread(&config.data), vec![why])
        }
    };
    let applied = calibration::apply(&mut config, &history);
    for (name, text) in applied.texts {
        for channel in channels.iter_mut().filter(|c| c.about.name == name) {
            channel.about.calibration = text;
        }
    }
    notices.extend(applied.notices);
    let Loaded { on_node: rules, here, doubts } = rules;
    Checked { config, written, history, notices, digest, channels, rules, here, doubts }
}

pub(super) struct Check<'a> {
    pub(super) document: &'a Document<Config>,
    /// Each channel, its part's place, and the part's interval.
    pub(super) named: Vec<(Named, String, f64)>,
    pub(super) found: Vec<Mistake>,
}

impl Check<'_> {
    pub(super) fn mistake(
        &mut self,
        key: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.found.push(self.document.mistake(key, message, fix));
    }

    fn parts(&mut self) {
        let config = &self.document.value;
        self.table(&config.dps310, |p| Some(p.address));
        self.table(&config.tmp105, |p| Some(p.address));
        self.table(&config.sht4x, |p| Some(p.address));
        self.table(&config.sen5x, |_| None);
        self.table(&config.adxl355, |p| Some(p.address));
        self.table(&config.rain_gauge, |_| None);
        self.table(&config.dual_loop, |_| None);
        self.table(&config.ultrasonic, |_| None);
        if self.named.is_empty() && self.found.is_empty() {
            let fix =
                "add a part with a channel, such as [[dps310]] with `pressure = \"pressure\"`";
            self.mistake("", "the station measures nothing", fix);
        }
    }

    fn table<P: Parts>(&mut self, parts: &[P], address: impl Fn(&P) -> Option<u8>) {
        for (i, part) in parts.iter().enumerate() {
            let table = format!("{}[{i}]", P::TABLE);
            let interval = part.interval_s();
            let shortest = shortest_interval_s(P::TABLE);
            if !(shortest..=MAX_INTERVAL_S).contains(&interval) {
                let message = "the part cannot be read at this interval";
                let fix = format!("write {shortest} to {MAX_INTERVAL_S} seconds");
                self.mistake(&format!("{table}.interval_s"), message, fix);
            }
            let possible = addresses(P::TABLE);
            if let Some(a) = address(part).filter(|a| !possible.contains(a)) {
                let list: Vec<_> = possible.iter().map(|a| format!("{a:#04x}")).collect();
                let message = format!("the part cannot have the address {a:#04x}");
                let fix = format!("write one of {}", list.join(", "));
                self.mistake(&format!("{table}.address"), message, fix);
            }
            let channels = part.channels();
            if channels.is_empty() {
                self.mistake(
                    &table,
                    "no channel of this part has a name",
                    "name one or remove the part",
                );
            }
            for channel in channels {
                let key = format!("{table}.{}", channel.key);
                if self.named.iter().any(|(n, ..)| n.name == channel.name) {
                    let message = format!("there is a channel `{}` already", channel.name);
                    self.mistake(&key, message, "give it a name of its own");
                }
                self.named.push((channel, part.place(), interval));
            }
        }
    }

    fn wiring(&mut self, board: BackendKind) {
        let config = &self.document.value;
        for conflict in conflicts(config).into_iter().chain(misplaced(config, board)) {
            self.mistake(&conflict.key, conflict.message, conflict.fix);
        }
    }

    fn numbers(&mut self) {
        let config = &self.document.value;
        let age = config.batch.max_age_s;
        let hour = 3600.0;
        self.within("batch.max_age_s", (0.05..=hour).contains(&age), "0.05 to 3600 seconds");
        let readings = config.batch.max_readings;
        let most = format!("1 to {MAX_DRAFT_READINGS}");
        self.within("batch.max_readings", (1..=MAX_DRAFT_READINGS).contains(&readings), &most);
        let most = format!("1 to {MAX_IN_FLIGHT}");
        let in_flight = (1..=MAX_IN_FLIGHT).contains(&config.broker.in_flight);
        self.within("broker.in_flight", in_flight, &most);
        self.within("broker.resend_s", config.broker.resend_s > 0, "1 or more seconds");
        self.within("broker.keep_alive_s", config.broker.keep_alive_s >= 5, "5 or more seconds");
        let spread = (0.0..=600.0).contains(&config.broker.spread_s);
        self.within("broker.spread_s", spread, "0 to 600 seconds");
        let commit = (0.0..=hour).contains(&config.spool.commit_s);
        self.within("spool.commit_s", commit, "0 to 3600 seconds");
        let rate = config.sending.backlog_bytes_per_s;
        let slow = rate == 0 || (100..=1 << 30).contains(&rate);
        let range = "100 or more bytes, or 0 for as fast as the link takes them";
        self.within("sending.backlog_bytes_per_s", slow, range);
        let day = config.sending.day_bytes;
        let least = "100000 or more bytes, or 0 for no limit";
        self.within("sending.day_bytes", day == 0 || day >= 100_000, least);
        let health = (10..=86_400).contains(&config.health.interval_s);
        self.within("health.interval_s", health, "10 to 86400 seconds");
        let patience = (5..=3600).contains(&config.watchdog.sampling_s);
        self.within("watchdog.sampling_s", patience, "5 to 3600 seconds");
        let patience = (10..=3600).contains(&config.watchdog.storing_s);
        self.within("watchdog.storing_s", patience, "10 to 3600 seconds");
        let options = spool_options(config);
        if let Err(e) = options.check() {
            self.mistake("spool.max_bytes", "the spool cannot have this size", e.to_string());
        }
        for (i, p) in config.rain_gauge.iter().enumerate() {
            let ok = (0.01..=10.0).contains(&p.tip_mm);
            self.within(&format!("rain_gauge[{i}].tip_mm"), ok, "0.01 to 10 mm");
        }
        for (i, p) in config.dual_loop.iter().enumerate() {
            let ok = (0.5..=50.0).contains(&p.spacing_m);
            self.within(&format!("dual_loop[{i}].spacing_m"), ok, "0.5 to 50 m");
            let ok = (0.1..=20.0).contains(&p.loop_m);
            self.within(&format!("dual_loop[{i}].loop_m"), ok, "0.1 to 20 m");
        }
        for (i, p) in config.adxl355.iter().enumerate() {
            let ok = (1..=1000).contains(&p.samples);
            self.within(&format!("adxl355[{i}].samples"), ok, "1 to 1000");
        }
        self.ultrasonic_numbers();
    }

    fn ultrasonic_numbers(&mut self) {
        let config = &self.document.value;
        for (i, p) in config.ultrasonic.iter().enumerate() {
            let table = format!("ultrasonic[{i}]");
            let ok = (1..=tram_node::MAX_BURST).contains(&p.echoes);
            self.within(&format!("{table}.echoes"), ok, "1 to 64");
            let ok = (-1000.0..=10_000.0).contains(&p.datum_m);
            self.within(&format!("{table}.datum_m"), ok, "-1000 to 10000 m");
            let ok = p.farthest_m.is_none_or(|m| (0.1..=65.0).contains(&m));
            self.within(&format!("{table}.farthest_m"), ok, "0.1 to 65 m");
            let ok = p.assumes_celsius.is_none_or(|t| (-60.0..=80.0).contains(&t));
            self.within(&format!("{table}.assumes_celsius"), ok, "-60 to 80 °C");
            let source = p.air_temperature_from;
            if p.assumes_celsius.is_some() != source.is_some() {
                let fix = "write both `assumes_celsius` and `air_temperature_from`, or neither";
                self.mistake(&table, "the temperature correction is incomplete", fix);
            }
            let Some(source) = source else { continue };
            let thermometer = |(n, ..): &(Named, String, f64)| {
                n.name == source && n.quantity == Quantity::Temperature
            };
            if !self.named.iter().any(thermometer) {
                let message = format!("no channel `{source}` of this station is a temperature");
                let key = format!("{table}.air_temperature_from");
                self.mistake(&key, message, "name the channel of a thermometer in the air");
            }
        }
    }

    fn within(&mut self, key: &str, ok: bool, range: &str) {
        if !ok {
            self.mistake(key, "the value is out of range", format!("write {range}"));
        }
    }

    fn backend(&mut self) {
        let config = &self.document.value;
        if config.hardware.backend != BackendKind::Emulator {
            return;
        }
        let emulator = config.emulator.clone().unwrap_or_default();
        if emulator.scenario == ScenarioKind::Replay && emulator.replay.is_none() {
            let fix = "write `replay = \"recording.csv\"`";
            self.mistake("emulator.scenario", "there is nothing to replay", fix);
        }
        if emulator.scenario != ScenarioKind::Replay && emulator.replay.is_some() {
            let fix = "write `scenario = \"replay\"`, or remove `replay`";
            self.mistake("emulator.replay", "the scenario does not replay anything", fix);
        }
        self.within("emulator.speed", (1..=100_000).contains(&emulator.speed), "1 to 100000");
    }

    fn siren_and_files(&mut self) {
        let broker = &self.document.value.broker;
        if broker.cert_file.is_some() != broker.key_file.is_some() {
            let fix = "write both `cert_file` and `key_file`, or neither";
            self.mistake("broker.cert_file", "a certificate needs its key", fix);
        }
        let tls_only = broker.ca_file.is_some() || broker.cert_file.is_some();
        if tls_only && broker.url.as_ref().is_some_and(|url| !url.tls) {
            let fix = "write mqtts:// in `url`, or remove the certificates";
            self.mistake(
                "broker.url",
                "certificates are given but the connection is not encrypted",
                fix,
            );
        }
        self.siren();
        let keys = &self.document.value.commands.keys;
        let most = MAX_COMMAND_KEYS;
        self.within("commands.keys", keys.len() <= most, &format!("{most} keys at most"));
        for (i, key) in keys.iter().enumerate() {
            if let Err(fix) = public_key(key) {
                self.mistake(
                    &format!("commands.keys[{i}]"),
                    "this is not a key of the centre",
                    fix,
                );
            }
        }
    }

    fn siren(&mut self) {
        let Some(siren) = &self.document.value.siren else { return };
        let day = (1..=86_400).contains(&siren.max_sounding_s);
        self.within("siren.max_sounding_s", day, "1 to 86400 seconds");
    }
}

/// The spool's size.
pub(crate) fn spool_options(config: &Config) -> tram_spool::Options {
    let size = &config.spool;
    tram_spool::Options { max_bytes: size.max_bytes, segment_bytes: size.segment_bytes }
}

/// When a batch is finished.
pub(crate) fn batch_limits(config: &Config) -> BatchLimits {
    BatchLimits { age: seconds(config.batch.max_age_s), readings: config.batch.max_readings }
}
