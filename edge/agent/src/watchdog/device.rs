//! The machine's own watchdog through the kernel (`Documentation/watchdog/watchdog-api.rst`): once
//! opened, it starts the machine anew unless something is written to it in time.
//!
//! Its patience is taken as it is (15 s on a Raspberry Pi): to change it would need an ioctl, and
//! with it unsafe code, for nothing that a shorter interval of feeding does not give.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use tracing::warn;

/// The device, armed.
#[derive(Debug)]
pub(super) struct Device {
    file: File,
    complained: bool,
}

impl Device {
    /// Opens and with that arms it.
    ///
    /// # Errors
    /// As the system says: it is not there, somebody else has it, or this user may not.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::options().write(true).open(path)?, complained: false })
    }

    /// Feeds it.
    pub(super) fn feed(&mut self) {
        if let Err(e) = self.file.write_all(b".")
            && !std::mem::replace(&mut self.complained, true)
        {
            warn!("the machine's watchdog cannot be fed: {e}");
        }
    }

    /// Disarms it, for an orderly stop: the letter that the kernel calls the magic close.
    pub(super) fn disarm(mut self) {
        if let Err(e) = self.file.write_all(b"V") {
            warn!("the machine's watchdog cannot be disarmed: {e}");
        }
    }
}
