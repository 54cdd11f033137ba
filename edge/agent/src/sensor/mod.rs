//! A part with its driver, and what one reading of it is.

mod accelerometer;
mod barometer;
mod care;
mod failure;
mod loops;
mod rain;
mod sensirion;
mod thermometer;
mod ultrasonic;

use std::collections::HashMap;

use tram_node::Measured;
use tram_wire::{Fixed, MilliCelsius, Tests, UptimeMicros};

use crate::{
    config::{Config, Parts},
    hal::{Again, Backend, Edges, HalError, I2cBus, Input, SharedBus},
};

pub(crate) use care::Care;
pub(crate) use failure::Failure;

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
    /// The part gives nothing.
    Failed(Failure),
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

    /// The part has failed again and again: whatever brings it back to its beginning. Lines and
    /// buses are opened again by themselves.
    fn reset(&mut self) {}

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
    fn bus(&mut self, number: u8) -> SharedBus {
        if let Some(bus) = self.buses.get(&number) {
            return bus.clone();
        }
        let mut twin = self.backend.twin();
        let again: Again<I2cBus> =
            Again::new(&format!("I2C bus {number}"), move || twin.i2c(number));
        let bus = SharedBus::new(Box::new(again));
        self.buses.insert(number, bus.clone());
        bus
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

/// Opens every part of the station, in the order in which its channels are listed. A bus or line
/// that cannot be opened is said and tried again when its part is due: the others go on without it.
pub(crate) fn mount(config: &Config, backend: &mut dyn Backend) -> Vec<Mounted> {
    let mut shop = Workshop { backend, buses: HashMap::new(), mounted: Vec::new() };
    for p in &config.dps310 {
        let bus = shop.bus(p.bus);
        shop.mount(p, barometer::Barometer::new(bus, p));
    }
    for p in &config.tmp105 {
        let bus = shop.bus(p.bus);
        shop.mount(p, thermometer::Thermometer::new(bus, p));
    }
    for p in &config.sht4x {
        let bus = shop.bus(p.bus);
        let delay = shop.backend.delay();
        shop.mount(p, sensirion::Hygrometer::new(bus, delay, p));
    }
    for p in &config.sen5x {
        let bus = shop.bus(p.bus);
        let delay = shop.backend.delay();
        shop.mount(p, sensirion::DustMeter::new(bus, delay));
    }
    for p in &config.adxl355 {
        let bus = shop.bus(p.bus);
        shop.mount(p, accelerometer::Inclinometer::new(bus, p));
    }
    for p in &config.rain_gauge {
        let source = rain::Gauge::open(shop.backend, p);
        shop.mount(p, source);
    }
    for p in &config.dual_loop {
        let source = loops::Lane::open(shop.backend, p);
        shop.mount(p, source);
    }
    for p in &config.ultrasonic {
        let source = ultrasonic::Gauge::open(shop.backend, p);
        shop.mount(p, source);
        if let Some(last) = shop.mounted.last_mut() {
            last.air_from = p.air_temperature_from;
        }
    }
    shop.mounted
}

/// The edges of a line that may not be there yet.
fn edges(backend: &dyn Backend, who: &str, input: Input) -> Edges {
    let mut twin = backend.twin();
    let again: Again<Edges> = Again::new(who, move || twin.edges(input));
    Box::new(again)
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
fn attempt<D, T>(
    driver: &mut D,
    ask: Ask,
    read: impl Fn(&mut D) -> Result<T, tram_drivers::Error<HalError>>,
    init: impl Fn(&mut D) -> Result<(), tram_drivers::Error<HalError>>,
) -> Result<T, Reading> {
    use tram_drivers::Error;
    let wait = |e: Error<HalError>| {
        if ask.last_chance { Reading::Failed(e.into()) } else { Reading::Later }
    };
    match read(driver) {
        Ok(value) => Ok(value),
        Err(e @ Error::NotReady) => Err(wait(e)),
        Err(e @ Error::Reset) => match init(driver) {
            Ok(()) | Err(Error::NotReady) => Err(wait(e)),
            Err(other) => Err(Reading::Failed(other.into())),
        },
        Err(other) => Err(Reading::Failed(other.into())),
    }
}
