//! Two times that do not mix, and how far a node's clock may be believed.

/// Microseconds since 1970-01-01T00:00:00Z without leap seconds (POSIX time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct UnixMicros(pub i64);

/// Microseconds since the node's kernel booted. Never goes back and never jumps, but says nothing
/// about the date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct UptimeMicros(pub u64);

impl UnixMicros {
    /// This time plus `micros` (negative goes back), held at the ends of the range.
    #[must_use]
    pub fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to this time, negative when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl UptimeMicros {
    /// Microseconds from `earlier` to this time, 0 when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time plus `micros`.
    #[must_use]
    pub fn plus(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

/// How the node's clock stood when a batch was made. It decides what the batch's times are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClockState {
    /// Never set since boot: times are [`UptimeMicros`] of the boot named here, and the centre
    /// restamps them once a [`Birth`](crate::Birth) of the same boot brings the offset.
    Unsynchronised {
        /// Random number of this boot.
        boot: u32,
    },
    /// Set from a battery-backed clock: times are [`UnixMicros`], seconds off at worst.
    Rtc,
    /// Disciplined by NTP: times are [`UnixMicros`].
    Ntp,
}

impl ClockState {
    /// Turns a time of a batch into Unix time. `offset` is Unix time minus uptime of the same
    /// boot, as a birth message told it.
    ///
    /// Returns `None` for an unsynchronised time without an offset.
    #[must_use]
    pub fn unix(self, micros: i64, offset: Option<i64>) -> Option<UnixMicros> {
        match self {
            Self::Rtc | Self::Ntp => Some(UnixMicros(micros)),
            Self::Unsynchronised { .. } => offset.map(|o| UnixMicros(micros.saturating_add(o))),
        }
    }
}
