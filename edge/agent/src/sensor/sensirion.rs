//! SHT4x and SEN5x, read with the crates of those names.

use sen5x::Sen5x;
use sht4x::{Address, Precision, Sht4x};
use tram_node::Measured;
use tram_wire::{DeciMicrogramPerCubicMetre, MilliCelsius, MilliPercentRh, SensorErrorKind};

use super::{Ask, Failure, Reading, Source, good, missing};
use crate::{
    config,
    hal::{Delay, SharedBus},
};

/// What a SEN5x says as long as it does not know.
const UNKNOWN: u16 = 0xffff;
const UNKNOWN_SIGNED: i16 = 0x7fff;

/// Temperature and humidity of the air.
pub(super) struct Hygrometer {
    driver: Sht4x<SharedBus, Delay>,
    delay: Delay,
}

impl Hygrometer {
    pub(super) fn new(bus: SharedBus, delay: Delay, p: &config::Sht4x) -> Self {
        let address = match p.address {
            0x45 => Address::Address0x45,
            0x46 => Address::Address0x46,
            _ => Address::Address0x44,
        };
        Self { driver: Sht4x::new_with_address(bus, address), delay }
    }
}

impl Source for Hygrometer {
    fn read(&mut self, _ask: Ask) -> Reading {
        match self.driver.measure_raw(Precision::High, &mut self.delay) {
            Ok(raw) => Reading::Values(vec![
                good("temperature", celsius(raw.temperature)),
                good("humidity", relative_humidity(raw.humidity)),
            ]),
            Err(e) => Reading::Failed(e.into()),
        }
    }

    fn reset(&mut self) {
        // When it fails, the next reading says so.
        let _ = self.driver.soft_reset(&mut self.delay);
    }
}

/// `T = −45 + 175·S/65535` °C (SHT4x data sheet §4.6), to the nearest thousandth; the crate's own
/// conversion is some thousandths off.
fn celsius(signal: u16) -> MilliCelsius {
    MilliCelsius(scaled(signal, 175_000) - 45_000)
}

/// `RH = −6 + 125·S/65535` %, cropped to 0 to 100 as §4.6 says.
fn relative_humidity(signal: u16) -> MilliPercentRh {
    MilliPercentRh((scaled(signal, 125_000) - 6_000).clamp(0, 100_000))
}

fn scaled(signal: u16, span: i64) -> i32 {
    let scaled = (i64::from(signal) * span + 32_767) / 65_535;
    // At most 175 000.
    i32::try_from(scaled).unwrap_or(i32::MAX)
}

/// Particulate matter, and the air it is in.
pub(super) struct DustMeter {
    driver: Sen5x<SharedBus, Delay>,
    running: bool,
}

impl DustMeter {
    pub(super) fn new(bus: SharedBus, delay: Delay) -> Self {
        Self { driver: Sen5x::new(bus, delay), running: false }
    }

    fn try_read(
        &mut self,
    ) -> Result<Option<sen5x::types::RawSensorData>, sen5x::Error<crate::hal::HalError>> {
        if !self.running {
            self.driver.start_measurement()?;
            self.running = true;
            return Ok(None);
        }
        if !self.driver.data_ready()? {
            return Ok(None);
        }
        self.driver.read_measured_values_as_integers().map(Some)
    }
}

impl Source for DustMeter {
    fn read(&mut self, ask: Ask) -> Reading {
        match self.try_read() {
            Ok(Some(raw)) => Reading::Values(vec![
                dust("pm1", raw.mass_concentration_pm1p0),
                dust("pm2_5", raw.mass_concentration_pm2p5),
                dust("pm4", raw.mass_concentration_pm4p0),
                dust("pm10", raw.mass_concentration_pm10p0),
                known("temperature", raw.ambient_temperature, |t| good("", MilliCelsius(t * 5))),
                known("humidity", raw.ambient_humidity, |h| good("", MilliPercentRh(h * 10))),
            ]),
            Ok(None) if ask.last_chance => {
                // A part that was reset stands still: the next reading starts it again.
                self.running = false;
                let why = "the part has no new values";
                Reading::Failed(Failure::new(SensorErrorKind::NotReady, why))
            }
            Ok(None) => Reading::Later,
            Err(e) => {
                self.running = false;
                Reading::Failed(e.into())
            }
        }
    }

    fn reset(&mut self) {
        self.running = false;
        // When it fails, the next reading says so.
        let _ = self.driver.device_reset();
    }
}

fn dust(key: &'static str, tenths: u16) -> (&'static str, Measured<i64>) {
    if tenths == UNKNOWN {
        return missing(key);
    }
    good(key, DeciMicrogramPerCubicMetre(i32::from(tenths)))
}

fn known(
    key: &'static str,
    ticks: i16,
    value: impl Fn(i32) -> (&'static str, Measured<i64>),
) -> (&'static str, Measured<i64>) {
    if ticks == UNKNOWN_SIGNED { missing(key) } else { (key, value(i32::from(ticks)).1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_datasheets_ends_and_middle_are_exact() {
        assert_eq!(celsius(0), MilliCelsius(-45_000));
        assert_eq!(celsius(0xffff), MilliCelsius(130_000));
        // 65535·70/175 is 26214, which is 25 °C.
        assert_eq!(celsius(26_214), MilliCelsius(25_000));
        assert_eq!(relative_humidity(0), MilliPercentRh(0));
        assert_eq!(relative_humidity(0xffff), MilliPercentRh(100_000));
        // 65535·56/125 is 29359.68; the nearest signal is 49.9997 %… rounded 50.001 %.
        assert_eq!(relative_humidity(29_360), MilliPercentRh(50_001));
    }
}
