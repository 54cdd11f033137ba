//! How both programs speak to the system that runs them: their log, and what the service manager is
//! told.
//!
//! The log goes to standard error, at the levels `RUST_LOG` asks for, as text or as one JSON object
//! a line, and with a limit on what repeats itself. Whoever wants to fill the disk only has to make
//! the program complain; so no place in the code writes more than [`MAX_LINES`] lines a minute, and
//! what was kept back is counted and told.
//!
//! What is not here: files, rotation, sending elsewhere. The system's journal does that.
#![warn(missing_docs)]

mod ears;
mod flood;
mod format;
mod manager;

use std::{
    io::IsTerminal as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tracing_subscriber::{
    EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

pub use ears::Watched;
pub use flood::{MAX_LINES, WINDOW};
pub use format::Format;
pub use manager::Manager;

use ears::Ears;
use flood::{Flood, Gate};

/// How a program wants its log.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// What is logged when `RUST_LOG` does not say.
    pub default_filter: &'static str,
    /// Text or JSON.
    pub format: Format,
    /// A time that never goes back.
    pub clock: fn() -> Instant,
    /// Events of libraries that are counted, written or not.
    pub watched: &'static [Watched],
}

/// The log, started. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Journal {
    flood: Arc<Mutex<Flood>>,
    ears: Arc<Ears>,
    clock: fn() -> Instant,
}

impl Journal {
    /// Starts the log of this process. A `RUST_LOG` that cannot be understood is said, and the
    /// default is used.
    #[must_use]
    pub fn start(setup: &Setup) -> Self {
        let journal = Self {
            flood: Arc::default(),
            ears: Arc::new(Ears::new(setup.watched)),
            clock: setup.clock,
        };
        let (filter, complaint) = filter(setup.default_filter);
        let lines = tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal() && !colour_is_forbidden())
            .with_writer(std::io::stderr);
        let (flood, clock) = (Arc::clone(&journal.flood), setup.clock);
        let lines = match setup.format {
            Format::Text => Gate { lines, flood, clock }.with_filter(filter).boxed(),
            Format::Json => {
                let lines = lines.json().flatten_event(true).with_target(true);
                Gate { lines, flood, clock }.with_filter(filter).boxed()
            }
        };
        let ears = Arc::clone(&journal.ears).layer();
        // A process has one log; a second start, as in a test, changes nothing.
        let _ = tracing_subscriber::registry().with(lines).with(ears).try_init();
        if let Some(complaint) = complaint {
            tracing::warn!("{complaint}");
        }
        journal
    }

    /// Tells what was kept back, once a minute for each place. Call it now and again.
    pub fn report(&self) {
        let told = self.flood().report((self.clock)());
        for (place, kept_back) in told {
            tracing::warn!(kept_back, place, "more lines like the last were not written");
        }
    }

    /// How many lines were not written because the same came too often.
    #[must_use]
    pub fn kept_back(&self) -> u64 {
        self.flood().kept_back()
    }

    /// How often each of the watched events has come.
    pub fn heard(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.ears.heard()
    }

    fn flood(&self) -> MutexGuard<'_, Flood> {
        self.flood.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the environment asks for no colour: `NO_COLOR` is there and not empty
/// (<https://no-color.org>).
#[must_use]
pub fn colour_is_forbidden() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
}

/// What `RUST_LOG` asks for, else the default; and what is wrong with `RUST_LOG`.
fn filter(default: &str) -> (EnvFilter, Option<String>) {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    if asked.is_empty() {
        return (EnvFilter::new(default), None);
    }
    match EnvFilter::try_new(&asked) {
        Ok(filter) => (filter, None),
        Err(error) => {
            let complaint = format!(
                "RUST_LOG=\"{asked}\" is not understood ({error}); write a level as RUST_LOG=debug"
            );
            (EnvFilter::new(default), Some(complaint))
        }
    }
}
