//! The hardware a station is wired to, behind one face with three backends: a Raspberry Pi
//! (`rppal`), any Linux machine with character devices (`linux`), and emulated parts
//! (`emulator`).
//!
//! Everything here is opened once, at start, and used from the sampling thread only.

mod again;
mod edges;
mod emulated;
mod linux;
mod rppal;
mod serial;
mod shared_bus;

use std::fmt;

use embedded_hal::{delay::DelayNs, digital, i2c};
use tram_drivers::EdgeSource;
use tram_wire::UptimeMicros;

pub(crate) use again::Again;
pub(crate) use emulated::{Emulated, range};
pub(crate) use linux::Linux;
pub(crate) use rppal::RaspberryPi;
pub(crate) use shared_bus::SharedBus;

use crate::config::Pull;

/// An I²C bus of whichever backend.
pub(crate) type I2cBus = Box<dyn i2c::I2c<Error = HalError> + Send>;
/// Where the edges of one line come from.
pub(crate) type Edges = Box<dyn EdgeSource<Error = HalError> + Send>;
/// A line that is driven.
pub(crate) type Output = Box<dyn digital::OutputPin<Error = HalError> + Send>;

/// How a driver waits.
pub(crate) struct Delay(Box<dyn DelayNs + Send>);

impl Delay {
    fn new(inner: impl DelayNs + Send + 'static) -> Self {
        Self(Box::new(inner))
    }
}

impl DelayNs for Delay {
    fn delay_ns(&mut self, ns: u32) {
        self.0.delay_ns(ns);
    }
}

/// A serial line that never waits.
pub(crate) trait Serial: Send {
    /// Takes what has arrived, up to the length of `buf`; 0 when nothing has.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, HalError>;
    /// Sends one byte.
    fn write(&mut self, byte: u8) -> Result<(), HalError>;
}

/// How an input line is wired.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input {
    pub(crate) pin: u32,
    /// The line is low while the contact is closed.
    pub(crate) active_low: bool,
    pub(crate) pull: Pull,
}

/// What a backend can open.
pub(crate) trait Backend: Send {
    /// I²C bus number `bus`: `/dev/i2c-{bus}`.
    fn i2c(&mut self, bus: u8) -> Result<I2cBus, HalError>;
    /// A serial line by its device.
    fn serial(&mut self, port: &str, baud: u32) -> Result<Box<dyn Serial>, HalError>;
    /// The edges of an input line.
    fn edges(&mut self, input: Input) -> Result<Edges, HalError>;
    /// An output line, inactive at first.
    fn output(&mut self, pin: u32, active_low: bool) -> Result<Output, HalError>;
    /// Another one of the same machine, for what has to be opened again later.
    fn twin(&self) -> Box<dyn Backend>;
    /// What a driver waits with while a part converts.
    fn delay(&self) -> Delay {
        Delay::new(Sleep)
    }
    /// Called before the parts are looked at; real parts know themselves what time it is.
    fn tick(&mut self, _now: UptimeMicros) {}
}

/// Waits by sleeping.
struct Sleep;

impl DelayNs for Sleep {
    fn delay_ns(&mut self, ns: u32) {
        std::thread::sleep(std::time::Duration::from_nanos(u64::from(ns)));
    }
}

/// What went wrong with the hardware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HalError {
    /// It cannot be opened; the text says what and why.
    Open(String),
    /// A transfer failed; the part did not answer.
    NoAnswer,
    /// A transfer failed in another way.
    Bus(String),
}

impl HalError {
    pub(crate) fn open(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::Open(format!("{what} cannot be opened: {why}"))
    }

    pub(crate) fn bus(why: impl fmt::Display) -> Self {
        Self::Bus(why.to_string())
    }
}

impl fmt::Display for HalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(text) | Self::Bus(text) => f.write_str(text),
            Self::NoAnswer => f.write_str("nothing answers at this address"),
        }
    }
}

impl std::error::Error for HalError {}

impl i2c::Error for HalError {
    fn kind(&self) -> i2c::ErrorKind {
        match self {
            Self::NoAnswer => i2c::ErrorKind::NoAcknowledge(i2c::NoAcknowledgeSource::Unknown),
            Self::Open(_) | Self::Bus(_) => i2c::ErrorKind::Other,
        }
    }
}

impl digital::Error for HalError {
    fn kind(&self) -> digital::ErrorKind {
        digital::ErrorKind::Other
    }
}
