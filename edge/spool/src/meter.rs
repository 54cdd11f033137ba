//! Counts what really goes to the medium: whole blocks, and the file system's own notes. An SD card
//! dies of what is written to it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{BLOCK_BYTES, Disk, DiskFile};

/// A disk that counts. A block that is written several times before it is synced counts once, and
/// each sync counts a block more for the file system's journal.
#[derive(Debug)]
pub(crate) struct Metered<D> {
    disk: D,
    written: Arc<AtomicU64>,
}

/// A file of it.
#[derive(Debug)]
pub(crate) struct MeteredFile<F> {
    file: F,
    written: Arc<AtomicU64>,
    /// First and one behind the last byte that was written since the last sync.
    dirty: Option<(u64, u64)>,
}

impl<D> Metered<D> {
    pub(crate) fn new(disk: D) -> Self {
        Self { disk, written: Arc::default() }
    }

    /// Bytes since it was made.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }
}

impl<D: Disk> Disk for Metered<D> {
    type File = MeteredFile<D::File>;

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn open(&self, name: &str) -> io::Result<Self::File> {
        let file = self.disk.open(name)?;
        Ok(MeteredFile { file, written: Arc::clone(&self.written), dirty: None })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)?;
        self.written.fetch_add(BLOCK_BYTES, Relaxed);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()?;
        self.written.fetch_add(BLOCK_BYTES, Relaxed);
        Ok(())
    }
}

impl<F: DiskFile> DiskFile for MeteredFile<F> {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buf)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset.saturating_add(bytes.len() as u64);
        let (from, to) = self.dirty.unwrap_or((offset, end));
        self.dirty = Some((from.min(offset), to.max(end)));
        self.file.write_at(offset, bytes)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        let (from, to) = self.dirty.take().unwrap_or_default();
        let blocks = to.div_ceil(BLOCK_BYTES).saturating_sub(from / BLOCK_BYTES);
        let bytes = blocks.saturating_add(1).saturating_mul(BLOCK_BYTES);
        self.written.fetch_add(bytes, Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    #[test]
    fn blocks_are_counted_not_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Metered::new(Folder::open(dir.path()).unwrap());
        let mut file = disk.open("a").unwrap();
        file.write_at(0, &[1; 10]).unwrap();
        file.write_at(10, &[1; 10]).unwrap();
        assert_eq!(disk.written(), 0, "not on the medium yet");
        file.sync().unwrap();
        assert_eq!(disk.written(), 2 * BLOCK_BYTES, "a block and the journal");
        file.write_at(4090, &[1; 10]).unwrap();
        file.sync().unwrap();
        assert_eq!(disk.written(), 5 * BLOCK_BYTES, "two blocks and the journal");
        file.sync().unwrap();
        disk.sync().unwrap();
        disk.remove("a").unwrap();
        assert_eq!(disk.written(), 8 * BLOCK_BYTES);
    }
}
