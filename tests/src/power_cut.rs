//! The power cut at every write of the store: a run of the real store is written down write by
//! write, and for each moment of it the disk is shown as a power cut would leave it, opened, and
//! asked for every reading by its identity.

mod check;
mod run;
pub(crate) mod script;

pub use check::Survived;
pub use run::Run;
pub(crate) use run::{open, send};
pub(crate) use script::{NOW, Truth, pipeline};

use anyhow::Result;
use tram_pages::witness::{Fault, Survives};

use crate::shared_memory;

/// Runs the store with something going wrong and counts readings at the end; after a sync that
/// failed also after power cuts at the moments behind it that `choose` chooses, at which nothing
/// but the synced is there.
///
/// # Errors
/// When the store goes on to refuse, or a reading is lost or there twice.
pub fn try_fault(
    seed: u64,
    batches: u64,
    fault: Fault,
    mut choose: impl FnMut(usize) -> bool,
) -> Result<Run> {
    let folder = shared_memory()?;
    let run = Run::record(folder.path(), seed, batches, Some(fault))?;
    let end = run.moments() - 1;
    let failed = run.failed_syncs();
    let near = |moment| failed.iter().any(|f| (*f..f + 80).contains(&moment));
    run.cut(
        0,
        |moment| moment == end || near(moment) && choose(moment),
        |moment, way, snapshot| {
            let expected = if moment == end { Survives::Everything } else { Survives::Nothing };
            if way == expected {
                let folder = shared_memory()?;
                run.check(moment, snapshot, folder.path()).map_err(|e| {
                    e.context(format!("after {moment} operations, {way:?} survives"))
                })?;
            }
            Ok(())
        },
    )?;
    Ok(run)
}
