//! `tram-ingest rules`: what is looked at before a rule matters. One file each.

use clap::Subcommand;

use super::drill;
use crate::failure::Failure;

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    Drill(drill::Drill),
}

impl RulesCommand {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`] with a sentence and what to do.
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        match self {
            Self::Drill(asked) => drill::drill(asked),
        }
    }
}
