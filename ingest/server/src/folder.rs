//! The data folder: whether it can be used, found out before anything depends on it.

use std::{fs, io, path::Path};

use tram_store::StoreError;

use crate::failure::Failure;

/// How much is written to find out whether there is room.
const PROBE_BYTES: usize = 1024 * 1024;

/// Makes the folder and writes a file to see that it can be done.
///
/// # Errors
/// [`Failure`] with what to do.
pub(crate) fn prepare(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|e| failure(folder, &e))?;
    let path = folder.join(".probe");
    let written = fs::File::create(&path).and_then(|mut file| {
        io::Write::write_all(&mut file, &vec![0; PROBE_BYTES])?;
        file.sync_all()
    });
    // What cannot be removed could not be written, and that is said below.
    let _ = fs::remove_file(&path);
    written.map_err(|e| failure(folder, &e))
}

/// What an error of the file system in the data folder means.
fn failure(folder: &Path, error: &io::Error) -> Failure {
    let folder = folder.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(&folder.to_string()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            read_only(&folder.to_string())
        }
        _ => Failure::new(
            format!("the data folder {folder} cannot be used: {error}"),
            "Write another folder as `data` in the configuration",
        ),
    }
}

/// What an error of the store means.
pub(crate) fn store_failure(folder: &Path, error: &StoreError) -> Failure {
    let folder = folder.display().to_string();
    match error {
        StoreError::Full { .. } => full(&folder),
        StoreError::ReadOnly { .. } => read_only(&folder),
        StoreError::Locked { .. } => Failure::new(
            format!("another tram-ingest uses the data folder {folder}"),
            "Stop it, or write another folder as `data` in the configuration",
        ),
        other => Failure::new(format!("the data folder {folder} cannot be used: {other}"), ""),
    }
}

/// What an error of the store means to a centre that runs: the folder is its own.
pub(crate) fn commit_failure(folder: &Path, error: &StoreError) -> Failure {
    match error {
        StoreError::Locked { .. } => Failure::new(
            format!("another program holds log.db in the data folder {}", folder.display()),
            "Find it with fuser -v on that file, and close it; the nodes keep what they have",
        ),
        StoreError::Behind { readings, .. } => Failure::new(
            format!("{readings} readings wait in memory to be sealed, and no more fit"),
            "If this does not end by itself, an earlier message says what keeps the sealer from writing",
        ),
        other => store_failure(folder, other),
    }
}

fn full(folder: &str) -> Failure {
    Failure::new(
        format!("the disk of the data folder {folder} is full"),
        "Make room, or write a folder on another disk as `data` in the configuration",
    )
}

fn read_only(folder: &str) -> Failure {
    Failure::new(
        format!("the data folder {folder} cannot be written"),
        format!(
            "Give it to the user that runs this program (sudo chown -R \"$USER\" {folder}), or write another folder as `data` in the configuration"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_what_to_do() {
        let folder = Path::new("data/x");
        for (kind, says) in [
            (io::ErrorKind::StorageFull, "is full. Make room"),
            (io::ErrorKind::PermissionDenied, "cannot be written. Give it"),
            (io::ErrorKind::ReadOnlyFilesystem, "cannot be written"),
            (io::ErrorKind::NotADirectory, "Write another folder"),
        ] {
            let text = failure(folder, &kind.into()).to_string();
            assert!(text.contains(says) && text.contains("data/x"), "{text}");
        }
        let locked = StoreError::Locked { path: folder.join("lock") };
        assert!(store_failure(folder, &locked).to_string().starts_with("another tram-ingest"));
    }

    #[test]
    fn a_usable_folder_is_left_empty() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        prepare(&inner).unwrap();
        assert_eq!(fs::read_dir(inner).unwrap().count(), 0);
    }
}
