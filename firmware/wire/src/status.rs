//! Whether a node is connected.

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::{
    WIRE_VERSION,
    cbor::{DecodeError, finish, message, open_array, version},
};

/// Connected or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StatusState {
    /// Said by the node's will, by the broker, or by a node that stops in order.
    Offline = 0,
    /// Said by the node after it has connected.
    Online = 1,
}

/// A retained message: the node's own when it connects or stops, its will when it vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// Connected or not.
    pub state: StatusState,
    /// Random number of the boot that says so: the will of an old boot does not take a new one
    /// off line.
    pub boot: u32,
}

impl Status {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        message(|e| {
            e.array(3)?.u8(WIRE_VERSION)?.u8(self.state as u8)?.u32(self.boot)?;
            Ok(())
        })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a status.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut d = Decoder::new(bytes);
        open_array(&mut d, 3)?;
        version(&mut d)?;
        let state = match d.u8()? {
            0 => StatusState::Offline,
            1 => StatusState::Online,
            _ => return Err(DecodeError::Value("state")),
        };
        let boot = d.u32()?;
        finish(&d)?;
        Ok(Self { state, boot })
    }
}
