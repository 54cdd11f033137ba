//! What a node no longer has, said out loud, and what is left of it.

use core::convert::Infallible;

use minicbor::{Decoder, Encoder, encode::Error};

use crate::{
    ChannelNumber, Summary,
    cbor::{DecodeError, EncodeError, Put, nullable},
};

/// The most loss records in one batch: even at their largest they fit
/// [`MAX_BATCH_BYTES`](crate::MAX_BATCH_BYTES).
pub const MAX_BATCH_LOSSES: usize = 512;

/// Why readings are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum LossCause {
    /// The spool's byte budget was used up and these mattered least.
    Evicted = 1,
    /// The medium gave back something else than was written.
    Corrupt = 2,
    /// The medium refused to take them (full, read-only, input/output error).
    NotWritten = 3,
    /// The spool's byte budget was used up; the [`Summary`] is left of them.
    Thinned = 4,
    /// They were due and are not there: the node was off, was held up, or lost power before it had
    /// written them.
    Interrupted = 5,
}

impl LossCause {
    /// Every cause, in the order of its number.
    pub const ALL: [Self; 5] =
        [Self::Evicted, Self::Corrupt, Self::NotWritten, Self::Thinned, Self::Interrupted];

    /// The cause with this number, if there is one.
    #[must_use]
    pub fn from_number(n: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| *cause as u8 == n)
    }

    /// Its name in metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Corrupt => "corrupt",
            Self::NotWritten => "not_written",
            Self::Thinned => "thinned",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Readings that will never arrive; the centre shows a gap with its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Loss {
    /// Of which channel; `None` when nobody can tell any more, or of several.
    pub channel: Option<ChannelNumber>,
    /// Time of the first lost reading, microseconds on the batch's clock.
    pub from: i64,
    /// Time of the last lost reading, likewise.
    pub to: i64,
    /// How many readings.
    pub readings: u64,
    /// Why.
    pub cause: LossCause,
    /// What is left of them.
    pub summary: Option<Summary>,
}

impl Loss {
    /// Whether it can be written and read back.
    pub(crate) fn check(&self) -> Result<(), EncodeError> {
        if self.to < self.from {
            return Err(EncodeError::Value("loss interval"));
        }
        match self.summary {
            Some(s) if !s.consistent() => Err(EncodeError::Value("summary of a loss")),
            _ => Ok(()),
        }
    }

    /// `[channel, step, length, readings, cause]`, with the summary behind it when there is one.
    /// `before` is where the loss before it began.
    pub(crate) fn put(&self, e: &mut Encoder<Put>, before: i64) -> Result<(), Error<Infallible>> {
        e.array(if self.summary.is_some() { 6 } else { 5 })?;
        match self.channel {
            Some(channel) => e.u16(channel.0)?,
            None => e.null()?,
        };
        // Wraps, so that any two times have a distance that leads back.
        e.i64(self.from.wrapping_sub(before))?.u64(self.to.abs_diff(self.from))?;
        e.u64(self.readings)?.u8(self.cause as u8)?;
        self.summary.map_or(Ok(()), |s| s.put(e))
    }

    pub(crate) fn take(d: &mut Decoder<'_>, before: i64) -> Result<Self, DecodeError> {
        let fields = d.array()?.ok_or(DecodeError::Malformed)?;
        if !(5..=6).contains(&fields) {
            return Err(DecodeError::Malformed);
        }
        let channel = nullable(d, |d| Ok(ChannelNumber(d.u16()?)))?;
        let from = before.wrapping_add(d.i64()?);
        let to = from.checked_add_unsigned(d.u64()?).ok_or(DecodeError::Value("loss interval"))?;
        let readings = d.u64()?;
        let cause = LossCause::from_number(d.u8()?).ok_or(DecodeError::Value("loss cause"))?;
        let summary = if fields == 6 { Some(Summary::take(d)?) } else { None };
        Ok(Self { channel, from, to, readings, cause, summary })
    }
}
