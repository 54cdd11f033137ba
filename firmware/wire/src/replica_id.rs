//! Which of several centres behind one broker.

use core::{fmt, num::ParseIntError, str::FromStr};

/// The random 64-bit identity of a replica of the centre, made with its log: it names the disk
/// that something was committed to. A centre that runs alone is one replica. Written as 16
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ReplicaId(pub u64);

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ReplicaId {
    type Err = ParseIntError;
    fn from_str(s: &str) -> Result<Self, ParseIntError> {
        u64::from_str_radix(s, 16).map(Self)
    }
}
