//! Places in the log.

use std::fmt;

/// The number of an entry in the log, counted from 1 without gaps. As a cursor: everything up to
/// and including this entry has been read; 0 is the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct LogId(pub i64);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
