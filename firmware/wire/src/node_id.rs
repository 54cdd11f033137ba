//! The name of a node, which is also the name of its station.

use core::{fmt, str::FromStr};

use crate::Text;

/// The name of a node: 1 to 32 characters of `a`–`z`, `0`–`9` and `-`, with a letter or digit at
/// both ends, such as `lao-cai-river-01`. It is an MQTT topic level, a user name and a part of
/// file names, so nothing that any of those would have to escape is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Text<32>);

/// The text is not a node name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidNodeId;

impl fmt::Display for InvalidNodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a node name is 1 to 32 characters of a-z, 0-9 and '-', with a letter or digit at both ends",
        )
    }
}

impl core::error::Error for InvalidNodeId {}

impl NodeId {
    /// The longest name in bytes.
    pub const MAX_BYTES: usize = 32;

    /// Checks and copies a name.
    ///
    /// # Errors
    /// [`InvalidNodeId`] when a character, an end or the length is not allowed.
    pub fn new(s: &str) -> Result<Self, InvalidNodeId> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let ends = s.bytes().next().is_some_and(inner) && s.bytes().next_back().is_some_and(inner);
        if !ends || !s.bytes().all(|b| inner(b) || b == b'-') {
            return Err(InvalidNodeId);
        }
        Text::new(s).map(Self).map_err(|_| InvalidNodeId)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for NodeId {
    type Err = InvalidNodeId;
    fn from_str(s: &str) -> Result<Self, InvalidNodeId> {
        Self::new(s)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_station_names_and_refuses_what_a_topic_or_path_would_escape() {
        for ok in ["a", "0", "lao-cai-river-01", "abcdefghijklmnopqrstuvwxyz012345"] {
            assert_eq!(NodeId::new(ok).map(|n| n.as_str().len()), Ok(ok.len()), "{ok}");
        }
        for bad in ["", "-a", "a-", "A", "a/b", "a+b", "#", "..", "trạm", "a b", "a\0"] {
            assert_eq!(NodeId::new(bad), Err(InvalidNodeId), "{bad:?}");
        }
        assert_eq!(NodeId::new("abcdefghijklmnopqrstuvwxyz0123456"), Err(InvalidNodeId));
    }
}
