//! The credentials file: one line a node, `name:hash`, the hash in the PHC format of argon2id.
//! Empty lines and lines that begin with `#` are passed over.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Mutex,
    time::SystemTime,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tram_config::Mistake;
use tram_wire::NodeId;

/// The largest credentials file.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// What is known about the nodes' passwords.
pub(crate) struct Credentials {
    path: PathBuf,
    /// Random, so that a digest in memory is worth nothing elsewhere.
    key: [u8; 32],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    modified: Option<SystemTime>,
    hashes: HashMap<NodeId, String>,
    /// Digests of passwords that were verified; argon2 is slow by design, and a thousand nodes
    /// that come back after an outage must not wait for it.
    verified: HashMap<NodeId, [u8; 32]>,
}

impl Credentials {
    /// Reads the file; one that is not there yet holds nobody.
    ///
    /// # Errors
    /// [`Mistake`] when it cannot be read or a line is wrong.
    pub(crate) fn open(path: &Path, key: [u8; 32]) -> Result<Self, Mistake> {
        let credentials = Self { path: path.to_owned(), key, state: Mutex::new(State::default()) };
        credentials.reload()?;
        Ok(credentials)
    }

    /// How many nodes it holds.
    pub(crate) fn len(&self) -> usize {
        self.state().hashes.len()
    }

    /// Whether this password has been verified for this node before. Cheap.
    pub(super) fn remembers(&self, node: &NodeId, password: &[u8]) -> bool {
        self.follow();
        let state = self.state();
        let (Some(hash), Some(known)) = (state.hashes.get(node), state.verified.get(node)) else {
            return false;
        };
        self.digest(hash, password).ct_eq(known).into()
    }

    /// Whether this is the node's password. Takes tens of milliseconds: never on a thread that
    /// serves others.
    pub(super) fn verify(&self, node: &NodeId, password: &[u8]) -> bool {
        self.follow();
        let hash = self.state().hashes.get(node).cloned();
        // A name that is not there costs as much as a wrong password, so that names cannot be
        // found out by measuring.
        let hash_or_other = hash.as_deref().unwrap_or(UNKNOWN_HASH);
        let right = PasswordHash::new(hash_or_other)
            .is_ok_and(|h| Argon2::default().verify_password(password, &h).is_ok());
        match hash {
            Some(hash) if right => {
                let digest = self.digest(&hash, password);
                self.state().verified.insert(*node, digest);
                true
            }
            _ => false,
        }
    }

    fn digest(&self, hash: &str, password: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.key);
        digest.update((hash.len() as u64).to_be_bytes());
        digest.update(hash.as_bytes());
        digest.update(password);
        digest.finalize().into()
    }

    /// Reads the file again when it has changed, so that a new node needs no restart.
    fn follow(&self) {
        let modified = fs::metadata(&self.path).and_then(|m| m.modified()).ok();
        if modified != self.state().modified
            && let Err(mistake) = self.reload()
        {
            tracing::error!(%mistake, "the credentials stay as they were");
            self.state().modified = modified;
        }
    }

    fn reload(&self) -> Result<(), Mistake> {
        let modified = fs::metadata(&self.path).and_then(|m| m.modified()).ok();
        let hashes = parse(&self.path, &load(&self.path)?)?;
        let mut state = self.state();
        state.verified.retain(|node, _| hashes.contains_key(node));
        state.hashes = hashes;
        state.modified = modified;
        Ok(())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A hash of nothing anybody knows.
const UNKNOWN_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$3HpbMN7Ul+6RkXNI9cnsmFkCqYjkFZMHu0hzsBUpKDM";

fn load(path: &Path) -> Result<String, Mistake> {
    let unreadable = |e: std::io::Error| {
        let fix = "let the user that runs this program read it";
        mistake(path, None, format!("cannot be read: {e}"), fix)
    };
    match fs::metadata(path) {
        Ok(data) if data.len() > MAX_FILE_BYTES => {
            Err(mistake(path, None, format!("is larger than {MAX_FILE_BYTES} bytes"), ""))
        }
        Ok(_) => fs::read_to_string(path).map_err(unreadable),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(unreadable(e)),
    }
}

fn parse(path: &Path, text: &str) -> Result<HashMap<NodeId, String>, Mistake> {
    let mut hashes = HashMap::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = Some(i + 1);
        let fix = "a line is NAME:HASH; make it with: tram-ingest node add NAME";
        let Some((name, hash)) = line.split_once(':') else {
            return Err(mistake(path, at, "has no colon".to_owned(), fix));
        };
        let node = NodeId::new(name).map_err(|e| {
            mistake(path, at, format!("`{name}` is not a node name"), &e.to_string())
        })?;
        if PasswordHash::new(hash).is_err() {
            return Err(mistake(path, at, "what follows the colon is not a hash".to_owned(), fix));
        }
        if hashes.insert(node, hash.to_owned()).is_some() {
            return Err(mistake(
                path,
                at,
                format!("`{node}` is there twice"),
                "remove one of them",
            ));
        }
    }
    Ok(hashes)
}

fn mistake(path: &Path, line: Option<usize>, message: String, fix: &str) -> Mistake {
    Mistake { file: path.to_owned(), line, message, fix: fix.to_owned() }
}

/// Hashes a password for the file; `salt` is 16 random bytes.
pub(super) fn hash(password: &str, salt: &[u8; 16]) -> Result<String, String> {
    let salt = SaltString::encode_b64(salt).map_err(|e| e.to_string())?;
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map(|h| h.to_string())
        .map_err(|e| e.to_string())
}

/// Puts a node's hash into the file, in place of the one it had, and makes the file when there is
/// none. The old file stays whole until the new one is.
///
/// # Errors
/// What the file system says.
pub(super) fn write(path: &Path, node: &NodeId, hash: &str) -> std::io::Result<()> {
    let old = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            "# One line a node, NAME:HASH. Made by `tram-ingest node add NAME`.\n".to_owned()
        }
        Err(e) => return Err(e),
    };
    let prefix = format!("{node}:");
    let mut text: String = old
        .lines()
        .filter(|line| !line.trim_start().starts_with(&prefix))
        .flat_map(|line| [line, "\n"])
        .collect();
    text.push_str(&format!("{prefix}{hash}\n"));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    replace(path, &text)
}

/// Takes a node's hash out of the file; returns whether it was there.
///
/// # Errors
/// What the file system says.
pub(crate) fn remove(path: &Path, node: &NodeId) -> std::io::Result<bool> {
    let old = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    let prefix = format!("{node}:");
    let others = || old.lines().filter(|line| !line.trim_start().starts_with(&prefix));
    if others().count() == old.lines().count() {
        return Ok(false);
    }
    replace(path, &others().flat_map(|line| [line, "\n"]).collect::<String>())?;
    Ok(true)
}

/// The nodes in the file; one that is not there holds nobody.
///
/// # Errors
/// [`Mistake`] when it cannot be read or a line is wrong.
pub(crate) fn names(path: &Path) -> Result<Vec<NodeId>, Mistake> {
    Ok(parse(path, &load(path)?)?.into_keys().collect())
}

/// Puts a file into the place of the old one, which stays whole until the new one is.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = private(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Creates a file that only its owner may read.
fn private(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeId {
        NodeId::new(name).unwrap()
    }

    #[test]
    fn a_password_is_verified_once_and_remembered_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        write(&path, &node("a"), &hash("one", &[1; 16]).unwrap()).unwrap();
        write(&path, &node("b"), &hash("two", &[2; 16]).unwrap()).unwrap();
        let credentials = Credentials::open(&path, [7; 32]).unwrap();
        assert_eq!(credentials.len(), 2);
        assert!(!credentials.remembers(&node("a"), b"one"));
        assert!(!credentials.verify(&node("a"), b"two"));
        assert!(!credentials.verify(&node("c"), b"one"));
        assert!(credentials.verify(&node("a"), b"one"));
        assert!(credentials.remembers(&node("a"), b"one"));
        assert!(!credentials.remembers(&node("a"), b"two"));
        assert!(!credentials.remembers(&node("b"), b"one"));

        write(&path, &node("a"), &hash("new", &[3; 16]).unwrap()).unwrap();
        credentials.reload().unwrap();
        assert!(!credentials.remembers(&node("a"), b"one"));
        assert!(!credentials.verify(&node("a"), b"one"));
        assert!(credentials.verify(&node("a"), b"new"));
        assert!(credentials.verify(&node("b"), b"two"));

        assert!(remove(&path, &node("a")).unwrap());
        assert!(!remove(&path, &node("a")).unwrap());
        assert_eq!(names(&path).unwrap(), [node("b")]);
        credentials.reload().unwrap();
        assert!(!credentials.verify(&node("a"), b"new"));
        assert!(credentials.verify(&node("b"), b"two"));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        let good = hash("x", &[1; 16]).unwrap();
        for (text, line) in [
            ("# fine\nnocolon\n".to_owned(), 2),
            (format!("A B:{good}\n"), 1),
            ("a:plain\n".to_owned(), 1),
            (format!("a:{good}\n\na:{good}\n"), 3),
        ] {
            fs::write(&path, &text).unwrap();
            let mistake = Credentials::open(&path, [0; 32]).err().unwrap();
            assert_eq!(mistake.line, Some(line), "{mistake}");
        }
    }

    #[test]
    fn the_hash_of_nothing_can_be_read() {
        assert!(PasswordHash::new(UNKNOWN_HASH).is_ok());
    }
}
