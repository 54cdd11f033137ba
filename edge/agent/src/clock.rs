//! The only place that asks the system what time it is.

mod boots;
mod source;
mod steps;

use std::sync::Arc;

use tram_emulator::Board;
use tram_wire::{ClockState, UnixMicros, UptimeMicros};

use crate::config::ClockSource;
use source::Places;

pub(crate) use boots::SharedBoots;
pub(crate) use source::Source;
pub(crate) use steps::Steps;

/// Before this (2025-01-01) a system clock was evidently never set.
pub(crate) const PLAUSIBLE_FROM: UnixMicros = UnixMicros(1_735_689_600_000_000);

/// One moment on both of the node's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) unix: UnixMicros,
    pub(crate) uptime: UptimeMicros,
    /// How far `unix` may be believed.
    pub(crate) state: ClockState,
}

impl Moment {
    /// Unix time minus uptime, once the clock has been set.
    pub(crate) fn offset(&self) -> Option<i64> {
        self.believed().then(|| self.raw_offset())
    }

    /// Unix time minus uptime as the system says, believed or not.
    pub(crate) fn raw_offset(&self) -> i64 {
        self.unix.0.saturating_sub(i64::try_from(self.uptime.0).unwrap_or(i64::MAX))
    }

    /// Whether `unix` is more than a guess.
    pub(crate) fn believed(&self) -> bool {
        !matches!(self.state, ClockState::Unsynchronised { .. })
    }

    /// The time that batches of this moment carry.
    pub(crate) fn micros(&self) -> i64 {
        if self.believed() { self.unix.0 } else { i64::try_from(self.uptime.0).unwrap_or(i64::MAX) }
    }
}

/// Where a node takes its time from.
#[derive(Debug, Clone)]
pub(crate) enum Clock {
    /// The operating system.
    System { source: Arc<Source>, boot: u32 },
    /// A recording that is being replayed: its own time, as fast as the node can go.
    Replay { board: Board, start: UnixMicros, boot: u32 },
}

impl Clock {
    /// The operating system's clock.
    pub(crate) fn system(source: ClockSource) -> Self {
        Self::System {
            source: Arc::new(Source::new(source, Places::default())),
            boot: boot_number(),
        }
    }

    /// The time of a recording that begins at `start`.
    pub(crate) fn replay(board: Board, start: UnixMicros) -> Self {
        Self::Replay { board, start, boot: random() }
    }

    /// A random number of this boot.
    pub(crate) fn boot(&self) -> u32 {
        match self {
            Self::System { boot, .. } | Self::Replay { boot, .. } => *boot,
        }
    }

    /// Both clocks now.
    pub(crate) fn now(&self) -> Moment {
        match self {
            Self::System { source, boot } => {
                let (unix, uptime) = (system_time(), monotonic());
                let state = state(source.now(uptime, unix), *boot, unix);
                Moment { unix, uptime, state }
            }
            Self::Replay { board, start, .. } => {
                let elapsed = board.elapsed();
                let unix = start.plus(i64::try_from(elapsed).unwrap_or(i64::MAX));
                Moment { unix, uptime: UptimeMicros(elapsed), state: ClockState::Ntp }
            }
        }
    }
}

fn state(source: ClockSource, boot: u32, unix: UnixMicros) -> ClockState {
    match source {
        ClockSource::Ntp if unix >= PLAUSIBLE_FROM => ClockState::Ntp,
        ClockSource::Rtc if unix >= PLAUSIBLE_FROM => ClockState::Rtc,
        _ => ClockState::Unsynchronised { boot },
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the program's clock")]
fn system_time() -> UnixMicros {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixMicros(i64::try_from(since_1970.unwrap_or_default().as_micros()).unwrap_or(i64::MAX))
}

/// A time that never goes back, for what needs no other clock.
#[expect(clippy::disallowed_methods, reason = "this is the program's clock")]
pub(crate) fn instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// `CLOCK_MONOTONIC`, which is also the clock of the kernel's edge events.
pub(crate) fn monotonic() -> UptimeMicros {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(t.tv_sec).unwrap_or(0);
    let micros = u64::try_from(t.tv_nsec).unwrap_or(0) / 1000;
    UptimeMicros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

/// The kernel's random number of this boot, so that a restart of the program keeps it.
fn boot_number() -> u32 {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or_else(random)
}

/// A number drawn evenly from all.
pub(crate) fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_counts_from_boot() {
        let unset = state(ClockSource::Rtc, 7, UnixMicros(1_000_000));
        assert_eq!(unset, ClockState::Unsynchronised { boot: 7 });
        assert_eq!(state(ClockSource::None, 7, PLAUSIBLE_FROM), unset);
        assert_eq!(state(ClockSource::Rtc, 7, PLAUSIBLE_FROM), ClockState::Rtc);
        let moment = Moment { unix: UnixMicros(900), uptime: UptimeMicros(400), state: unset };
        assert_eq!((moment.micros(), moment.offset()), (400, None));
        let set = Moment { state: ClockState::Ntp, ..moment };
        assert_eq!((set.micros(), set.offset()), (900, Some(500)));
    }

    #[test]
    fn both_clocks_move_and_do_not_jump() {
        let clock = Clock::system(ClockSource::Ntp);
        let (a, b) = (clock.now(), clock.now());
        assert!(b.uptime >= a.uptime && a.unix > PLAUSIBLE_FROM);
        assert!(b.uptime.since(a.uptime) < 60_000_000);
    }
}
