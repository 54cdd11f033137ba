//! The sealer's thread: moves readings from the log's head into the files of their days, then rolls
//! them up, brings small chunks together and deletes what is past its time.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use tram_store::{
    Damage, Keeper, Kept, Sealed, Sealer, Store,
    check::{Finding, Severity},
};

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
    sealer: Sealer,
    keeper: Keeper,
    store: Store,
    ledger: Arc<Ledger>,
    stop: Arc<Wake>,
) -> std::io::Result<JoinHandle<()>> {
    // What was found at the start is said by the start.
    let said = store.findings();
    let mut sealing = Sealing { sealer, keeper, store, said, ledger, stop };
    std::thread::Builder::new().name("seal".to_owned()).spawn(move || sealing.run())
}

struct Sealing {
    sealer: Sealer,
    keeper: Keeper,
    store: Store,
    /// The findings that were said.
    said: Vec<Finding>,
    ledger: Arc<Ledger>,
    stop: Arc<Wake>,
}

impl Sealing {
    fn run(&mut self) {
        let mut sealed = clock::instant();
        while self.stop.sleep(self.stop.rings(), LOOK) {
            let now = clock::instant();
            if self.sealer.due() || now.duration_since(sealed) >= AT_LATEST {
                sealed = now;
                self.seal();
            }
            self.keep();
            self.say_findings();
        }
    }

    /// Says what was found to be damaged, each once, whoever has found it.
    fn say_findings(&mut self) {
        let findings = self.store.findings();
        for finding in findings.iter().filter(|f| !self.said.contains(f)) {
            say_finding(finding);
        }
        self.said = findings;
    }

    fn seal(&mut self) {
        match self.sealer.seal() {
            Ok(Some(done)) => {
                let behind = self.ledger.sealing().through;
                self.ledger.sealed(Some(&done));
                // A batch is among them when its entry, of the line "committed", is.
                tracing::debug!(
                    %behind,
                    through = %done.through,
                    readings = done.readings,
                    bytes = done.bytes,
                    chunks = done.chunks,
                    "sealed"
                );
                say_expired(&done);
            }
            Ok(None) => {}
            // The readings stay in the log; the next look tries again.
            Err(error) => {
                self.ledger.sealed(None);
                tracing::warn!(%error, "readings could not be sealed");
            }
        }
    }

    /// Works piece by piece until there is nothing more to do, or something to seal.
    fn keep(&mut self) {
        loop {
            match self.keeper.step(clock::now()) {
                Ok(kept) => {
                    self.ledger.kept(Some(&kept));
                    say_kept(&kept);
                    if !kept.more || self.stop.stopping() || self.sealer.due() {
                        return;
                    }
                }
                Err(error) => {
                    self.ledger.kept(None);
                    tracing::warn!(%error, "rollups and retention do not go on");
                    return;
                }
            }
        }
    }
}

/// Says what was found to be damaged.
pub(crate) fn say_finding(finding: &Finding) {
    let Finding { severity, file, what, affects, fix } = finding;
    let of = affects.to_string();
    match severity {
        Severity::Damage => tracing::error!(file, of, "{what}: {fix}"),
        Severity::Note => tracing::warn!(file, of, "{what}: {fix}"),
    }
}

fn say_expired(sealed: &Sealed) {
    if sealed.expired > 0 {
        tracing::warn!(
            readings = sealed.expired,
            "readings came after those of their day were deleted; they are in the log and went to \
             the sinks and the alarms, and are left out of the series: keep readings longer, see \
             [retention] raw"
        );
    }
}

fn say_kept(kept: &Kept) {
    if kept.rolled > 0 {
        tracing::debug!(days = kept.rolled, readings = kept.readings, "rolled up");
    }
    for file in &kept.deleted {
        tracing::info!(file = %file.path.display(), bytes = file.bytes, "deleted, its time is over");
    }
    if let Some(damage) = &kept.damage {
        say_damage(damage);
    }
}

fn say_damage(damage: &Damage) {
    let Damage { path, key, aside, again, rebuilt, lost } = damage;
    let (file, aside) = (path.display(), aside.as_ref().map(|p| p.display()));
    let of = key.map(|key| format!("{}/{}", key.node, key.channel));
    let of = of.as_deref().unwrap_or("all");
    match lost {
        0 => tracing::warn!(
            %file, of, again, rebuilt, aside = ?aside.map(|a| a.to_string()),
            "rollups were damaged and are rebuilt; check the disk"
        ),
        lost => tracing::error!(
            %file, of, again, rebuilt, lost, aside = ?aside.map(|a| a.to_string()),
            "rollups were damaged; days of a series that could not be rebuilt are missing: \
             restore them from a backup, and check the disk"
        ),
    }
}
