//! Several parts on one bus.

use std::sync::{Arc, Mutex, PoisonError};

use embedded_hal::i2c::{ErrorType, I2c, Operation};

use super::{HalError, I2cBus};

/// A handle of a bus that other parts hang on as well.
#[derive(Clone)]
pub(crate) struct SharedBus(Arc<Mutex<I2cBus>>);

impl SharedBus {
    pub(crate) fn new(bus: I2cBus) -> Self {
        Self(Arc::new(Mutex::new(bus)))
    }
}

impl ErrorType for SharedBus {
    type Error = HalError;
}

impl I2c for SharedBus {
    fn transaction(&mut self, address: u8, ops: &mut [Operation<'_>]) -> Result<(), HalError> {
        // A bus has no state that a panic in the middle of a transfer could leave half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).transaction(address, ops)
    }
}
