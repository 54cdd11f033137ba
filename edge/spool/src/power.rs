//! A disk in memory that loses power, fails, rots, and remembers every byte that was written to it,
//! so that a test can cut the power at each of them.

use std::{cell::RefCell, collections::BTreeMap, io, rc::Rc};

use crate::{BLOCK_BYTES, Disk, DiskFile};

/// A sector: what a medium writes as a whole.
const SECTOR: usize = 512;

/// What of the unsynced part is there when the power comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// All of it.
    Everything,
    /// None of it.
    Nothing,
    /// The sizes but not the content.
    Zeros,
    /// Sectors and names at random, with this seed.
    Some(u64),
}

/// What the disk refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A write when it would make a file longer.
    Full,
    /// Every change.
    ReadOnly,
    /// Every write.
    Write,
    /// Every sync of a file.
    Sync,
}

/// One change of the disk.
#[derive(Debug, Clone)]
pub enum Operation {
    /// A file came into being, empty.
    Create {
        /// Its name.
        name: String,
        /// Its number on this disk.
        file: usize,
    },
    /// Bytes were written.
    Write {
        /// To which file.
        file: usize,
        /// Where.
        offset: usize,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file was cut off or made longer.
    Truncate {
        /// Which.
        file: usize,
        /// To which length.
        len: usize,
    },
    /// What was written to a file is durable.
    Sync {
        /// Which.
        file: usize,
    },
    /// A file got another name.
    Rename {
        /// Which.
        from: String,
        /// Which one.
        to: String,
    },
    /// A file was deleted.
    Remove {
        /// Which.
        name: String,
    },
    /// Names are durable.
    SyncNames,
}

impl Operation {
    /// How many bytes it writes: so many places there are at which the power may go.
    #[must_use]
    pub fn bytes(&self) -> usize {
        if let Self::Write { bytes, .. } = self { bytes.len() } else { 0 }
    }
}

#[derive(Debug, Default, Clone)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
}

/// Files and names, as a program sees them and as they are on the medium.
#[derive(Debug, Default, Clone)]
pub struct Platter {
    files: BTreeMap<usize, Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    next: usize,
}

impl Platter {
    /// Applies a change, or only the first `bytes` of a write.
    pub fn apply(&mut self, operation: &Operation, bytes: Option<usize>) {
        match operation {
            Operation::Create { name, file } => {
                self.names.insert(name.clone(), *file);
                self.files.insert(*file, Content::default());
                self.next = self.next.max(file + 1);
            }
            Operation::Write { file, offset, bytes: all } => {
                let written = all.get(..bytes.unwrap_or(all.len())).unwrap_or(all);
                let Some(content) = self.files.get_mut(file) else { return };
                let end = offset + written.len();
                if content.now.len() < end {
                    content.now.resize(end, 0);
                }
                if let Some(place) = content.now.get_mut(*offset..end) {
                    place.copy_from_slice(written);
                }
            }
            Operation::Truncate { file, len } => {
                if let Some(content) = self.files.get_mut(file) {
                    content.now.resize(*len, 0);
                }
            }
            Operation::Sync { file } => {
                if let Some(content) = self.files.get_mut(file) {
                    content.durable.clone_from(&content.now);
                }
            }
            Operation::Rename { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Operation::Remove { name } => {
                self.names.remove(name);
            }
            Operation::SyncNames => {
                self.durable_names.clone_from(&self.names);
                let (now, durable) = (&self.names, &self.durable_names);
                self.files
                    .retain(|file, _| now.values().chain(durable.values()).any(|f| f == file));
            }
        }
    }

    /// What is there after the power was gone.
    #[must_use]
    pub fn power_cut(&self, survives: Survives) -> Self {
        let mut random = match survives {
            Survives::Some(seed) => seed | 1,
            _ => 1,
        };
        let mut coin = || {
            // xorshift64: any bit will do.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random >> 63 == 1
        };
        let mut after = Self { next: self.next, ..Self::default() };
        after.names = match survives {
            Survives::Everything => self.names.clone(),
            Survives::Nothing | Survives::Zeros => self.durable_names.clone(),
            Survives::Some(_) => {
                let (kept, mut changed) = (&self.durable_names, self.durable_names.clone());
                for (name, file) in &self.names {
                    if kept.get(name) != Some(file) && coin() {
                        changed.insert(name.clone(), *file);
                    }
                }
                for name in kept.keys() {
                    if !self.names.contains_key(name) && coin() {
                        changed.remove(name);
                    }
                }
                changed
            }
        };
        for file in after.names.values() {
            let content = self.files.get(file).cloned().unwrap_or_default();
            let now = content.after(survives, &mut coin);
            after.files.insert(*file, Content { durable: now.clone(), now });
        }
        after.durable_names.clone_from(&after.names);
        after
    }

    /// What its files take, in whole blocks.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        let sizes = self.names.values().filter_map(|file| self.files.get(file));
        sizes.map(|c| (c.now.len() as u64).next_multiple_of(BLOCK_BYTES)).sum()
    }
}

impl Content {
    fn after(self, survives: Survives, mut coin: impl FnMut() -> bool) -> Vec<u8> {
        match survives {
            Survives::Everything => self.now,
            Survives::Nothing => self.durable,
            Survives::Zeros => {
                let len = self.now.len().max(self.durable.len());
                let mut zeros = self.durable;
                zeros.resize(len, 0);
                zeros
            }
            Survives::Some(_) => {
                let mut mixed = self.durable;
                if self.now.len() != mixed.len() && coin() {
                    mixed.resize(self.now.len(), 0);
                }
                for (old, new) in mixed.chunks_mut(SECTOR).zip(self.now.chunks(SECTOR)) {
                    if coin() {
                        for (old, new) in old.iter_mut().zip(new) {
                            *old = *new;
                        }
                    }
                }
                mixed
            }
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    platter: Platter,
    recording: Option<Vec<Operation>>,
    fault: Option<Fault>,
}

impl Inner {
    fn perform(&mut self, operation: Operation) {
        self.platter.apply(&operation, None);
        if let Some(recording) = &mut self.recording {
            recording.push(operation);
        }
    }

    fn change(&self) -> io::Result<()> {
        match self.fault {
            Some(Fault::ReadOnly) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            _ => Ok(()),
        }
    }
}

/// The disk; a clone is the same disk.
#[derive(Debug, Clone, Default)]
pub struct PowerDisk(Rc<RefCell<Inner>>);

/// An open file of it.
#[derive(Debug)]
pub struct PowerFile {
    file: usize,
    disk: PowerDisk,
}

impl PowerDisk {
    /// A disk with this on it.
    #[must_use]
    pub fn of(platter: Platter) -> Self {
        Self(Rc::new(RefCell::new(Inner { platter, ..Inner::default() })))
    }

    /// Remembers every change from now on.
    pub fn record(&self) {
        self.0.borrow_mut().recording = Some(Vec::new());
    }

    /// How many changes it remembers.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.0.borrow().recording.as_ref().map_or(0, Vec::len)
    }

    /// The changes it remembers.
    #[must_use]
    pub fn recording(&self) -> Vec<Operation> {
        self.0.borrow().recording.clone().unwrap_or_default()
    }

    /// Refuses something from now on, or nothing.
    pub fn fail(&self, fault: Option<Fault>) {
        self.0.borrow_mut().fault = fault;
    }

    /// The power goes and comes back.
    pub fn power_cut(&self, survives: Survives) {
        let mut inner = self.0.borrow_mut();
        inner.platter = inner.platter.power_cut(survives);
    }

    /// What is on it.
    #[must_use]
    pub fn platter(&self) -> Platter {
        self.0.borrow().platter.clone()
    }

    /// Names and sizes of its files.
    #[must_use]
    pub fn files(&self) -> Vec<(String, usize)> {
        let inner = self.0.borrow();
        let size = |file| inner.platter.files.get(file).map_or(0, |c| c.now.len());
        inner.platter.names.iter().map(|(name, file)| (name.clone(), size(file))).collect()
    }

    /// Flips bits of a byte where it rests.
    pub fn rot(&self, name: &str, byte: usize, bits: u8) {
        let mut inner = self.0.borrow_mut();
        let Some(file) = inner.platter.names.get(name).copied() else { return };
        if let Some(content) = inner.platter.files.get_mut(&file) {
            for copy in [&mut content.now, &mut content.durable] {
                if let Some(b) = copy.get_mut(byte) {
                    *b ^= bits;
                }
            }
        }
    }
}

impl Disk for PowerDisk {
    type File = PowerFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().platter.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<PowerFile> {
        let mut inner = self.0.borrow_mut();
        let file = match inner.platter.names.get(name) {
            Some(file) => *file,
            None => {
                inner.change()?;
                let file = inner.platter.next;
                inner.perform(Operation::Create { name: name.to_owned(), file });
                file
            }
        };
        Ok(PowerFile { file, disk: self.clone() })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        inner.change()?;
        inner.perform(Operation::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        inner.change()?;
        if !inner.platter.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        inner.perform(Operation::Remove { name: name.to_owned() });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        inner.change()?;
        inner.perform(Operation::SyncNames);
        Ok(())
    }
}

impl PowerFile {
    fn content<T>(&self, look: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let inner = self.disk.0.borrow();
        inner
            .platter
            .files
            .get(&self.file)
            .map(|c| look(&c.now))
            .ok_or(io::ErrorKind::NotFound.into())
    }
}

impl DiskFile for PowerFile {
    fn size(&self) -> io::Result<u64> {
        self.content(|bytes| bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.content(|bytes| {
            let from = bytes.get(offset..offset.saturating_add(buf.len()));
            buf.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })?
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let size = self.content(<[u8]>::len)?;
        let mut inner = self.disk.0.borrow_mut();
        inner.change()?;
        let (written, outcome) = match inner.fault {
            Some(Fault::Full) if offset + bytes.len() > size => {
                (bytes.len() / 2, Err(io::ErrorKind::StorageFull.into()))
            }
            Some(Fault::Write) => (bytes.len() / 2, Err(io::Error::other("the write failed"))),
            _ => (bytes.len(), Ok(())),
        };
        let bytes = bytes.get(..written).unwrap_or_default().to_vec();
        inner.perform(Operation::Write { file: self.file, offset, bytes });
        outcome
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mut inner = self.disk.0.borrow_mut();
        inner.change()?;
        inner.perform(Operation::Truncate { file: self.file, len });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.disk.0.borrow_mut();
        inner.change()?;
        if inner.fault == Some(Fault::Sync) {
            return Err(io::Error::other("the sync failed"));
        }
        inner.perform(Operation::Sync { file: self.file });
        Ok(())
    }
}
