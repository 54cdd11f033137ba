//! What the log says of a disk that fails.

use tracing::{error, info, warn};
use tram_spool::SpoolError;
use tram_wire::UptimeMicros;

use crate::clock::Moment;

/// A lasting failure of the disk is said this often.
const COMPLAIN_EVERY_US: u64 = 60_000_000;

/// Failures of the disk, said once and then now and again.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    last: Option<(String, UptimeMicros)>,
    states: bool,
}

impl Trouble {
    /// Says what failed, unless that was said a moment ago.
    pub(crate) fn note(&mut self, e: &SpoolError, now: Moment) {
        let said = e.to_string();
        let again = match &self.last {
            Some((before, at)) => *before != said || now.uptime.since(*at) >= COMPLAIN_EVERY_US,
            None => true,
        };
        if again {
            error!(
                "readings cannot be kept: {said}; sampling and the siren go on, readings wait in \
                 memory, and what finds no room there is counted"
            );
            self.last = Some((said, now.uptime));
        }
    }

    /// The disk works again.
    pub(crate) fn over(&mut self) {
        if self.last.take().is_some() {
            info!("readings are kept again");
        }
    }

    /// The rules' states could not be kept; said once.
    pub(crate) fn states(&mut self, e: &std::io::Error) {
        if !std::mem::replace(&mut self.states, true) {
            warn!("the states of the rules cannot be kept: {e}");
        }
    }
}
