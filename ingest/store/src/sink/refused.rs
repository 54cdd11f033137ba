//! Readings an engine would not take.

use std::collections::VecDeque;

use super::Refusal;

/// How many refused readings are kept to be looked at; the oldest go first. All are counted.
pub const MAX_REFUSED_KEPT: usize = 64;

/// A reading an engine would not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// What the engine said.
    pub reason: String,
    /// The line.
    pub line: String,
}

/// The last refused readings.
#[derive(Debug, Default)]
pub(super) struct Kept(VecDeque<Refused>);

impl Kept {
    pub(super) fn push(&mut self, refused: Refused) {
        if self.0.len() >= MAX_REFUSED_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(refused);
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Refused> {
        self.0.iter()
    }
}
