//! A part with its driver, and what one reading of it is.

mod accelerometer;
mod barometer;
mod loops;
mod rain;
mod sensirion;
mod thermometer;
mod ultrasonic;

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use tram_node::Measured;
use tram_wire::{Fixed, MilliCelsius, Tests, UptimeMicros};

use crate::{
    config::{Config, Parts},
    hal::{Backend, HalError, SharedBus},
};

/// The values of one reading, by the keys of the part's table.
pub(crate) type Values = Vec<(&'static str, Measured<i64>)>;

/// What a part needs to know when it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) uptime: UptimeMicros,
    /// There will be no other attempt for this reading.
    pub(crate) last_chance: bool,
    /// Temperature of the air, for a part that has to be corrected with it.
    pub(crate) air: Option<MilliCelsius>,
}

/// What came of an attempt.
#[derive(Debug)]
pub(crate) enum Reading {
    /// Not yet; ask again soon.
    Later,
    /// Here it is.
    Values(Values),
    /// The part gives nothing; the sentence says why.
    Failed(String),
}

/// A part that can be read.
pub(crate) trait Source: Send {
    /// Takes what lines brought since the last call.
    ///
    /// # Errors
    /// When a line cannot be read.
    fn poll(&mut self, _now: UptimeMicros) -> Result<(), HalError> {
        Ok(())
    }

    /// A reading is due from now on.
    fn begin(&mut self) {}

    /// Tries to finish it.
    fn read(&mut self, ask: Ask) -> Reading;

    /// Whether [`poll`](Self::poll) has to be called all the time.
    fn streams(&self) -> bool {
        false
    }
}

/// A part of the station.
pub(crate) struct Mounted {
    pub(crate) source: Box<dyn Source>,
    /// Its name and place.
    pub(crate) place: String,
    pub(crate) interval_s: f64,
    /// The named channels by their keys, in the order of the station's channels.
    pub(crate) keys: Vec<&'static str>,
    /// The channel that gives the air temperature, if it needs one.
    pub(crate) air_from: Option<tram_wire::ChannelName>,
}

/// Opens buses once and hands them to the parts on them.
struct Workshop<'a> {
    backend: &'a mut dyn Backend,
    buses: HashMap<u8, SharedBus>,
    mounted: Vec<Mounted>,
}

impl Workshop<'_> {
    fn bus(&mut self, number: u8) -> Result<SharedBus, HalError> {
        if let Some(bus) = self.buses.get(&number) {
            return Ok(bus.clone());
        }
        let bus = SharedBus::new(self.backend.i2c(number)?);
        self.buses.insert(number, bus.clone());
        Ok(bus)
    }

    fn mount<P: Parts>(&mut self, part: &P, source: impl Source + 'static) {
        self.mounted.push(Mounted {
            source: Box::new(source),
            place: part.place(),
            interval_s: part.interval_s(),
            keys: part.channels().iter().map(|c| c.key).collect(),
            air_from: None,
        });
    }
}

/// Opens every part of the station, in the order in which its channels are listed.
///
/// # Errors
/// When a bus, a line or a pin cannot be opened; a part that does not answer is no error here.
pub(crate) fn mount(config: &Config, backend: &mut dyn Backend) -> Result<Vec<Mounted>> {
    let mut shop = Workshop { backend, buses: HashMap::new(), mounted: Vec::new() };
    for p in &config.dps310 {
        let bus = shop.bus(p.bus).with_context(|| format!("for {}", p.place()))?;
        shop.mount(p, barometer::Barometer::new(bus, p));
    }
    for p in &config.tmp105 {
        let bus = shop.bus(p.bus).with_context(|| format!("for {}", p.place()))?;
        shop.mount(p, thermometer::Thermometer::new(bus, p));
    }
    for p in &config.sht4x {
        let bus = shop.bus(p.bus).with_context(|| format!("for {}", p.place()))?;
        let delay = shop.backend.delay();
        shop.mount(p, sensirion::Hygrometer::new(bus, delay, p));
    }
    for p in &config.sen5x {
        let bus = shop.bus(p.bus).with_context(|| format!("for {}", p.place()))?;
        let delay = shop.backend.delay();
        shop.mount(p, sensirion::DustMeter::new(bus, delay));
    }
    for p in &config.adxl355 {
        let bus = shop.bus(p.bus).with_context(|| format!("for {}", p.place()))?;
        shop.mount(p, accelerometer::Inclinometer::new(bus, p));
    }
    for p in &config.rain_gauge {
        let source = rain::Gauge::open(shop.backend, p).with_context(|| p.place())?;
        shop.mount(p, source);
    }
    for p in &config.dual_loop {
        let source = loops::Lane::open(shop.backend, p).with_context(|| p.place())?;
        shop.mount(p, source);
    }
    for p in &config.ultrasonic {
        let source = ultrasonic::Gauge::open(shop.backend, p).with_context(|| p.place())?;
        shop.mount(p, source);
        if let Some(last) = shop.mounted.last_mut() {
            last.air_from = p.air_temperature_from;
        }
    }
    Ok(shop.mounted)
}

/// A value of a driver, about which nothing is wrong.
fn good<T: Fixed>(key: &'static str, value: T) -> (&'static str, Measured<i64>) {
    (key, Measured::good(value.raw()))
}

/// A value of a meter with its quality.
fn raw<T: Fixed>(key: &'static str, m: Measured<T>) -> (&'static str, Measured<i64>) {
    (key, Measured { value: m.value.map(Fixed::raw), quality: m.quality })
}

/// No value.
fn missing(key: &'static str) -> (&'static str, Measured<i64>) {
    (key, Measured::missing(Tests::SENSOR_ERROR))
}

/// One attempt with an I²C driver of `tram-drivers`: waits while the part converts, sets it up
/// again when it has lost its settings.
fn attempt<D, T, E: std::fmt::Debug>(
    driver: &mut D,
    ask: Ask,
    read: impl Fn(&mut D) -> Result<T, tram_drivers::Error<E>>,
    init: impl Fn(&mut D) -> Result<(), tram_drivers::Error<E>>,
) -> Result<T, Reading> {
    use tram_drivers::Error;
    let wait = |e: Error<E>| {
        if ask.last_chance { Reading::Failed(e.to_string()) } else { Reading::Later }
    };
    match read(driver) {
        Ok(value) => Ok(value),
        Err(e @ Error::NotReady) => Err(wait(e)),
        Err(e @ Error::Reset) => match init(driver) {
            Ok(()) | Err(Error::NotReady) => Err(wait(e)),
            Err(other) => Err(Reading::Failed(other.to_string())),
        },
        Err(other) => Err(Reading::Failed(other.to_string())),
    }
}
