//! The disk as a power cut leaves it.
//!
//! What was synced is there. Of what was not, each write may have reached the disk or not, whole
//! or some of its sectors, in any order; the changes of a folder's names reach it in their order,
//! as far as they do. A sector is written whole or not at all, and nothing beside it changes
//! (SQLite calls this `POWERSAFE_OVERWRITE` and relies on it).

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Operation;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What of the unsynced survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// Everything: the program was killed, the machine runs on.
    Everything,
    /// Nothing.
    Nothing,
    /// Everything but the last write, of which only the first sectors are there.
    AllButTheEnd,
    /// What this seed says.
    Some(u64),
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, bytes: Arc<[u8]> },
    Truncate(u64),
}

#[derive(Debug, Clone, Default)]
struct Contents {
    /// As programs see it while the machine runs.
    cached: Vec<u8>,
    synced: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Naming {
    Add(PathBuf, usize),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

#[derive(Debug, Clone, Default)]
struct Names {
    synced: BTreeMap<PathBuf, usize>,
    since: Vec<Naming>,
}

/// What is on the disk, and what is on its way there.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Vec<Contents>,
    /// The names as the program sees them.
    names: BTreeMap<PathBuf, usize>,
    folders: BTreeMap<PathBuf, Names>,
}

/// The files after a power cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Their contents by name.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    folders: Vec<PathBuf>,
}

pub(super) fn is_journal(name: &Path) -> bool {
    let name = name.as_os_str().as_encoded_bytes();
    name.ends_with(b"-wal") || name.ends_with(b"-journal")
}

fn folder(name: &Path) -> PathBuf {
    name.parent().unwrap_or(Path::new("")).to_owned()
}

impl Disk {
    /// Does what was done.
    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create(name) => {
                let file = self.files.len();
                self.files.push(Contents::default());
                self.names.insert(name.clone(), file);
                self.naming(name, Naming::Add(name.clone(), file));
            }
            Operation::Write { file, offset, bytes } => {
                self.change(file, Change::Write { offset: *offset, bytes: Arc::clone(bytes) });
            }
            Operation::Truncate { file, size } => self.change(file, Change::Truncate(*size)),
            Operation::Sync(name) => {
                if let Some(file) = self.file(name) {
                    for change in std::mem::take(&mut file.since) {
                        change.make(&mut file.synced);
                    }
                }
            }
            // As Linux does it: what could not be written is not tried again by the next sync, but
            // programs go on to see it.
            Operation::SyncFailed(name) => {
                if let Some(file) = self.file(name) {
                    file.since.clear();
                }
            }
            Operation::Remove(name) => {
                self.names.remove(name);
                self.naming(name, Naming::Remove(name.clone()));
            }
            Operation::Rename { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
                self.naming(from, Naming::Rename(from.clone(), to.clone()));
            }
            Operation::CreateFolder(name) => {
                self.folders.entry(name.clone()).or_default();
            }
            Operation::SyncFolder(name) => {
                let names = self.folders.entry(name.clone()).or_default();
                for naming in std::mem::take(&mut names.since) {
                    naming.make(&mut names.synced);
                }
            }
        }
    }

    fn file(&mut self, name: &Path) -> Option<&mut Contents> {
        self.names.get(name).and_then(|file| self.files.get_mut(*file))
    }

    fn change(&mut self, name: &Path, change: Change) {
        if let Some(file) = self.file(name) {
            change.make(&mut file.cached);
            file.since.push(change);
        }
    }

    fn naming(&mut self, name: &Path, naming: Naming) {
        self.folders.entry(folder(name)).or_default().since.push(naming);
    }

    /// The files as they are found after a power cut now.
    #[must_use]
    pub fn cut(&self, survives: Survives) -> Snapshot {
        let mut random = match survives {
            Survives::Some(seed) => Random(seed),
            _ => Random(0),
        };
        let mut snapshot = Snapshot::default();
        for (folder, names) in &self.folders {
            let mut found = names.synced.clone();
            let n = match survives {
                Survives::Everything | Survives::AllButTheEnd => names.since.len(),
                Survives::Nothing => 0,
                Survives::Some(_) => random.below(names.since.len() + 1),
            };
            names.since.iter().take(n).for_each(|naming| naming.make(&mut found));
            snapshot.folders.push(folder.clone());
            for (name, file) in found {
                if let Some(file) = self.files.get(file) {
                    snapshot.files.insert(name, file.cut(survives, &mut random));
                }
            }
        }
        snapshot
    }
}

impl Contents {
    fn cut(&self, survives: Survives, random: &mut Random) -> Vec<u8> {
        if survives == Survives::Everything {
            return self.cached.clone();
        }
        let mut bytes = self.synced.clone();
        let last = self.since.len().saturating_sub(1);
        for (n, change) in self.since.iter().enumerate() {
            match survives {
                Survives::Nothing => {}
                Survives::AllButTheEnd if n == last => {
                    change.tear(&mut bytes, |sector| sector == 0);
                }
                Survives::Everything | Survives::AllButTheEnd => change.make(&mut bytes),
                Survives::Some(_) => match random.below(4) {
                    0 => {}
                    1 => {
                        let seed = random.next();
                        change.tear(&mut bytes, |sector| Random(seed ^ sector).next() & 1 == 1);
                    }
                    _ => change.make(&mut bytes),
                },
            }
        }
        bytes
    }
}

impl Change {
    fn make(&self, to: &mut Vec<u8>) {
        self.tear(to, |_| true);
    }

    /// Makes it in those sectors only.
    fn tear(&self, to: &mut Vec<u8>, keep: impl Fn(u64) -> bool) {
        let (offset, bytes) = match self {
            Self::Write { offset, bytes } => (*offset, bytes),
            Self::Truncate(size) => {
                if keep(0) {
                    to.resize(usize::try_from(*size).unwrap_or_default(), 0);
                }
                return;
            }
        };
        let start = usize::try_from(offset).unwrap_or_default();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            // Sectors are those of the disk, not of the write.
            let place = start + at;
            let n = (SECTOR - place % SECTOR).min(rest.len());
            if keep((place / SECTOR - start / SECTOR) as u64) {
                if to.len() < place + n {
                    to.resize(place + n, 0);
                }
                if let (Some(to), Some(from)) = (to.get_mut(place..place + n), rest.get(..n)) {
                    to.copy_from_slice(from);
                }
            }
            at += n;
        }
    }
}

impl Naming {
    fn make(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Add(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

impl Snapshot {
    /// Writes the files into a folder.
    ///
    /// # Errors
    /// Those of the system.
    pub fn write(&self, to: &Path) -> io::Result<()> {
        for folder in &self.folders {
            fs::create_dir_all(to.join(folder))?;
        }
        for (name, bytes) in &self.files {
            fs::write(to.join(name), bytes)?;
        }
        Ok(())
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(operations: &[Operation]) -> Disk {
        let mut disk = Disk::default();
        operations.iter().for_each(|o| disk.apply(o));
        disk
    }

    fn write(file: &str, offset: u64, bytes: &[u8]) -> Operation {
        Operation::Write { file: file.into(), offset, bytes: bytes.into() }
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_perhaps() {
        let mut done = vec![
            Operation::Create("a".into()),
            write("a", 0, &[1; 1024]),
            Operation::Sync("a".into()),
            Operation::SyncFolder("".into()),
            write("a", 512, &[2; 1024]),
            Operation::Create("b".into()),
            Operation::Rename { from: "a".into(), to: "c".into() },
        ];
        let a = |d: &Snapshot, name: &str| d.files.get(Path::new(name)).cloned();
        let all = disk(&done).cut(Survives::Everything);
        assert_eq!(a(&all, "c").unwrap(), [[1_u8; 512], [2; 512], [2; 512]].concat());
        assert_eq!((a(&all, "a"), a(&all, "b")), (None, Some(vec![])));
        let none = disk(&done).cut(Survives::Nothing);
        assert_eq!((a(&none, "a").unwrap(), a(&none, "b")), (vec![1; 1024], None));
        let torn = disk(&done).cut(Survives::AllButTheEnd);
        assert_eq!(a(&torn, "c").unwrap(), [[1_u8; 512], [2; 512]].concat());
        done.push(Operation::SyncFolder("".into()));
        for seed in 0..50 {
            let some = disk(&done).cut(Survives::Some(seed));
            let c = a(&some, "c").unwrap();
            assert!(c[..512] == [1; 512] && (c[512] == 1 || c[512] == 2), "seed {seed}");
            assert_eq!(a(&some, "b"), Some(vec![]));
        }
    }
}
