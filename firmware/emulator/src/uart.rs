//! A serial line with a part at its other end.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
};

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};

use crate::board::{Inner, locked};

/// The most bytes that wait to be read, as in a kernel's terminal; further ones are lost.
pub const MAX_UART_BYTES: usize = 4_096;

/// Why nothing could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UartError {
    /// No byte has come. A real line would wait; here time stands still until
    /// [`Board::advance`](crate::Board::advance), so ask [`ReadReady`] first.
    Empty,
}

impl fmt::Display for UartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no byte has come")
    }
}

impl std::error::Error for UartError {}

impl embedded_io::Error for UartError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::TimedOut
    }
}

/// A station's serial line. Clones share it.
#[derive(Debug, Clone)]
pub struct Uart {
    pub(crate) inner: Arc<Mutex<Inner>>,
    pub(crate) uart: u8,
}

impl ErrorType for Uart {
    type Error = UartError;
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, UartError> {
        let mut inner = locked(&self.inner);
        Ok(inner.serial(self.uart).is_some_and(|(part, now)| part.sent.ready(now)))
    }
}

impl Read for Uart {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, UartError> {
        let mut inner = locked(&self.inner);
        let (part, now) = inner.serial(self.uart).ok_or(UartError::Empty)?;
        let mut read = 0;
        for slot in out.iter_mut() {
            let Some(byte) = part.sent.pop(now) else { break };
            *slot = byte;
            read += 1;
        }
        if read == 0 && !out.is_empty() { Err(UartError::Empty) } else { Ok(read) }
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, UartError> {
        let mut inner = locked(&self.inner);
        for byte in bytes {
            inner.serial_write(self.uart, *byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), UartError> {
        Ok(())
    }
}

/// Bytes on their way to the program, each with the time at which its stop bit has passed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    bytes: VecDeque<(u64, u8)>,
}

/// Ten bits at 9600 baud.
const BYTE_US: u64 = 1_042;

impl Sent {
    /// Sends bytes one after the other from `at` on.
    pub(crate) fn send(&mut self, at: u64, bytes: &[u8]) {
        let mut at = at;
        for byte in bytes {
            at += BYTE_US;
            if self.bytes.len() < MAX_UART_BYTES {
                self.bytes.push_back((at, *byte));
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    fn ready(&self, now: u64) -> bool {
        self.bytes.front().is_some_and(|(at, _)| *at <= now)
    }

    fn pop(&mut self, now: u64) -> Option<u8> {
        self.ready(now).then(|| self.bytes.pop_front()).flatten().map(|(_, byte)| byte)
    }
}
