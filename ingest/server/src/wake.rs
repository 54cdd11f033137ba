//! A bell for threads: they sleep until it rings, until a time, or until the program stops.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The bell.
#[derive(Default)]
pub(crate) struct Wake {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    rings: u64,
    stop: bool,
}

impl Wake {
    /// Wakes everybody who sleeps.
    pub(crate) fn ring(&self) {
        let mut state = self.state();
        state.rings = state.rings.wrapping_add(1);
        self.rung.notify_all();
    }

    /// Wakes everybody, and lets nobody sleep again.
    pub(crate) fn stop(&self) {
        self.state().stop = true;
        self.rung.notify_all();
    }

    /// Whether the program stops.
    pub(crate) fn stopping(&self) -> bool {
        self.state().stop
    }

    /// How often it has rung: look at what there is to do after asking, and hand the answer to
    /// [`sleep`](Self::sleep), so that a ring in between is not missed.
    pub(crate) fn rings(&self) -> u64 {
        self.state().rings
    }

    /// Sleeps until the bell has rung more often than `heard`, at most for `at_most`. Says whether
    /// the program goes on.
    pub(crate) fn sleep(&self, heard: u64, at_most: Duration) -> bool {
        let asleep = |s: &mut State| s.rings == heard && !s.stop;
        let waited = self.rung.wait_timeout_while(self.state(), at_most, asleep);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_between_looking_and_sleeping_is_not_missed() {
        let wake = Wake::default();
        let heard = wake.rings();
        wake.ring();
        assert!(wake.sleep(heard, Duration::from_secs(3_600)));
    }

    #[test]
    fn nobody_sleeps_once_the_program_stops() {
        let wake = Wake::default();
        wake.stop();
        assert!(!wake.sleep(wake.rings(), Duration::from_secs(3_600)));
        assert!(wake.stopping());
    }
}
