//! A serial line through the kernel's terminal device, raw and without waiting.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
};

use rustix::termios::{ControlModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

use super::{HalError, Serial};

/// `O_NONBLOCK` and `O_NOCTTY` of Linux.
const OPEN_FLAGS: i32 = 0o4000 | 0o400;

/// A terminal device.
pub(crate) struct Tty {
    file: File,
}

impl Tty {
    /// Opens a line with eight data bits, no parity, one stop bit.
    pub(crate) fn open(port: &str, baud: u32) -> Result<Self, HalError> {
        let what = format!("serial line {port}");
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(OPEN_FLAGS)
            .open(port)
            .map_err(|e| HalError::open(&what, e))?;
        let mut modes = tcgetattr(&file).map_err(|e| HalError::open(&what, e))?;
        modes.make_raw();
        modes.control_modes.remove(ControlModes::CSTOPB | ControlModes::CRTSCTS);
        modes.control_modes.insert(ControlModes::CLOCAL | ControlModes::CREAD);
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        modes.set_speed(baud).map_err(|e| HalError::open(&what, e))?;
        tcsetattr(&file, OptionalActions::Flush, &modes).map_err(|e| HalError::open(&what, e))?;
        Ok(Self { file })
    }
}

impl Serial for Tty {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, HalError> {
        match self.file.read(buf) {
            Ok(n) => Ok(n),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(e) => Err(HalError::bus(e)),
        }
    }

    fn write(&mut self, byte: u8) -> Result<(), HalError> {
        self.file.write_all(&[byte]).map_err(HalError::bus)
    }
}
