//! A channel of a node: its name for people, its number for bytes.

use core::{fmt, str::FromStr};

use crate::{InvalidText, Text};

/// The name of a channel within its node, 1 to 64 characters in SenML's alphabet: a letter or
/// digit, then letters, digits and `-` `:` `.` `/` `_` (RFC 8428 §4.5.1). Our own nodes use
/// lower-case snake names such as `water_level`; a SenML device brings what it has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(Text<64>);

impl ChannelName {
    /// The longest name in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Checks and copies a name.
    ///
    /// # Errors
    /// [`InvalidText`] when it is empty, too long or has a character outside the alphabet.
    pub fn new(s: &str) -> Result<Self, InvalidText> {
        let error = InvalidText { max_bytes: Self::MAX_BYTES };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-:./_".contains(&b);
        if !s.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) || !s.bytes().all(allowed) {
            return Err(error);
        }
        Text::new(s).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for ChannelName {
    type Err = InvalidText;
    fn from_str(s: &str) -> Result<Self, InvalidText> {
        Self::new(s)
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What stands for a channel inside a batch. Given out by the spool when it first sees a name and
/// never reused in that spool, so a batch that waited through a change of configuration still
/// means what it meant. The birth message maps it to the [`ChannelName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelNumber(pub u16);
