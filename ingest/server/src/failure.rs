//! Why the program stops, as a sentence for the terminal and an exit code.

use std::{fmt, process::ExitCode};

use tram_config::Mistake;

/// Why the program stops.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something in the configuration is wrong: exit code 2.
    Configuration(Mistake),
    /// Something on the command line is wrong: exit code 2.
    CommandLine(String),
    /// Anything else: exit code 1.
    Other {
        /// What went wrong, a sentence without its full stop.
        what: String,
        /// What to do about it, likewise; empty when there is nothing to say.
        fix: String,
    },
}

impl Failure {
    /// A failure that is not the configuration's fault.
    pub(crate) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Other { what: what.into(), fix: fix.into() }
    }

    /// The exit code that goes with it.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::CommandLine(_) => ExitCode::from(2),
            Self::Other { .. } => ExitCode::from(1),
        }
    }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::Configuration(mistake)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(mistake) => mistake.fmt(f),
            Self::CommandLine(what) => write!(f, "{what}."),
            Self::Other { what, fix } if fix.is_empty() => write!(f, "{what}."),
            Self::Other { what, fix } => write!(f, "{what}. {fix}."),
        }
    }
}

impl std::error::Error for Failure {}
