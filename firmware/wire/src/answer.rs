//! What a node answers to a command.

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::{
    Challenge, WIRE_VERSION,
    cbor::{DecodeError, finish, message, version},
};

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// It is done.
    Done = 0,
    /// Its challenge is not one of the node's, too old, or used: it came too late or twice.
    Expired = 1,
    /// The signature is of no key that the node trusts.
    Untrusted = 2,
    /// The node knows no key of the centre at all.
    NoKey = 3,
    /// It is signed, and for another node, or makes no sense here.
    Misdirected = 4,
    /// The node has no siren.
    NoSiren = 5,
    /// No test or drill: there is an alarm, or the last test has not ended.
    Occupied = 6,
    /// Nothing sounds that could be reset or silenced.
    NothingSounds = 7,
    /// The relay cannot be switched, or the node is too busy.
    Failed = 8,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Expired,
        Self::Untrusted,
        Self::NoKey,
        Self::Misdirected,
        Self::NoSiren,
        Self::Occupied,
        Self::NothingSounds,
        Self::Failed,
    ];

    /// The name in logs and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Expired => "expired",
            Self::Untrusted => "untrusted",
            Self::NoKey => "no-key",
            Self::Misdirected => "misdirected",
            Self::NoSiren => "no-siren",
            Self::Occupied => "occupied",
            Self::NothingSounds => "nothing-sounds",
            Self::Failed => "failed",
        }
    }
}

/// Who did something with a siren, as a number in the `value` of an [`Alarm`](crate::Alarm).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Actor {
    /// The node itself.
    Node = 0,
    /// The button at the station.
    Button = 1,
    /// Somebody at the node's command line.
    Here = 2,
    /// The centre.
    Centre = 3,
}

impl Actor {
    /// The actor with this number.
    #[must_use]
    pub fn from_number(n: i64) -> Option<Self> {
        Some(match n {
            0 => Self::Node,
            1 => Self::Button,
            2 => Self::Here,
            3 => Self::Centre,
            _ => return None,
        })
    }

    /// The name in logs and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Button => "button",
            Self::Here => "here",
            Self::Centre => "centre",
        }
    }
}

/// A node's answer. It is not kept anywhere: whoever misses it asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// What an order has to carry.
    Challenge(Challenge),
    /// What became of the order with this id.
    Outcome {
        /// Which order; 0 when it could not be read.
        id: u64,
        /// What became of it.
        verdict: Verdict,
    },
}

impl Answer {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        message(|e| {
            match self {
                Self::Challenge(challenge) => {
                    e.array(3)?.u8(WIRE_VERSION)?.u8(1)?.bytes(&challenge.0)?;
                }
                Self::Outcome { id, verdict } => {
                    e.array(4)?.u8(WIRE_VERSION)?.u8(2)?.u64(*id)?.u8(*verdict as u8)?;
                }
            }
            Ok(())
        })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an answer known here.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let d = &mut Decoder::new(bytes);
        let len = d.array()?.ok_or(DecodeError::Malformed)?;
        version(d)?;
        let answer = match (d.u8()?, len) {
            (1, 3) => {
                let bytes = d.bytes()?.try_into().map_err(|_| DecodeError::Value("challenge"))?;
                Self::Challenge(Challenge(bytes))
            }
            (2, 4) => {
                let id = d.u64()?;
                let number = d.u8()?;
                let verdict = Verdict::ALL.into_iter().find(|v| *v as u8 == number);
                Self::Outcome { id, verdict: verdict.ok_or(DecodeError::Value("verdict"))? }
            }
            (1..=2, _) => return Err(DecodeError::Malformed),
            _ => return Err(DecodeError::Value("answer")),
        };
        finish(d)?;
        Ok(answer)
    }
}
