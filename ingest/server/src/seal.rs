//! The sealer's thread: moves readings from the log's head into the files of their days.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use tram_store::{Keeper, Sealer};

use crate::{clock, ledger::Ledger, wake::Wake};

/// How often to look whether there is enough to seal. At a million readings a second, what comes
/// in between two looks is what the head holds too much.
const LOOK: Duration = Duration::from_millis(250);
/// What is in the head for longer than this is sealed even when it is little, so that a start
/// after a crash has little to read.
const AT_LATEST: Duration = Duration::from_secs(3_600);

/// Starts the thread; it ends when `stop` says so.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(
    mut sealer: Sealer,
    mut keeper: Keeper,
    ledger: Arc<Ledger>,
    stop: Arc<Wake>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("seal".to_owned()).spawn(move || {
        let mut sealed = clock::instant();
        while stop.sleep(stop.rings(), LOOK) {
            let now = clock::instant();
            if !sealer.due() && now.duration_since(sealed) < AT_LATEST {
                continue;
            }
            sealed = now;
            match sealer.seal() {
                Ok(Some(done)) => {
                    let behind = ledger.sealing().through;
                    ledger.sealed(Some(&done));
                    // A batch is among them when its entry, of the line "committed", is.
                    tracing::debug!(
                        %behind,
                        through = %done.through,
                        readings = done.readings,
                        bytes = done.bytes,
                        chunks = done.chunks,
                        "sealed"
                    );
                }
                Ok(None) => {}
                // The readings stay in the log; the next look tries again.
                Err(error) => {
                    ledger.sealed(None);
                    tracing::warn!(%error, "readings could not be sealed");
                }
            }
            match keeper.step(clock::now()) {
                Ok(kept) => ledger.kept(Some(&kept)),
                Err(error) => {
                    ledger.kept(None);
                    tracing::warn!(%error, "rollups and retention do not go on");
                }
            }
        }
    })
}
