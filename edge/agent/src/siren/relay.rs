//! The pin of the siren's relay.

use tracing::{debug, error, info};

use crate::hal::Output;

/// The relay. A pin that refuses is tried again each time, and complained about once.
pub(crate) struct Relay {
    output: Output,
    /// What it was switched to last; `None` while it refuses.
    on: Option<bool>,
    complained: bool,
}

impl Relay {
    /// Takes a pin that is not active.
    pub(crate) fn new(output: Output) -> Self {
        Self { output, on: Some(false), complained: false }
    }

    /// Pulls or releases it.
    pub(crate) fn switch(&mut self, on: bool) {
        if self.on == Some(on) {
            return;
        }
        let switched = if on { self.output.set_high() } else { self.output.set_low() };
        match switched {
            Ok(()) => {
                self.on = Some(on);
                debug!(on, "the siren's relay");
                if std::mem::take(&mut self.complained) {
                    info!("the siren's relay can be switched again");
                }
            }
            Err(e) => {
                self.on = None;
                if !std::mem::replace(&mut self.complained, true) {
                    error!("the siren cannot be switched: {e}; look at its pin and wiring");
                }
            }
        }
    }

    /// Whether it refused the last time.
    pub(crate) fn broken(&self) -> bool {
        self.on.is_none()
    }
}
