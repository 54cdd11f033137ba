//! The few operations on files that the spool needs, and their implementation on a folder.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// A flat folder of files. Names are plain, without separators.
pub trait Disk {
    /// An open file.
    type File: DiskFile;
    /// The names of all files.
    ///
    /// # Errors
    /// What the medium says.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file for reading and writing; makes it, empty, when there is none.
    ///
    /// # Errors
    /// What the medium says.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name.
    ///
    /// # Errors
    /// What the medium says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Deletes a file.
    ///
    /// # Errors
    /// What the medium says.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable: what was made, renamed or deleted before stays so after loss of power.
    ///
    /// # Errors
    /// What the medium says.
    fn sync(&self) -> io::Result<()>;
}

/// An open file, read and written at offsets.
pub trait DiskFile {
    /// Its size in bytes.
    ///
    /// # Errors
    /// What the medium says.
    fn size(&self) -> io::Result<u64>;
    /// Fills `buf` from `offset`.
    ///
    /// # Errors
    /// What the medium says; `UnexpectedEof` when the file ends before.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the medium says; some of the bytes may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file off at `len` bytes.
    ///
    /// # Errors
    /// What the medium says.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Makes the content durable (`fdatasync`).
    ///
    /// # Errors
    /// What the medium says; nothing written since the last success may be relied on.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the file system, locked against a second process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Holds the lock for as long as it lives.
    _lock: File,
}

impl Folder {
    /// The name of the file that carries the lock.
    const LOCK: &str = "lock";

    /// Opens a folder, making it when absent, and locks it.
    ///
    /// # Errors
    /// `WouldBlock` when another process has it locked, else what the file system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(Self::LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

impl Disk for Folder {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not UTF-8 is not one of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.retain(|name| name != Self::LOCK);
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        self.metadata().map(|m| m.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buf, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
