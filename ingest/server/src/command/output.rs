//! Where an export goes: standard output, or a file that is there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// How much is collected before it is written.
const BUFFER_BYTES: usize = 256 * 1024;

/// Where an export goes.
pub(super) enum Output {
    Standard(BufWriter<io::Stdout>),
    File(Unfinished),
}

/// A file under another name until it is whole. Dropped before, it is removed.
pub(super) struct Unfinished {
    file: Option<BufWriter<File>>,
    unfinished: PathBuf,
    path: PathBuf,
    force: bool,
}

impl Output {
    /// `binary` says that a terminal could not show it.
    ///
    /// # Errors
    /// [`Failure`] when the file is there already and `force` does not say otherwise, or cannot be
    /// written.
    pub(super) fn open(path: Option<&Path>, force: bool, binary: bool) -> Result<Self, Failure> {
        let Some(path) = path else {
            if binary && io::stdout().is_terminal() {
                return Err(Failure::CommandLine(
                    "a Parquet file is not for a terminal: add --output FILE".to_owned(),
                ));
            }
            return Ok(Self::Standard(BufWriter::with_capacity(BUFFER_BYTES, io::stdout())));
        };
        refuse_existing(path, force)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".unfinished");
        let unfinished = PathBuf::from(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&unfinished)
            .map_err(|e| unwritable(path, &e))?;
        // One that was killed has left it; another that is going on holds it.
        if file.try_lock().is_err() {
            return Err(Failure::new(
                format!("another export is writing {}", path.display()),
                "Wait for it, or name another file",
            ));
        }
        file.set_len(0).map_err(|e| unwritable(path, &e))?;
        let file = Some(BufWriter::with_capacity(BUFFER_BYTES, file));
        Ok(Self::File(Unfinished { file, unfinished, path: path.to_owned(), force }))
    }

    /// Brings it to the disk and gives it its name.
    ///
    /// # Errors
    /// [`Failure`] when that cannot be done.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Standard(mut out) => out.flush().map_err(|e| gone(&e)),
            Self::File(mut file) => file.finish(),
        }
    }

    /// What an error of writing to it means.
    pub(super) fn failure(&self, error: &io::Error) -> Failure {
        match self {
            Self::Standard(_) => gone(error),
            Self::File(file) => unwritable(&file.path, error),
        }
    }
}

impl Unfinished {
    fn finish(&mut self) -> Result<(), Failure> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let failed = |e: &io::Error| unwritable(&self.path, e);
        let file = file.into_inner().map_err(|e| failed(e.error()))?;
        file.sync_all().map_err(|e| failed(&e))?;
        // It may have come up while this one was written.
        refuse_existing(&self.path, self.force)?;
        fs::rename(&self.unfinished, &self.path).map_err(|e| failed(&e))?;
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty());
        // The file is whole; a folder that cannot be synced only makes its name less certain.
        let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|d| d.sync_all());
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone after a rename, which is what should be.
        let _ = fs::remove_file(&self.unfinished);
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::File(Unfinished { file: Some(file), .. }) => file.write(bytes),
            Self::File(_) => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::File(Unfinished { file: Some(file), .. }) => file.flush(),
            Self::File(_) => Ok(()),
        }
    }
}

fn refuse_existing(path: &Path, force: bool) -> Result<(), Failure> {
    if force || !path.exists() {
        return Ok(());
    }
    Err(Failure::new(
        format!("{} is there already", path.display()),
        "Name another file, or add --force to replace it",
    ))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::new(
            format!("the disk filled up while {path} was written; what was written is removed"),
            "Free some space, or name a file on another disk",
        ),
        _ => Failure::new(format!("{path} cannot be written: {error}"), "Name another file"),
    }
}

/// Whoever read standard output has gone.
fn gone(error: &io::Error) -> Failure {
    Failure::new(format!("standard output cannot be written: {error}"), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let mut out = Output::open(Some(&path), false, false).unwrap();
        out.write_all(b"half").unwrap();
        assert!(Output::open(Some(&path), false, false).is_err(), "two at once");
        assert!(!path.exists());
        drop(out);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::write(dir.path().join("a.csv.unfinished"), "left by one that was killed").unwrap();
        let mut out = Output::open(Some(&path), false, false).unwrap();
        out.write_all(b"whole").unwrap();
        out.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

        let refused = Output::open(Some(&path), false, false).err().unwrap().to_string();
        assert!(refused.contains("--force"), "{refused}");
        let mut out = Output::open(Some(&path), true, false).unwrap();
        out.write_all(b"new").unwrap();
        out.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_comes_up_meanwhile_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let out = Output::open(Some(&path), false, false).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(out.finish().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
