//! Rules that change while the centre runs: a change of their folder, or SIGHUP.
//!
//! A bad folder is refused whole and said, loudly and for as long as it lasts; the rules that were
//! stay.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::{MAX_RULES, files, load};
use crate::{alarms::Alarms, clock, wake::Wake};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How the rules in force came about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// How many rules are evaluated.
    pub(crate) rules: usize,
    /// How often others were taken.
    pub(crate) taken_total: u64,
    /// How often others were refused.
    pub(crate) refused_total: u64,
    /// Why what is in the folder now is not in force, when it is not.
    pub(crate) refused: Option<String>,
}

/// The folder, and what is known of it.
pub(crate) struct Folder {
    path: PathBuf,
    standing: Mutex<Standing>,
    /// Rings on SIGHUP.
    bell: Wake,
}

impl Folder {
    /// A folder whose rules are in force.
    pub(crate) fn new(path: &Path, rules: usize) -> Arc<Self> {
        let standing = Mutex::new(Standing { rules, ..Standing::default() });
        Arc::new(Self { path: path.to_owned(), standing, bell: Wake::default() })
    }

    /// How the rules in force came about.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Reads the folder again, also when nothing has changed.
    pub(crate) fn ask(&self) {
        self.bell.ring();
    }

    /// Ends the thread when it next looks.
    pub(crate) fn stop(&self) {
        self.bell.stop();
    }

    /// Starts the thread that looks at the folder.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn watch(self: &Arc<Self>, alarms: Arc<Alarms>) -> std::io::Result<JoinHandle<()>> {
        let folder = Arc::clone(self);
        std::thread::Builder::new().name("rules".to_owned()).spawn(move || folder.run(&alarms))
    }

    fn run(&self, alarms: &Alarms) {
        let mut known = digest(&self.path);
        let mut heard = self.bell.rings();
        while self.bell.sleep(heard, LOOK) {
            let asked = self.bell.rings();
            let now = digest(&self.path);
            if now != known || asked != heard {
                self.reload(alarms);
            }
            (known, heard) = (now, asked);
        }
    }

    /// Takes what is in the folder, whole or not at all.
    fn reload(&self, alarms: &Alarms) {
        let outcome = load(&self.path).map_err(|mistake| mistake.to_string()).and_then(|rules| {
            let count = rules.len();
            let applied = alarms.alerts().reload(rules, clock::now());
            applied.map(|applied| (count, applied.changed)).map_err(|e| e.to_string())
        });
        match outcome {
            Ok((rules, changed)) => {
                tracing::info!(rules, "the rules were read again and are in force");
                {
                    let mut standing = self.lock();
                    standing.rules = rules;
                    standing.taken_total += 1;
                    standing.refused = None;
                }
                alarms.publish(&changed);
            }
            Err(why) => {
                tracing::error!(why, "the rules in the folder are refused; the old ones stay");
                let mut standing = self.lock();
                standing.refused_total += 1;
                standing.refused = Some(why);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells two folders of rules apart; a folder that cannot be read is one as well.
fn digest(folder: &Path) -> [u8; 32] {
    let mut hash = Sha256::new();
    for path in files(folder).unwrap_or_default().into_iter().take(MAX_RULES) {
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(Sha256::digest(fs::read(&path).unwrap_or_default()));
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_goes_or_changes_makes_another_folder() {
        let folder = tempfile::tempdir().unwrap();
        let empty = digest(folder.path());
        fs::write(folder.path().join("a.toml"), "a").unwrap();
        let one = digest(folder.path());
        fs::write(folder.path().join("b.txt"), "b").unwrap();
        assert_eq!(digest(folder.path()), one);
        fs::write(folder.path().join("a.toml"), "b").unwrap();
        let other = digest(folder.path());
        fs::remove_file(folder.path().join("a.toml")).unwrap();
        assert!(empty != one && one != other && digest(folder.path()) == empty);
    }
}
