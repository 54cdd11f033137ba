//! What a node no longer has, said out loud.

use core::convert::Infallible;

use minicbor::{Decoder, Encoder, encode::Error};

use crate::cbor::{DecodeError, Put, open_array};

/// The most loss records in one batch.
pub const MAX_BATCH_LOSSES: usize = 64;

/// Why readings are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LossCause {
    /// The spool's byte budget was used up and these mattered least.
    Evicted = 1,
    /// The medium gave back something else than was written.
    Corrupt = 2,
    /// The medium refused to take them (full, read-only, input/output error).
    NotWritten = 3,
}

impl LossCause {
    /// The cause with this number, if there is one.
    #[must_use]
    pub fn from_number(n: u8) -> Option<Self> {
        Some(match n {
            1 => Self::Evicted,
            2 => Self::Corrupt,
            3 => Self::NotWritten,
            _ => return None,
        })
    }

    /// Its name in metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Corrupt => "corrupt",
            Self::NotWritten => "not_written",
        }
    }
}

/// Readings that were taken and will never arrive; the centre shows a gap with its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Loss {
    /// Time of the first lost reading, microseconds on the batch's clock.
    pub from: i64,
    /// Time of the last lost reading, likewise.
    pub to: i64,
    /// How many readings, over all channels.
    pub readings: u64,
    /// Why.
    pub cause: LossCause,
}

impl Loss {
    pub(crate) fn put(&self, e: &mut Encoder<Put>) -> Result<(), Error<Infallible>> {
        e.array(4)?.i64(self.from)?.i64(self.to)?.u64(self.readings)?.u8(self.cause as u8)?;
        Ok(())
    }

    pub(crate) fn take(d: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        open_array(d, 4)?;
        let loss = Self {
            from: d.i64()?,
            to: d.i64()?,
            readings: d.u64()?,
            cause: LossCause::from_number(d.u8()?).ok_or(DecodeError::Value("loss cause"))?,
        };
        if loss.to < loss.from {
            return Err(DecodeError::Value("loss interval"));
        }
        Ok(loss)
    }
}
