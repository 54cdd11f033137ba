//! Whether a node is connected, and how it is.

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::{
    Health, WIRE_VERSION,
    cbor::{DecodeError, finish, message, version},
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

/// A retained message: the node's own when it connects, now and again while it is connected, and
/// when it stops; its will when it vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// Connected or not.
    pub state: StatusState,
    /// Random number of the boot that says so: the will of an old boot does not take a new one
    /// off line.
    pub boot: u32,
    /// How the node is; its will cannot know.
    pub health: Option<Health>,
}

impl Status {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        message(|e| {
            e.array(if self.health.is_some() { 4 } else { 3 })?;
            e.u8(WIRE_VERSION)?.u8(self.state as u8)?.u32(self.boot)?;
            self.health.map_or(Ok(()), |health| health.put(e))
        })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a status.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut d = Decoder::new(bytes);
        let fields = d.array()?.filter(|n| (3..=4).contains(n)).ok_or(DecodeError::Malformed)?;
        version(&mut d)?;
        let state = match d.u8()? {
            0 => StatusState::Offline,
            1 => StatusState::Online,
            _ => return Err(DecodeError::Value("state")),
        };
        let boot = d.u32()?;
        let health = if fields == 4 { Some(Health::take(&mut d)?) } else { None };
        finish(&d)?;
        Ok(Self { state, boot, health })
    }
}
