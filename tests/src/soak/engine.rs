//! An engine behind a sink that takes everything, counts, and is away for an hour.

use std::{ops::Range, time::Duration};

use tram_store::sink::Answer;

/// The engine.
#[derive(Debug)]
pub struct Engine {
    /// When it says that it is overloaded, on the sink's clock.
    away: Range<Duration>,
    /// Lines it has taken.
    pub lines: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Requests it turned away.
    pub refused: u64,
}

impl Engine {
    /// One that is away for a while.
    #[must_use]
    pub fn new(away: Range<Duration>) -> Self {
        Self { away, lines: 0, bytes: 0, refused: 0 }
    }

    /// Takes lines at a time.
    pub fn write(&mut self, lines: &[u8], now: Duration) -> Answer {
        if self.away.contains(&now) {
            self.refused += 1;
            return Answer::Later { reason: "503".to_owned(), after: None };
        }
        self.lines += lines.iter().filter(|b| **b == b'\n').count() as u64;
        self.bytes += lines.len() as u64;
        Answer::Written
    }
}
