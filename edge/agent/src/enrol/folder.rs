//! The folder `enrolled/` in the node's data folder: key, certificate, authority, and who gave them.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{CWD, RenameFlags};
use serde::{Deserialize, Serialize};
use tram_wire::{Enrolment, NodeId, UnixMicros};

/// The folder's name.
const FOLDER: &str = "enrolled";
/// Where the next one is made, so that the one in use is whole at every moment.
const NEXT: &str = "enrolled.new";
/// The node's key (PKCS #8, PEM). Nobody but the node ever sees it.
const KEY: &str = "node.key";
/// The node's certificate (PEM).
const CERTIFICATE: &str = "node.crt";
/// The certificate of the authority that signed the node's and the broker's (PEM).
const AUTHORITY: &str = "ca.crt";
/// The public key (Ed25519) of those who may command the node, 64 hexadecimal digits.
const COMMAND_KEY: &str = "command.pub";
/// Who gave all that, and for how long (JSON).
const NOTE: &str = "enrolment.json";
/// The largest of these files that is read.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// A file or folder for its owner alone.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// Who gave the certificate, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// Who this node is.
    pub(crate) node: String,
    /// Where the centre enrols, `host:port`.
    pub(crate) centre: String,
    /// The broker, `mqtts://host:port`.
    pub(crate) broker: String,
    /// When the certificate was made and when it ends, in seconds since 1970 by the centre's clock.
    pub(crate) issued: i64,
    pub(crate) expires: i64,
}

/// What enrolment wrote.
#[derive(Debug, Clone)]
pub(crate) struct Enrolled {
    folder: PathBuf,
    pub(crate) note: Note,
}

impl Enrolled {
    /// Reads what is there; `None` when the node was never enrolled.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(crate) fn load(data: &Path) -> Result<Option<Self>> {
        let folder = data.join(FOLDER);
        let path = folder.join(NOTE);
        let text = match read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("reading {}", path.display())),
        };
        let note =
            serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        Ok(Some(Self { folder, note }))
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join(KEY)
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join(AUTHORITY)
    }

    /// When the certificate was made, by the centre's clock: it is later than that now.
    pub(crate) fn issued(&self) -> UnixMicros {
        UnixMicros(self.note.issued.saturating_mul(1_000_000))
    }

    /// When it ends.
    pub(crate) fn expires(&self) -> UnixMicros {
        UnixMicros(self.note.expires.saturating_mul(1_000_000))
    }
}

/// The folder in the making. It survives an interruption: the key in it is used again, so that a
/// code whose answer was lost on the way still works.
pub(crate) struct Next {
    data: PathBuf,
    folder: PathBuf,
}

impl Next {
    /// Opens it, and makes it if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn open(data: &Path) -> Result<Self> {
        let folder = data.join(NEXT);
        let made = fs::create_dir_all(data)
            .and_then(|()| fs::DirBuilder::new().mode(PRIVATE_FOLDER).create(&folder));
        match made {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.with_context(|| format!("making {}", folder.display()))?,
        }
        own_as(data, &folder);
        Ok(Self { data: data.to_owned(), folder })
    }

    /// The key that is there already, as PEM.
    pub(crate) fn key(&self) -> Option<String> {
        read(&self.folder.join(KEY)).ok()
    }

    /// Writes the key, for its owner's eyes only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn put_key(&self, pem: &str) -> Result<()> {
        self.put(KEY, pem.as_bytes())
    }

    /// Writes what the centre gave, and puts the folder in the place of the one in use, at once.
    ///
    /// # Errors
    /// When something cannot be written; what is in use stays as it was.
    pub(crate) fn finish(self, node: NodeId, centre: &str, given: &Enrolment) -> Result<Enrolled> {
        ensure!(self.key().is_some(), "there is no key in {}", self.folder.display());
        self.put(CERTIFICATE, pem(&given.certificate).as_bytes())?;
        self.put(AUTHORITY, pem(&given.authority).as_bytes())?;
        match &given.command_key {
            Some(key) => self.put(COMMAND_KEY, format!("{}\n", hexadecimal(key)).as_bytes())?,
            // One from before is none of this centre's.
            None => drop(fs::remove_file(self.folder.join(COMMAND_KEY))),
        }
        let note = Note {
            node: node.to_string(),
            centre: centre.to_owned(),
            broker: given.broker.clone(),
            issued: given.issued.0.div_euclid(1_000_000),
            expires: given.expires.0.div_euclid(1_000_000),
        };
        // The note last: with it the folder is whole.
        self.put(NOTE, &serde_json::to_vec(&note).context("writing the note")?)?;
        let folder = self.data.join(FOLDER);
        let placed = place(&self.folder, &folder).and_then(|()| sync(&self.data));
        placed.with_context(|| format!("putting {} into its place", folder.display()))?;
        // What was in use before is there now.
        let _ = fs::remove_dir_all(&self.folder);
        Ok(Enrolled { folder, note })
    }

    /// Writes a file whole or not at all.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        let new = self.folder.join(format!("{name}.new"));
        let write = || {
            let mut options = fs::OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(PRIVATE_FILE).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            own_as(&self.data, &new);
            fs::rename(&new, &path)?;
            sync(&self.folder)
        };
        write().with_context(|| format!("writing {}", path.display()))
    }
}

/// Puts a folder into a place, in exchange for what is there.
fn place(new: &Path, place: &Path) -> io::Result<()> {
    if !place.exists() {
        return fs::rename(new, place);
    }
    match rustix::fs::renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // A file system that cannot exchange, such as FAT: the old one goes first.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            fs::remove_dir_all(place)?;
            fs::rename(new, place)
        }
        Err(e) => Err(e.into()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Gives a file to the owner of the data folder: the command is run with `sudo`, the station by a
/// user of its own. Without the right to do so, or the need, it stays as it is.
fn own_as(data: &Path, path: &Path) {
    if let (Ok(data), Ok(file)) = (fs::metadata(data), fs::metadata(path))
        && (data.uid(), data.gid()) != (file.uid(), file.gid())
    {
        let _ = std::os::unix::fs::chown(path, Some(data.uid()), Some(data.gid()));
    }
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is far too large"));
    }
    fs::read_to_string(path)
}

/// A certificate as text (RFC 7468).
fn pem(der: &[u8]) -> String {
    use std::fmt::Write as _;
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in der.chunks(48) {
        for three in line.chunks(3) {
            let bits = three.iter().fold(0u32, |bits, b| (bits << 8) | u32::from(*b));
            let bits = bits << (8 * (3 - three.len()));
            for place in 0..4 {
                let digit = usize::try_from((bits >> (18 - 6 * place)) & 63).unwrap_or_default();
                let digit = DIGITS.get(digit).copied().unwrap_or(b'=');
                text.push(if place <= three.len() { char::from(digit) } else { '=' });
            }
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text);
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rustls::pki_types::{CertificateDer, pem::PemObject as _};

    use super::*;

    fn given(broker: &str, command_key: Option<[u8; 32]>) -> Enrolment {
        Enrolment {
            certificate: (0..=255).collect(),
            authority: vec![1, 2, 3, 4],
            broker: broker.to_owned(),
            issued: UnixMicros(1_772_409_600_000_000),
            expires: UnixMicros(1_803_945_600_000_000),
            command_key,
        }
    }

    #[test]
    fn what_was_given_is_found_again_and_only_the_owner_reads_it() {
        let data = tempfile::tempdir().unwrap();
        assert!(Enrolled::load(data.path()).unwrap().is_none());
        let node = NodeId::new("a").unwrap();
        let next = Next::open(data.path()).unwrap();
        assert!(next.key().is_none());
        next.put_key("KEY").unwrap();
        // Interrupted here and begun again: the key is the same one.
        let next = Next::open(data.path()).unwrap();
        assert_eq!(next.key().as_deref(), Some("KEY"));
        next.finish(node, "c:8884", &given("mqtts://c:8883", Some([0xab; 32]))).unwrap();

        let enrolled = Enrolled::load(data.path()).unwrap().unwrap();
        assert_eq!(enrolled.note.broker, "mqtts://c:8883");
        assert_eq!(
            (enrolled.issued().0, enrolled.expires().0 / 1_000_000),
            (1_772_409_600_000_000, 1_803_945_600)
        );
        let der = CertificateDer::from_pem_file(enrolled.certificate()).unwrap();
        assert_eq!(der.as_ref(), (0..=255).collect::<Vec<u8>>());
        assert_eq!(
            CertificateDer::from_pem_file(enrolled.authority()).unwrap().as_ref(),
            [1, 2, 3, 4]
        );
        let command = fs::read_to_string(data.path().join("enrolled/command.pub")).unwrap();
        assert_eq!(command, format!("{}\n", "ab".repeat(32)));
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&enrolled.key()), 0o600);
        assert_eq!(mode(&data.path().join("enrolled")), 0o700);
        assert!(!data.path().join("enrolled.new").exists());
    }

    #[test]
    fn the_next_enrolment_takes_the_place_of_the_first_at_once() {
        let data = tempfile::tempdir().unwrap();
        let node = NodeId::new("a").unwrap();
        for (key, broker, command) in
            [("K1", "mqtts://one:1", Some([1; 32])), ("K2", "mqtts://two:2", None)]
        {
            let next = Next::open(data.path()).unwrap();
            next.put_key(key).unwrap();
            next.finish(node, "c:1", &given(broker, command)).unwrap();
            let now = Enrolled::load(data.path()).unwrap().unwrap();
            assert_eq!(now.note.broker, broker);
            assert_eq!(fs::read_to_string(now.key()).unwrap(), key);
        }
        assert!(!data.path().join("enrolled/command.pub").exists());
    }

    #[test]
    fn a_folder_without_a_key_is_never_put_into_place() {
        let data = tempfile::tempdir().unwrap();
        let next = Next::open(data.path()).unwrap();
        let finished = next.finish(NodeId::new("a").unwrap(), "c:1", &given("mqtts://b", None));
        assert!(finished.is_err());
        assert!(Enrolled::load(data.path()).unwrap().is_none());
    }
}
