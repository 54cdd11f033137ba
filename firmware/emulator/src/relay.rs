//! The relay of a siren, which a test can look at.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use embedded_hal::digital::{ErrorType, OutputPin};

use crate::board::{Inner, locked};

/// What a relay has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelayState {
    /// Whether it is pulled now.
    pub on: bool,
    /// How often it has changed.
    pub changes: u64,
    /// When it last changed, in microseconds since the beginning.
    pub changed_at: Option<u64>,
}

impl RelayState {
    pub(crate) fn set(&mut self, on: bool, now: u64) {
        if self.on != on {
            *self = Self { on, changes: self.changes + 1, changed_at: Some(now) };
        }
    }
}

/// An output line of a station. High pulls the relay.
#[derive(Debug, Clone)]
pub struct Output {
    pub(crate) inner: Arc<Mutex<Inner>>,
    pub(crate) line: u32,
}

impl ErrorType for Output {
    type Error = Infallible;
}

impl OutputPin for Output {
    fn set_low(&mut self) -> Result<(), Infallible> {
        locked(&self.inner).set_output(self.line, false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        locked(&self.inner).set_output(self.line, true);
        Ok(())
    }
}
