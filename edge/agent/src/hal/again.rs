//! What can be unplugged while the station runs: opened when it is there, and again after it failed.

use embedded_hal::i2c::{ErrorType, I2c, Operation};
use tracing::warn;
use tram_drivers::{Edge, EdgeSource};

use super::{Edges, HalError, I2cBus, Serial};

/// A bus or line that is opened again after it failed.
pub(crate) struct Again<T> {
    open: Box<dyn FnMut() -> Result<T, HalError> + Send>,
    now: Option<T>,
}

impl<T> Again<T> {
    /// Tries to open it. That it is not there is said, and no reason not to start: the others can
    /// be read all the same.
    pub(crate) fn new(
        who: &str,
        mut open: impl FnMut() -> Result<T, HalError> + Send + 'static,
    ) -> Self {
        let now =
            open().inspect_err(|e| warn!("{who}: {e}; it is tried again until it is there")).ok();
        Self { open: Box::new(open), now }
    }

    /// Uses it, and lets go of it when it fails in another way than a part that does not answer.
    fn with<R>(
        &mut self,
        use_it: impl FnOnce(&mut T) -> Result<R, HalError>,
    ) -> Result<R, HalError> {
        let line = match &mut self.now {
            Some(line) => line,
            gone => gone.insert((self.open)()?),
        };
        let done = use_it(line);
        if matches!(done, Err(HalError::Bus(_) | HalError::Open(_))) {
            self.now = None;
        }
        done
    }
}

impl ErrorType for Again<I2cBus> {
    type Error = HalError;
}

impl I2c for Again<I2cBus> {
    fn transaction(&mut self, address: u8, ops: &mut [Operation<'_>]) -> Result<(), HalError> {
        self.with(|bus| bus.transaction(address, ops))
    }
}

impl Serial for Again<Box<dyn Serial>> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, HalError> {
        self.with(|line| line.read(buf))
    }

    fn write(&mut self, byte: u8) -> Result<(), HalError> {
        self.with(|line| line.write(byte))
    }
}

impl EdgeSource for Again<Edges> {
    type Error = HalError;

    fn next_edge(&mut self) -> Result<Option<Edge>, HalError> {
        self.with(|line| line.next_edge())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    /// A line that gives one byte and is unplugged.
    struct Once(bool);

    impl Serial for Once {
        fn read(&mut self, _: &mut [u8]) -> Result<usize, HalError> {
            if std::mem::replace(&mut self.0, true) { Err(HalError::bus("gone")) } else { Ok(1) }
        }
        fn write(&mut self, _: u8) -> Result<(), HalError> {
            Err(HalError::NoAnswer)
        }
    }

    #[test]
    fn a_line_that_is_unplugged_is_opened_again_once_it_is_back() {
        let opened = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&opened);
        let mut line: Again<Box<dyn Serial>> = Again::new("a gauge", move || {
            match count.fetch_add(1, Ordering::Relaxed) {
                // Not there at the start, and not at once after it was unplugged.
                0 | 2 => Err(HalError::open("/dev/ttyUSB0", "no such device")),
                _ => Ok(Box::new(Once(false)) as Box<dyn Serial>),
            }
        });
        let mut read = || line.read(&mut [0; 8]);
        assert_eq!(read(), Ok(1));
        assert_eq!(read(), Err(HalError::bus("gone")));
        assert!(matches!(read(), Err(HalError::Open(_))));
        assert_eq!(read(), Ok(1));
        assert_eq!(line.write(1), Err(HalError::NoAnswer));
        assert_eq!(opened.load(Ordering::Relaxed), 4, "a part that does not answer is no reason");
    }
}
