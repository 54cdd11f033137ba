//! What the centre asks of a node.

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::{
    WIRE_VERSION,
    cbor::{DecodeError, finish, message, open_array, version},
};

/// A request to one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Command {
    /// Send the birth message again: the centre has none of the spool it received a batch of, or
    /// needs the clock's offset.
    Rebirth = 1,
}

impl Command {
    /// The message's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        message(|e| {
            e.array(2)?.u8(WIRE_VERSION)?.u8(self as u8)?;
            Ok(())
        })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a command known here.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut d = Decoder::new(bytes);
        open_array(&mut d, 2)?;
        version(&mut d)?;
        let command = match d.u8()? {
            1 => Self::Rebirth,
            _ => return Err(DecodeError::Value("command")),
        };
        finish(&d)?;
        Ok(command)
    }
}
