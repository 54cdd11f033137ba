//! Two things cannot sit in one place.

use std::collections::HashMap;

use super::{BackendKind, Config};

/// What somebody sits on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Address { bus: u8, address: u8 },
    Pin(u32),
    Port(String),
}

impl Place {
    fn describe(&self) -> String {
        match self {
            Self::Address { bus, address } => format!("address {address:#04x} of I2C bus {bus}"),
            Self::Pin(pin) => format!("pin {pin}"),
            Self::Port(port) => format!("the serial line {port}"),
        }
    }
}

/// A place that is taken twice.
pub(super) struct Conflict {
    /// The second one's key, such as `tmp105[0].address`.
    pub(super) key: String,
    pub(super) message: String,
    pub(super) fix: &'static str,
}

/// Every place of the station with the key that takes it.
fn places(config: &Config) -> Vec<(String, Place)> {
    let mut all = Vec::new();
    let mut address = |key: String, bus, address| all.push((key, Place::Address { bus, address }));
    for (i, p) in config.dps310.iter().enumerate() {
        address(format!("dps310[{i}].address"), p.bus, p.address);
    }
    for (i, p) in config.tmp105.iter().enumerate() {
        address(format!("tmp105[{i}].address"), p.bus, p.address);
    }
    for (i, p) in config.sht4x.iter().enumerate() {
        address(format!("sht4x[{i}].address"), p.bus, p.address);
    }
    for (i, p) in config.sen5x.iter().enumerate() {
        address(format!("sen5x[{i}].bus"), p.bus, 0x69);
    }
    for (i, p) in config.adxl355.iter().enumerate() {
        address(format!("adxl355[{i}].address"), p.bus, p.address);
    }
    for (i, p) in config.rain_gauge.iter().enumerate() {
        all.push((format!("rain_gauge[{i}].pin"), Place::Pin(p.pin)));
    }
    for (i, p) in config.dual_loop.iter().enumerate() {
        all.push((format!("dual_loop[{i}].first_pin"), Place::Pin(p.first_pin)));
        all.push((format!("dual_loop[{i}].second_pin"), Place::Pin(p.second_pin)));
    }
    for (i, p) in config.ultrasonic.iter().enumerate() {
        all.push((format!("ultrasonic[{i}].port"), Place::Port(p.port.clone())));
    }
    if let Some(siren) = &config.siren {
        all.push(("siren.pin".to_owned(), Place::Pin(siren.pin)));
        if let Some(button) = &siren.reset {
            all.push(("siren.reset.pin".to_owned(), Place::Pin(button.pin)));
        }
    }
    all
}

/// The places that are taken twice.
pub(super) fn conflicts(config: &Config) -> Vec<Conflict> {
    let mut taken: HashMap<Place, String> = HashMap::new();
    let mut conflicts = Vec::new();
    for (key, place) in places(config) {
        let fix = match place {
            Place::Address { .. } => "set the part's address pin and write the other address",
            Place::Pin(_) => "connect one of them to another pin",
            Place::Port(_) => "connect one of them to another serial line",
        };
        if let Some(first) = taken.get(&place) {
            let message = format!("{} is taken by {} already", place.describe(), owner(first));
            conflicts.push(Conflict { key, message, fix });
        } else {
            taken.insert(place, key);
        }
    }
    conflicts
}

/// The highest pin of the header, in the count of the chip.
const LAST_PIN: u32 = 27;
/// The highest line of any chip.
const LAST_LINE: u32 = 1023;
const ELSEWHERE: &str = "connect it to another pin and write its number";

/// Pins that the board does not have, or that a bus or a serial line needs (Raspberry Pi
/// documentation, "GPIO and the 40-pin header"). Other boards are not known.
pub(super) fn misplaced(config: &Config, board: BackendKind) -> Vec<Conflict> {
    let places = places(config);
    let needed = |wanted: &dyn Fn(&Place) -> bool| {
        places.iter().find(|(_, place)| wanted(place)).map(|(key, _)| owner(key))
    };
    let on_bus =
        |number: u8| needed(&|p| matches!(p, Place::Address { bus, .. } if *bus == number));
    let on_header = |p: &Place| {
        matches!(p, Place::Port(port) if ["/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0"]
            .contains(&port.as_str()))
    };
    let problem = |pin: u32| match (board, pin) {
        (BackendKind::Linux, 0..=LAST_LINE) => None,
        (BackendKind::Linux, _) => {
            Some(("the value is out of range".to_owned(), "write the number of a pin"))
        }
        (_, 0 | 1) => {
            Some((format!("GPIO {pin} belongs to the EEPROM of an add-on board"), ELSEWHERE))
        }
        (_, 2 | 3) => on_bus(1).map(|who| {
            (format!("GPIO {pin} is a line of I2C bus 1, which {who} needs"), ELSEWHERE)
        }),
        (_, 14 | 15) => needed(&on_header).map(|who| {
            (format!("GPIO {pin} is a line of the serial port, which {who} needs"), ELSEWHERE)
        }),
        (_, ..=LAST_PIN) => None,
        _ => {
            let fix = "write the BCM number of a pin of the header, 2 to 27; GPIO 17 is pin 11";
            Some((format!("the board has no GPIO {pin}"), fix))
        }
    };
    let conflict = |(key, place): &(String, Place)| {
        let Place::Pin(pin) = place else { return None };
        let (message, fix) = problem(*pin)?;
        Some(Conflict { key: key.clone(), message, fix })
    };
    places.iter().filter_map(conflict).collect()
}

/// Whose key it is: `tmp105[1].address` is that of the second `[[tmp105]]`.
fn owner(key: &str) -> String {
    let table = key.split('.').next().unwrap_or(key);
    match table.trim_end_matches(']').split_once('[') {
        Some((name, "0")) => format!("the first [[{name}]]"),
        Some((name, _)) => format!("another [[{name}]]"),
        None => format!("[{table}]"),
    }
}

/// The addresses each I²C part can have.
pub(super) fn addresses(table: &str) -> &'static [u8] {
    match table {
        "dps310" => &[0x77, 0x76],
        "tmp105" => &[0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f],
        "sht4x" => &[0x44, 0x45, 0x46],
        "adxl355" => &[0x1d, 0x53],
        _ => &[0x69],
    }
}

/// How often each part has something new, in seconds; asked more often it is not ready.
pub(super) fn shortest_interval_s(table: &str) -> f64 {
    match table {
        // It is set to measure pressure and temperature twice a second each.
        "dps310" => 0.5,
        // Its own cycle.
        "sen5x" => 1.0,
        _ => 0.05,
    }
}
