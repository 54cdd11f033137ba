//! What the centre asks of a node.

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::{
    WIRE_VERSION,
    cbor::{DecodeError, finish, message, version},
};

/// The longest order in bytes.
pub const MAX_ORDER_BYTES: usize = 256;
/// How long an Ed25519 signature is.
pub const SIGNATURE_BYTES: usize = 64;

/// A request to one node.
///
/// Whoever can publish to a node may ask for its birth or for a challenge, which changes nothing.
/// Everything else is an [`Order`](crate::Order) under the centre's signature.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// Send the birth message again: the centre has none of the spool it received a batch of, or
    /// needs the clock's offset.
    Rebirth,
    /// Answer with a fresh challenge, which an order has to carry.
    Challenge,
    /// Do something, if the signature is right.
    Signed(Signed),
}

/// An order as it was signed. It is kept as bytes, since what is verified must be what is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signed {
    /// An encoded [`Order`](crate::Order), [`MAX_ORDER_BYTES`] at most.
    pub order: Vec<u8>,
    /// The Ed25519 signature (RFC 8032) of [`signed_bytes`](Self::signed_bytes).
    pub signature: [u8; SIGNATURE_BYTES],
}

impl Signed {
    /// What is signed: a text that says what it is for, so that no signature made for something
    /// else is one of an order, and the order.
    #[must_use]
    pub fn signed_bytes(order: &[u8]) -> Vec<u8> {
        [b"tram order 1\0".as_slice(), order].concat()
    }
}

impl Command {
    /// Its number on the wire.
    #[must_use]
    pub fn number(&self) -> u8 {
        match self {
            Self::Rebirth => 1,
            Self::Challenge => 2,
            Self::Signed(_) => 3,
        }
    }

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        message(|e| {
            match self {
                Self::Rebirth | Self::Challenge => {
                    e.array(2)?.u8(WIRE_VERSION)?.u8(self.number())?;
                }
                Self::Signed(signed) => {
                    e.array(4)?.u8(WIRE_VERSION)?.u8(self.number())?;
                    e.bytes(&signed.order)?.bytes(&signed.signature)?;
                }
            }
            Ok(())
        })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a command known here.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut d = Decoder::new(bytes);
        let len = d.array()?.ok_or(DecodeError::Malformed)?;
        version(&mut d)?;
        let command = match (d.u8()?, len) {
            (1, 2) => Self::Rebirth,
            (2, 2) => Self::Challenge,
            (3, 4) => Self::Signed(signed(&mut d)?),
            (1..=3, _) => return Err(DecodeError::Malformed),
            _ => return Err(DecodeError::Value("command")),
        };
        finish(&d)?;
        Ok(command)
    }
}

fn signed(d: &mut Decoder<'_>) -> Result<Signed, DecodeError> {
    let order = d.bytes()?;
    if order.len() > MAX_ORDER_BYTES {
        return Err(DecodeError::Limit("bytes of order"));
    }
    let signature = d.bytes()?.try_into().map_err(|_| DecodeError::Value("signature"))?;
    Ok(Signed { order: order.to_vec(), signature })
}
