//! The identity of an episode of an alarm.

use core::{fmt, str::FromStr};

/// Identity of one episode: from the reading that raised it to the one that cleared it. The first
/// 16 bytes of a SHA-256 over rule, version, station and the time of the reading that started
/// it, so the node and the centre give it the same name. Written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EpisodeId(pub [u8; 16]);

impl fmt::Display for EpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for EpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidEpisodeId;

impl fmt::Display for InvalidEpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an episode is 32 hexadecimal digits")
    }
}

impl core::error::Error for InvalidEpisodeId {}

impl FromStr for EpisodeId {
    type Err = InvalidEpisodeId;
    fn from_str(s: &str) -> Result<Self, InvalidEpisodeId> {
        if s.len() != 32 || !s.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidEpisodeId);
        }
        u128::from_str_radix(s, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| InvalidEpisodeId)
    }
}
