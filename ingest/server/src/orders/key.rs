//! The key with which the centre signs its orders: `command.key` in the data folder, made at the
//! first start, and its public half beside it in `command.pub`, which the nodes are given.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use tram_wire::SIGNATURE_BYTES;

use crate::{broker::node_add::hexadecimal, failure::Failure};

/// The secret half: PKCS#8 (RFC 8410) in PEM, readable by the centre's user only.
pub(crate) const KEY: &str = "command.key";
/// The public half: 64 hexadecimal digits and a remark.
const PUBLIC: &str = "command.pub";
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// The largest key file that is read.
const MAX_KEY_BYTES: u64 = 4096;

/// An Ed25519 key (RFC 8032).
pub(crate) struct CommandKey(Ed25519KeyPair);

impl CommandKey {
    /// Reads the key of a data folder, or makes one. The public half is written whenever it is not
    /// there as it should be.
    ///
    /// # Errors
    /// [`Failure`] when the file cannot be read or written, or holds no key.
    pub(crate) fn open(data: &Path) -> Result<Self, Failure> {
        let path = data.join(KEY);
        let failure = |why: String| {
            Failure::new(
                format!("{} cannot be used: {why}", path.display()),
                "Without it no order can be given to a node. Bring the file back from a copy; or \
                 remove it, start the centre, and give its new key (tram-ingest node key) to the nodes",
            )
        };
        let made = match read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => make(&path),
            other => other,
        };
        let der = made.map_err(|e| failure(e.to_string()))?;
        // A key that another program made has no public half in it.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map_err(|e| failure(format!("it holds no Ed25519 key ({e})")))?;
        let key = Self(pair);
        let public = format!("{} # signs the orders of the centre\n", key.public());
        let there = fs::read_to_string(data.join(PUBLIC)).is_ok_and(|text| text == public);
        if !there {
            let written = replace(&data.join(PUBLIC), public.as_bytes(), 0o644);
            written.map_err(|e| failure(format!("{PUBLIC}: {e}")))?;
        }
        Ok(key)
    }

    /// The public half as 64 hexadecimal digits.
    pub(crate) fn public(&self) -> String {
        hexadecimal(self.0.public_key().as_ref())
    }

    /// Signs a message.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut out = [0; SIGNATURE_BYTES];
        let signature = self.0.sign(message);
        out.iter_mut().zip(signature.as_ref()).for_each(|(to, from)| *to = *from);
        out
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > MAX_KEY_BYTES {
        return Err(io::Error::other("it is too large for a key"));
    }
    let text = fs::read_to_string(path)?;
    let inner = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let (inner, _) = inner.ok_or_else(|| io::Error::other("it holds no PRIVATE KEY in PEM"))?;
    let digits: String = inner.split_whitespace().collect();
    STANDARD.decode(digits).map_err(io::Error::other)
}

fn make(path: &Path) -> io::Result<Vec<u8>> {
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let mut text = format!("{BEGIN}\n");
    let digits = STANDARD.encode(der.as_ref());
    for line in digits.as_bytes().chunks(64) {
        text += &String::from_utf8_lossy(line);
        text.push('\n');
    }
    text = text + END + "\n";
    replace(path, text.as_bytes(), 0o600)?;
    Ok(der.as_ref().to_vec())
}

/// Writes a file as a whole or not at all.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = path.with_extension("new");
    // Left behind by a power cut, perhaps with other permissions.
    let _ = fs::remove_file(&new);
    let mut file = File::options().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let key = CommandKey::open(folder.path()).unwrap();
        let again = CommandKey::open(folder.path()).unwrap();
        assert_eq!(key.public(), again.public());
        assert_eq!(key.public().len(), 64);
        let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!((mode(KEY) & 0o777, mode(PUBLIC) & 0o777), (0o600, 0o644));
        let public = fs::read_to_string(folder.path().join(PUBLIC)).unwrap();
        assert!(public.starts_with(&key.public()), "{public}");
        let verifier = UnparsedPublicKey::new(&ED25519, key.0.public_key().as_ref());
        assert!(verifier.verify(b"x", &key.sign(b"x")).is_ok());
        assert!(verifier.verify(b"y", &key.sign(b"x")).is_err());
    }

    #[test]
    fn a_file_that_holds_no_key_is_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = format!("{BEGIN}\nAAAA\n{END}\n");
        for text in ["", "nonsense", wrong.as_str()] {
            fs::write(folder.path().join(KEY), text).unwrap();
            let failure = CommandKey::open(folder.path()).err().unwrap().to_string();
            assert!(failure.contains("command.key cannot be used"), "{failure}");
        }
    }
}
