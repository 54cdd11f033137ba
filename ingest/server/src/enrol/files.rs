//! The folder `enrol/`: one writer at a time, each file whole or not there, and for its owner's
//! eyes only.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::FlockOperation;

/// The folder's name within the data folder.
pub(crate) const FOLDER: &str = "enrol";
/// The file that is locked; nothing is in it.
const LOCK: &str = "lock";

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    data: PathBuf,
    path: PathBuf,
}

/// The right to write, until it is dropped.
pub(super) struct Locked(#[expect(dead_code, reason = "the lock goes with the file")] fs::File);

impl Folder {
    /// Opens the folder of a data folder, and makes it.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(FOLDER);
        fs::create_dir_all(data)?;
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        let folder = Self { data: data.to_owned(), path };
        folder.give_away(&folder.path);
        Ok(folder)
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Waits until nobody else writes.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn lock(&self) -> io::Result<Locked> {
        let path = self.file(LOCK);
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        self.give_away(&path);
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        Ok(Locked(file))
    }

    /// Puts a file into the place of the one before, on the disk when this returns.
    ///
    /// # Errors
    /// What the file system says; then the one before is still there.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (path, new) = (self.file(name), self.file(&format!("{name}.new")));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        self.give_away(&new);
        fs::rename(&new, &path)?;
        fs::File::open(&self.path)?.sync_all()
    }

    /// Adds to the end of a file.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.file(name);
        let mut file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        self.give_away(&path);
        file.write_all(bytes)
    }

    /// Gives a file to the owner of the data folder: commands are run with `sudo`, the centre by a
    /// user of its own. Without the right to do so, or the need, it stays as it is.
    fn give_away(&self, path: &Path) {
        if let (Ok(data), Ok(file)) = (fs::metadata(&self.data), fs::metadata(path))
            && (data.uid(), data.gid()) != (file.uid(), file.gid())
        {
            let _ = std::os::unix::fs::chown(path, Some(data.uid()), Some(data.gid()));
        }
    }
}
