//! An edge of a digital line, and where edges come from.

use tram_wire::UptimeMicros;

/// A change of a digital line, with the time of the change and not of its discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Edge {
    /// When the line changed.
    pub at: UptimeMicros,
    /// Whether it became active: a reed contact closed, a loop became occupied. A line that is
    /// wired active-low is turned around before it gets here.
    pub rising: bool,
}

/// The most edges a driver takes from a source in one call, so that a chattering line cannot hold
/// up the program. The rest waits for the next call.
pub const MAX_EDGES_PER_POLL: usize = 256;

/// Where edges come from: the kernel's GPIO character device, an interrupt's ring buffer, the
/// emulator.
pub trait EdgeSource {
    /// What can go wrong when reading.
    type Error;

    /// The next edge that has not been taken yet, in order of time, or `None` when there is none
    /// now. Never waits.
    ///
    /// # Errors
    /// When the line cannot be read. The caller may try again.
    fn next_edge(&mut self) -> Result<Option<Edge>, Self::Error>;
}

impl<S: EdgeSource + ?Sized> EdgeSource for &mut S {
    type Error = S::Error;

    fn next_edge(&mut self) -> Result<Option<Edge>, Self::Error> {
        (**self).next_edge()
    }
}
