//! What parts measure: their channels, as the file names them.

use tram_wire::{ChannelName, Quantity};

use super::parts::{Adxl355, Dps310, DualLoop, RainGauge, Sen5x, Sht4x, Tmp105, Ultrasonic};

/// One channel of one part, as the file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: ChannelName,
    pub(crate) quantity: Quantity,
    /// The key that names it, such as `pressure`.
    pub(crate) key: &'static str,
}

/// What every part has in common.
pub(crate) trait Parts {
    /// The table's name in the file.
    const TABLE: &'static str;
    /// How often it is read, in seconds.
    fn interval_s(&self) -> f64;
    /// The channels that are named.
    fn channels(&self) -> Vec<Named>;
    /// The part and its place, such as `dps310 i2c-1 0x77`.
    fn place(&self) -> String;
}

fn named<const N: usize>(all: [(&'static str, Option<ChannelName>, Quantity); N]) -> Vec<Named> {
    let some = all
        .into_iter()
        .filter_map(|(key, name, quantity)| name.map(|name| Named { name, quantity, key }));
    some.collect()
}

macro_rules! part {
    ($part:ident $table:literal, |$p:ident| $place:expr, $($key:ident: $channel:expr => $q:ident,)*) => {
        impl Parts for $part {
            const TABLE: &'static str = $table;
            fn interval_s(&self) -> f64 {
                self.interval_s
            }
            fn channels(&self) -> Vec<Named> {
                let $p = self;
                named([$((stringify!($key), $channel, Quantity::$q),)*])
            }
            fn place(&self) -> String {
                let $p = self;
                $place
            }
        }
    };
}

part! { Dps310 "dps310", |p| format!("dps310 i2c-{} {:#04x}", p.bus, p.address),
    pressure: p.pressure => Pressure,
    temperature: p.temperature => Temperature,
}
part! { Tmp105 "tmp105", |p| format!("tmp105 i2c-{} {:#04x}", p.bus, p.address),
    temperature: Some(p.temperature) => Temperature,
}
part! { Sht4x "sht4x", |p| format!("sht4x i2c-{} {:#04x}", p.bus, p.address),
    temperature: p.temperature => Temperature,
    humidity: p.humidity => Humidity,
}
part! { Sen5x "sen5x", |p| format!("sen5x i2c-{} 0x69", p.bus),
    pm1: p.pm1 => Pm1,
    pm2_5: p.pm2_5 => Pm25,
    pm4: p.pm4 => Pm4,
    pm10: p.pm10 => Pm10,
    temperature: p.temperature => Temperature,
    humidity: p.humidity => Humidity,
}
part! { Adxl355 "adxl355", |p| format!("adxl355 i2c-{} {:#04x}", p.bus, p.address),
    tilt_x: p.tilt_x => Tilt,
    tilt_y: p.tilt_y => Tilt,
}
part! { RainGauge "rain_gauge", |p| format!("tipping bucket pin {}", p.pin),
    rain: p.rain => Rain,
    intensity: p.intensity => RainIntensity,
}
part! { DualLoop "dual_loop", |p| format!("dual loop pins {} {}", p.first_pin, p.second_pin),
    count: p.count => VehicleCount,
    speed: p.speed => VehicleSpeed,
    occupancy: p.occupancy => Occupancy,
}
part! { Ultrasonic "ultrasonic", |p| format!("ultrasonic {}", p.port),
    water_level: Some(p.water_level) => WaterLevel,
}

/// The part that measures a channel, by its place, and the key that names the channel.
pub(crate) fn part_and_key(
    config: &super::Config,
    channel: &str,
) -> Option<(String, &'static str)> {
    fn of<P: Parts>(parts: &[P], channel: &str) -> Option<(String, &'static str)> {
        parts.iter().find_map(|p| {
            let named = p.channels().into_iter().find(|c| c.name.as_str() == channel)?;
            Some((p.place(), named.key))
        })
    }
    of(&config.dps310, channel)
        .or_else(|| of(&config.tmp105, channel))
        .or_else(|| of(&config.sht4x, channel))
        .or_else(|| of(&config.sen5x, channel))
}
