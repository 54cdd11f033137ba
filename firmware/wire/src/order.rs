//! What the centre orders a node to do, under its signature.

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::{
    NodeId, Text, WIRE_VERSION,
    cbor::{DecodeError, finish, message, open_array, text, version},
};

/// How long a challenge is good for, in seconds on the node's own uptime, which needs no clock to
/// be set.
pub const CHALLENGE_LIVES_S: u32 = 60;
/// The longest a siren can be silenced for, in seconds: an hour.
pub const MAX_SILENCE_S: u32 = 3600;

/// A random number that a node has made up. An order is good only with one that the node gave out
/// in the last [`CHALLENGE_LIVES_S`] seconds of this run and that no order has used: so an order is
/// bound to a moment, whatever the clocks say, and cannot be repeated, not even after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Challenge(pub [u8; 16]);

/// What is to be done with the siren. There is no act that sounds an alarm: only the rules of the
/// node can do that, on readings of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Sound the short pattern of a test.
    Test,
    /// End the alarm that sounds.
    Reset,
    /// Fall silent for so many seconds, 1 to [`MAX_SILENCE_S`], and sound again unless reset.
    Silence(u32),
    /// Go through what would sound the siren, without it.
    Drill,
}

impl Act {
    /// Its number and seconds on the wire.
    fn numbers(self) -> (u8, u32) {
        match self {
            Self::Test => (1, 0),
            Self::Reset => (2, 0),
            Self::Silence(seconds) => (3, seconds),
            Self::Drill => (4, 0),
        }
    }

    fn from_numbers(act: u8, seconds: u32) -> Option<Self> {
        Some(match (act, seconds) {
            (1, 0) => Self::Test,
            (2, 0) => Self::Reset,
            (3, 1..=MAX_SILENCE_S) => Self::Silence(seconds),
            (4, 0) => Self::Drill,
            _ => return None,
        })
    }

    /// The name on command lines, in logs and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Reset => "reset",
            Self::Silence(_) => "silence",
            Self::Drill => "drill",
        }
    }
}

/// Something that a node is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    /// Which node; no other does it.
    pub node: NodeId,
    /// From the node, not used before.
    pub challenge: Challenge,
    /// A random number that the answer carries.
    pub id: u64,
    /// What.
    pub act: Act,
    /// Who wants it, for the node's log.
    pub by: Text<64>,
}

impl Order {
    /// The order's bytes, to be signed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        message(|e| {
            let (act, seconds) = self.act.numbers();
            e.array(7)?.u8(WIRE_VERSION)?.str(self.node.as_str())?.bytes(&self.challenge.0)?;
            e.u64(self.id)?.u8(act)?.u32(seconds)?.str(self.by.as_str())?;
            Ok(())
        })
    }

    /// Reads an order. Verify its signature first.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an order known here.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let d = &mut Decoder::new(bytes);
        open_array(d, 7)?;
        version(d)?;
        let node = NodeId::new(d.str()?).map_err(|_| DecodeError::Value("node"))?;
        let challenge = d.bytes()?.try_into().map_err(|_| DecodeError::Value("challenge"))?;
        let id = d.u64()?;
        let act = Act::from_numbers(d.u8()?, d.u32()?).ok_or(DecodeError::Value("act"))?;
        let by = text(d, "bytes of name")?;
        finish(d)?;
        Ok(Self { node, challenge: Challenge(challenge), id, act, by })
    }
}
