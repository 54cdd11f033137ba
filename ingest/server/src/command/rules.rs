//! `tram-ingest rules`: what is looked at before a rule matters. One file each.

mod check;
mod episodes;
mod plot;
mod recording;
mod replay;
mod score;
mod series;
mod span;
mod test;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use tram_config::{Document, Mistake};
use tram_rules::Rule;

use super::drill;
use crate::{failure::Failure, rules};

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    Check(check::Check),
    Test(test::Test),
    Replay(Box<replay::Replay>),
    Drill(drill::Drill),
}

impl RulesCommand {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`] with a sentence and what to do.
    pub(crate) fn execute(&self) -> Result<(), Failure> {
        match self {
            Self::Check(asked) => check::check(asked),
            Self::Test(asked) => test::test(asked),
            Self::Replay(asked) => replay::replay(asked),
            Self::Drill(asked) => drill::drill(asked),
        }
    }
}

/// Every `.toml` file of what was named: files as they are, of a folder those that are in it.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in named {
        if path.is_dir() {
            all.extend(rules::files(path)?);
        } else {
            all.push(path.clone());
        }
    }
    Ok(all)
}

/// Reads one rule and checks it; every mistake.
fn read(path: &Path) -> Result<Document<Rule>, Vec<Mistake>> {
    let document = tram_config::read::<Rule>(path).map_err(|mistake| vec![mistake])?;
    match document.value.check() {
        Ok(()) => Ok(document),
        Err(found) => {
            let mistake = |m: &tram_rules::RuleMistake| {
                document.mistake(&m.key, m.message.clone(), m.fix.clone())
            };
            Err(found.iter().map(mistake).collect())
        }
    }
}
