//! What a sink has done since the program began.

use super::Refusal;

/// What a sink has done since the program began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinkCounters {
    /// Readings the engine took, those sent again included.
    pub written: u64,
    /// Readings the engine answered 400 or 422 to, each alone.
    pub bad_request: u64,
    /// Readings the engine answered 413 to, each alone.
    pub too_large: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// How often the engine came back and was given again what it had taken last.
    pub replays: u64,
    /// Entries of the log given up: the engine was away for longer than the log is held, or they
    /// are damaged.
    pub lost_entries: u64,
}

impl SinkCounters {
    /// How many readings were refused for a reason.
    #[must_use]
    pub fn refused(&self, why: Refusal) -> u64 {
        match why {
            Refusal::BadRequest => self.bad_request,
            Refusal::TooLarge => self.too_large,
        }
    }

    pub(super) fn refuse(&mut self, why: Refusal) {
        match why {
            Refusal::BadRequest => self.bad_request += 1,
            Refusal::TooLarge => self.too_large += 1,
        }
    }
}
