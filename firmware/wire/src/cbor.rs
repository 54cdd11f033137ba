//! What the codecs of this crate share: errors, a growing buffer, checked containers.

use alloc::vec::Vec;
use core::{convert::Infallible, fmt};

use minicbor::{Decoder, Encoder, encode};

use crate::{InvalidText, Text, WIRE_VERSION};

/// Why bytes were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// Not CBOR, not this message, or cut short.
    Malformed,
    /// The version is not [`WIRE_VERSION`].
    Version(u8),
    /// More of something than its documented limit; the text names it.
    Limit(&'static str),
    /// A field is outside its range; the text names it.
    Value(&'static str),
    /// Bytes follow the message.
    Trailing,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not CBOR of this message, or cut short"),
            Self::Version(v) => write!(f, "version {v} of the message is not known here"),
            Self::Limit(what) => write!(f, "more {what} than the documented limit"),
            Self::Value(what) => write!(f, "the {what} is outside its range"),
            Self::Trailing => f.write_str("bytes follow the message"),
        }
    }
}

impl core::error::Error for DecodeError {}

impl From<minicbor::decode::Error> for DecodeError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// Why a message cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// More of something than its documented limit; the text names it.
    Limit(&'static str),
    /// A field contradicts another; the text names it.
    Value(&'static str),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(what) => write!(f, "more {what} than the documented limit"),
            Self::Value(what) => write!(f, "the {what} does not fit the rest of the message"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// A growing buffer whose writes cannot fail, so the type says so.
#[derive(Default)]
pub(crate) struct Put(pub(crate) Vec<u8>);

impl encode::Write for Put {
    type Error = Infallible;
    fn write_all(&mut self, buf: &[u8]) -> Result<(), Infallible> {
        self.0.extend_from_slice(buf);
        Ok(())
    }
}

/// Writes a whole message with `f`.
pub(crate) fn message(
    f: impl FnOnce(&mut Encoder<Put>) -> Result<(), encode::Error<Infallible>>,
) -> Vec<u8> {
    let mut e = Encoder::new(Put::default());
    // The writer cannot fail and every `put` passes fixed, valid types.
    let _ = f(&mut e);
    e.into_writer().0
}

/// Opens a definite-length array of exactly `len` elements.
pub(crate) fn open_array(d: &mut Decoder<'_>, len: u64) -> Result<(), DecodeError> {
    match d.array()? {
        Some(n) if n == len => Ok(()),
        _ => Err(DecodeError::Malformed),
    }
}

/// Opens a definite-length array of at most `max` elements and returns its length. An element
/// takes a byte at least, so a length beyond the rest of the input is refused before anything is
/// allocated for it.
pub(crate) fn open_list(
    d: &mut Decoder<'_>,
    max: usize,
    what: &'static str,
) -> Result<usize, DecodeError> {
    let n = d.array()?.ok_or(DecodeError::Malformed)?;
    let n = usize::try_from(n).map_err(|_| DecodeError::Limit(what))?;
    if n > max {
        return Err(DecodeError::Limit(what));
    }
    if n > d.input().len().saturating_sub(d.position()) {
        return Err(DecodeError::Malformed);
    }
    Ok(n)
}

/// Reads the version that every message starts with.
pub(crate) fn version(d: &mut Decoder<'_>) -> Result<(), DecodeError> {
    match d.u8()? {
        WIRE_VERSION => Ok(()),
        other => Err(DecodeError::Version(other)),
    }
}

/// Refuses bytes behind the message.
pub(crate) fn finish(d: &Decoder<'_>) -> Result<(), DecodeError> {
    if d.position() == d.input().len() { Ok(()) } else { Err(DecodeError::Trailing) }
}

/// Reads a text of at most `N` bytes.
pub(crate) fn text<const N: usize>(
    d: &mut Decoder<'_>,
    what: &'static str,
) -> Result<Text<N>, DecodeError> {
    Text::new(d.str()?).map_err(|InvalidText { .. }| DecodeError::Limit(what))
}

/// Reads a value or null.
pub(crate) fn nullable<'b, T>(
    d: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if d.datatype()? == minicbor::data::Type::Null {
        d.null()?;
        Ok(None)
    } else {
        read(d).map(Some)
    }
}
