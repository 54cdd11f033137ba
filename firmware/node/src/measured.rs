//! A value as a meter of this crate gives it.

use tram_wire::{Fixed, Flag, Point, Quality, Tests};

/// A physical value, or none, and what is known of its quality before [`Qc`](crate::Qc).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured<T> {
    /// `None` exactly when the flag is [`Flag::Missing`].
    pub value: Option<T>,
    /// How good it is.
    pub quality: Quality,
}

impl<T> Measured<T> {
    /// A value about which nothing is wrong.
    #[must_use]
    pub fn good(value: T) -> Self {
        Self { value: Some(value), quality: Quality::GOOD }
    }

    /// A value that `tests` make questionable; good when there are none.
    #[must_use]
    pub fn suspect(value: T, tests: Tests) -> Self {
        let flag = if tests == Tests::NONE { Flag::Good } else { Flag::Suspect };
        Self { value: Some(value), quality: Quality { flag, tests } }
    }

    /// No value, and why.
    #[must_use]
    pub fn missing(tests: Tests) -> Self {
        Self { value: None, quality: Quality::missing(tests) }
    }
}

impl<T: Fixed> Measured<T> {
    /// The reading taken at `micros` on the node's clock.
    #[must_use]
    pub fn at(self, micros: i64) -> Point {
        Point { micros, value: self.value.map(Fixed::raw), quality: self.quality }
    }
}
