//! The commands for the person who mounts the station. They work without a network, say what to do
//! next, and read a station file as `run` does.

mod answers;
mod bench;
pub(crate) mod calibrate;
pub(crate) mod commission;
pub(crate) mod doctor;
pub(crate) mod help;
mod report;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod siren;
pub(crate) mod validate;
pub(crate) mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{
    config::{self, Checked},
    speech::Speech,
};

/// Something is wrong with the command line or the configuration.
pub(crate) const BAD_CONFIGURATION: u8 = 2;

/// Which station.
#[derive(Debug, Clone, Args)]
pub(crate) struct Station {
    /// The station file. Relative paths in it count from the current folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Put emulated sensors in the place of real ones: for training, at a desk.
    #[arg(long)]
    pub(crate) emulated: bool,
}

impl Station {
    /// Reads and checks the station file; says every mistake on standard error.
    ///
    /// # Errors
    /// The exit status for a file with mistakes.
    pub(crate) fn load(&self, speech: &Speech) -> Result<Checked, ExitCode> {
        config::load(&self.config, self.emulated).map_err(|mistakes| {
            for mistake in &mistakes {
                eprintln!("{}", speech.mistake(mistake));
            }
            let (n, file) = (mistakes.len(), self.config.display());
            let noun = if n == 1 { "mistake" } else { "mistakes" };
            eprintln!("{}", speech.of([format!("{file}: {n} lỗi"), format!("{file}: {n} {noun}")]));
            ExitCode::from(BAD_CONFIGURATION)
        })
    }
}
