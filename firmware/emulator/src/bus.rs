//! An I²C bus with parts on it, which knows START, repeated START and STOP.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use embedded_hal::i2c::{self, ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};

use crate::{
    board::{Inner, locked},
    sense::Sense,
};

/// The most events that [`Board::bus_events`](crate::Board::bus_events) remembers; older ones are
/// forgotten.
pub const MAX_BUS_EVENTS: usize = 1_024;

/// A part on the bus, byte by byte.
pub(crate) trait Device: Send + fmt::Debug {
    /// Comes up to date with the world. Called before each transaction.
    fn sense(&mut self, sense: &Sense<'_>);
    /// The part's address after a START or repeated START; `false` does not acknowledge.
    fn start(&mut self, read: bool) -> bool;
    /// A byte from the controller; `false` does not acknowledge.
    fn write(&mut self, byte: u8) -> bool;
    /// A byte to the controller.
    fn read(&mut self) -> u8;
    /// The end of a transaction.
    fn stop(&mut self);
    /// The supply comes (back) on.
    fn power_on(&mut self, now: u64);
}

/// What was seen on the wires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusEvent {
    /// START and an address.
    Start {
        /// 7-bit address.
        address: u8,
        /// Whether the controller wants to read.
        read: bool,
    },
    /// Another START without a STOP before it.
    RepeatedStart {
        /// 7-bit address.
        address: u8,
        /// Whether the controller wants to read.
        read: bool,
    },
    /// Somebody did not acknowledge.
    Nack,
    /// STOP.
    Stop,
}

/// Why a transaction failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusError {
    /// Nobody has this address, or the part is busy.
    NoAddress,
    /// The part did not take a byte.
    NoData,
    /// SDA is held low.
    Stuck,
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "nobody acknowledged the address",
            Self::NoData => "the part did not acknowledge a byte",
            Self::Stuck => "the data line is held low",
        })
    }
}

impl std::error::Error for BusError {}

impl i2c::Error for BusError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAddress => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            Self::NoData => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data),
            Self::Stuck => ErrorKind::Bus,
        }
    }
}

/// One of a station's I²C buses. Clones share it, so every driver can own one.
#[derive(Debug, Clone)]
pub struct Bus {
    pub(crate) inner: Arc<Mutex<Inner>>,
    pub(crate) number: u8,
}

impl ErrorType for Bus {
    type Error = BusError;
}

impl I2c for Bus {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        locked(&self.inner).transaction(self.number, address, operations)
    }
}

/// One transaction with one part: START, the operations with a repeated START at each change of
/// direction, STOP. What happens on the wires is told to `seen`.
pub(crate) fn transact(
    device: &mut dyn Device,
    short_read: Option<usize>,
    address: u8,
    operations: &mut [Operation<'_>],
    seen: &mut impl FnMut(BusEvent),
) -> Result<(), BusError> {
    let mut direction = None;
    let mut left = short_read.unwrap_or(usize::MAX);
    let mut result = Ok(());
    for operation in operations {
        let read = matches!(operation, Operation::Read(_));
        if direction != Some(read) {
            seen(match direction {
                None => BusEvent::Start { address, read },
                Some(_) => BusEvent::RepeatedStart { address, read },
            });
            direction = Some(read);
            if !device.start(read) {
                result = Err(BusError::NoAddress);
                break;
            }
        }
        match operation {
            Operation::Write(bytes) => {
                if !bytes.iter().all(|b| device.write(*b)) {
                    result = Err(BusError::NoData);
                    break;
                }
            }
            Operation::Read(out) => {
                for byte in out.iter_mut() {
                    *byte = if left == 0 { 0xff } else { device.read() };
                    left = left.saturating_sub(1);
                }
            }
        }
    }
    if result.is_err() {
        seen(BusEvent::Nack);
    }
    device.stop();
    seen(BusEvent::Stop);
    result
}
