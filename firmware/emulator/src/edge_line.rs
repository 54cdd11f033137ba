//! A digital input: edges wait here until the program takes them.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use tram_drivers::{Edge, EdgeSource};
use tram_wire::UptimeMicros;

use crate::board::{Inner, locked};

/// The most edges that wait in one line; further ones are lost and counted, as in a kernel.
pub const MAX_QUEUED_EDGES: usize = 65_536;

/// A line of a station, as an [`EdgeSource`]. Clones share the line.
#[derive(Debug, Clone)]
pub struct EdgeLine {
    pub(crate) inner: Arc<Mutex<Inner>>,
    pub(crate) line: u32,
}

impl EdgeLine {
    /// Edges lost so far because nobody took them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        locked(&self.inner).lost_edges(self.line)
    }
}

impl EdgeSource for EdgeLine {
    type Error = Infallible;

    fn next_edge(&mut self) -> Result<Option<Edge>, Infallible> {
        Ok(locked(&self.inner).next_edge(self.line))
    }
}

/// The edges of one line, those to come included.
#[derive(Debug, Clone, Default)]
pub(crate) struct EdgeQueue {
    edges: VecDeque<(u64, bool)>,
    pub(crate) lost: u64,
}

impl EdgeQueue {
    /// Adds an edge at an elapsed time not before the last one's.
    pub(crate) fn push(&mut self, at: u64, rising: bool) {
        if self.edges.len() == MAX_QUEUED_EDGES {
            self.lost += 1;
        } else {
            self.edges.push_back((at, rising));
        }
    }

    /// The next edge that has happened by `now`.
    pub(crate) fn pop(&mut self, now: u64, booted: UptimeMicros) -> Option<Edge> {
        let (at, rising) = *self.edges.front()?;
        if at > now {
            return None;
        }
        self.edges.pop_front();
        Some(Edge { at: booted.plus(at), rising })
    }
}
