//! Who has which code and which certificates: `registry.json`.

use std::{collections::BTreeMap, fmt, io};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tram_wire::{ENROL_SECRET_BYTES, EnrolRefusal, NodeId, UnixMicros};

use super::files::Folder;
use crate::broker::node_add::hexadecimal;

/// The file.
pub(super) const FILE: &str = "registry.json";
/// The version of what is in it.
const VERSION: u32 = 1;
/// The largest file that is read: a hundred times what ten thousand nodes make.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// The most nodes.
pub(super) const MAX_NODES: usize = 20_000;
/// The most certificates of a node that are remembered, the newest; a revocation also meets those
/// that are not.
pub(super) const MAX_CERTIFICATES: usize = 16;

/// The number of a certificate: a one, eight bytes of the moment it was made (microseconds since
/// 1970), seven of chance. So it can be told of any certificate whether it is older than a
/// revocation, also when a restored registry has never heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Serial {
    bytes: [u8; 16],
    /// When it was made; the beginning of time for one that somebody else has numbered.
    made: i64,
}

impl Serial {
    /// A new one.
    pub(super) fn new(now: UnixMicros, chance: [u8; 7]) -> Self {
        let mut bytes = [1; 16];
        let rest = now.0.to_be_bytes().into_iter().chain(chance);
        bytes.iter_mut().skip(1).zip(rest).for_each(|(to, from)| *to = from);
        Self { bytes, made: now.0 }
    }

    /// That of a certificate, as it stands there.
    pub(super) fn read(raw: &[u8]) -> Self {
        let mut bytes = [0; 16];
        let short = bytes.len().saturating_sub(raw.len());
        bytes.iter_mut().skip(short).zip(raw).for_each(|(to, from)| *to = *from);
        let ours = raw.len() == bytes.len() && raw.first() == Some(&1);
        let moment = raw.get(1..9).and_then(|m| m.try_into().ok()).map(i64::from_be_bytes);
        Self { bytes, made: moment.filter(|_| ours).unwrap_or(i64::MIN) }
    }

    /// Its bytes as they stand in a certificate.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        for (i, to) in bytes.iter_mut().enumerate() {
            *to = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self::read(&bytes))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.bytes))
    }
}

/// The whole file. Times are microseconds since 1970.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Registry {
    version: u32,
    nodes: BTreeMap<String, Node>,
}

/// A node.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Node {
    /// The code it may enrol with, or has enrolled with.
    pub(super) code: Option<Code>,
    /// Its certificates, the oldest first.
    pub(super) certificates: Vec<Certificate>,
    /// No certificate made before this moment is taken.
    pub(super) revoked: Option<i64>,
}

/// A one-time code. What is not here is the code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Code {
    salt: String,
    hash: String,
    pub(super) expires: i64,
    /// The digest of the key that has got its certificate with it.
    pub(super) used_by: Option<String>,
}

/// A certificate that was given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Certificate {
    serial: String,
    pub(super) issued: i64,
    pub(super) expires: i64,
    /// The digest of its public key.
    pub(super) key: String,
    pub(super) revoked: Option<i64>,
}

impl Code {
    /// Keeps the hash of a secret. The secret is 80 bits of chance, so it needs no slow hash.
    pub(super) fn new(
        secret: &[u8; ENROL_SECRET_BYTES],
        salt: &[u8; 16],
        expires: UnixMicros,
    ) -> Self {
        let salt = hexadecimal(salt);
        let hash = hash(&salt, secret);
        Self { salt, hash, expires: expires.0, used_by: None }
    }

    /// Whether this is its secret; takes as long for a wrong one as for the right one.
    fn is(&self, secret: &[u8; ENROL_SECRET_BYTES]) -> bool {
        hash(&self.salt, secret).as_bytes().ct_eq(self.hash.as_bytes()).into()
    }
}

impl Code {
    /// Uses it for a key.
    pub(super) fn take(
        &mut self,
        secret: &[u8; ENROL_SECRET_BYTES],
        key: &str,
        now: UnixMicros,
    ) -> Result<(), EnrolRefusal> {
        if !self.is(secret) {
            return Err(EnrolRefusal::WrongCode);
        }
        if now.0 >= self.expires {
            return Err(EnrolRefusal::ExpiredCode);
        }
        match &self.used_by {
            // Its answer was lost on the way.
            Some(used_by) if used_by == key => Ok(()),
            Some(_) => Err(EnrolRefusal::UsedCode),
            None => {
                self.used_by = Some(key.to_owned());
                Ok(())
            }
        }
    }
}

fn hash(salt: &str, secret: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(b"tram one-time code\0");
    digest.update(salt.as_bytes());
    digest.update(secret);
    hexadecimal(&digest.finalize())
}

impl Certificate {
    pub(super) fn serial(&self) -> Option<Serial> {
        Serial::parse(&self.serial)
    }
}

impl Node {
    /// Remembers a certificate that is about to be given.
    pub(super) fn give(&mut self, serial: Serial, key: &[u8; 32], issued: i64, expires: i64) {
        let key = hexadecimal(key);
        let certificate =
            Certificate { serial: serial.to_string(), issued, expires, key, revoked: None };
        self.certificates.push(certificate);
        let over = self.certificates.len().saturating_sub(MAX_CERTIFICATES);
        self.certificates.drain(..over);
    }

    /// Takes everything back that was given so far.
    pub(super) fn revoke(&mut self, now: UnixMicros) {
        self.code = None;
        self.revoked = Some(now.0);
        for certificate in &mut self.certificates {
            certificate.revoked.get_or_insert(now.0);
        }
    }

    /// Whether a certificate of this number was taken back.
    pub(super) fn has_revoked(&self, serial: &Serial) -> bool {
        self.revoked.is_some_and(|moment| serial.made <= moment)
    }

    /// The certificate in force that lives longest.
    pub(super) fn in_force(&self, now: UnixMicros) -> Option<&Certificate> {
        let good = self.certificates.iter().filter(|c| c.revoked.is_none() && c.expires > now.0);
        good.max_by_key(|c| c.expires)
    }
}

impl Registry {
    /// Reads the file; one that is not there holds nobody.
    ///
    /// # Errors
    /// What the file system says, or `InvalidData`.
    pub(super) fn load(folder: &Folder) -> io::Result<Self> {
        let path = folder.file(FILE);
        let wrong = |why: String| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()))
        };
        let bytes = match std::fs::metadata(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { version: VERSION, nodes: BTreeMap::new() });
            }
            Err(e) => return Err(e),
            Ok(data) if data.len() > MAX_FILE_BYTES => return Err(wrong("too large".to_owned())),
            Ok(_) => std::fs::read(&path)?,
        };
        let read: Self = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        if read.version != VERSION {
            return Err(wrong(format!("version {} is not known here", read.version)));
        }
        Ok(read)
    }

    /// Writes the file; the caller holds the lock.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn save(&self, folder: &Folder) -> io::Result<()> {
        folder.put(FILE, &serde_json::to_vec_pretty(self)?)
    }

    pub(super) fn get(&self, node: &NodeId) -> Option<&Node> {
        self.nodes.get(node.as_str())
    }

    /// A node, new if need be; `None` when there are too many.
    pub(super) fn node(&mut self, node: &NodeId) -> Option<&mut Node> {
        if self.nodes.len() >= MAX_NODES && !self.nodes.contains_key(node.as_str()) {
            return None;
        }
        Some(self.nodes.entry(node.to_string()).or_default())
    }

    pub(super) fn known(&mut self, node: &NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(node.as_str())
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(name, node)| (name.as_str(), node))
    }

    /// Every number that was taken back and when, of certificates that have not ended long ago.
    pub(super) fn revoked(&self) -> impl Iterator<Item = (Serial, i64)> {
        let all = self.nodes.values().flat_map(|n| &n.certificates);
        all.filter_map(|c| Some((c.serial()?, c.revoked?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_says_when_it_was_made() {
        let serial = Serial::new(UnixMicros(1_772_409_600_000_000), [0xff; 7]);
        assert_eq!(Serial::read(serial.bytes()), serial);
        assert_eq!(Serial::parse(&serial.to_string()), Some(serial));
        // Somebody else's numbers are older than anything.
        for raw in [&[][..], &[7], &[2; 16], &[1; 15], &[0; 20]] {
            assert_eq!(Serial::read(raw).made, i64::MIN, "{raw:?}");
        }
    }

    #[test]
    fn what_is_revoked_stays_so_and_what_comes_after_does_not() {
        let at = |n: i64| Serial::new(UnixMicros(n), [0; 7]);
        let mut node = Node::default();
        node.give(at(10), &[1; 32], 10, 1_000);
        node.revoke(UnixMicros(20));
        node.give(at(30), &[2; 32], 30, 1_000);
        assert!(
            node.has_revoked(&at(10)) && node.has_revoked(&at(15)) && node.has_revoked(&at(20))
        );
        assert!(node.has_revoked(&Serial::read(&[7])));
        assert!(!node.has_revoked(&at(30)));
        assert_eq!(node.in_force(UnixMicros(40)).unwrap().issued, 30);
        assert!(node.in_force(UnixMicros(1_000)).is_none());
        for n in 0..100 {
            node.give(at(100 + n), &[3; 32], 100 + n, 1_000);
        }
        assert_eq!(node.certificates.len(), MAX_CERTIFICATES);
    }

    #[test]
    fn a_code_is_kept_as_a_hash_and_known_again() {
        let code = Code::new(b"0123456789", &[3; 16], UnixMicros(9));
        assert!(code.is(b"0123456789"));
        assert!(!code.is(b"0123456780"));
        let text = serde_json::to_string(&code).unwrap();
        assert!(!text.contains("0123456789") && !text.contains(&hexadecimal(b"0123456789")));
        // The same secret with another salt has another hash.
        assert_ne!(Code::new(b"0123456789", &[4; 16], UnixMicros(9)).hash, code.hash);
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path()).unwrap();
        let mut registry = Registry::load(&folder).unwrap();
        let node = NodeId::new("a").unwrap();
        registry.node(&node).unwrap().give(Serial::new(UnixMicros(1), [0; 7]), &[1; 32], 1, 2);
        registry.known(&node).unwrap().revoke(UnixMicros(5));
        registry.save(&folder).unwrap();
        let again = Registry::load(&folder).unwrap();
        assert_eq!(again.revoked().map(|(_, at)| at).collect::<Vec<_>>(), [5]);
        std::fs::write(folder.file(FILE), "{\"version\":9,\"nodes\":{}}").unwrap();
        assert_eq!(Registry::load(&folder).unwrap_err().kind(), io::ErrorKind::InvalidData);
        std::fs::write(folder.file(FILE), "half").unwrap();
        assert_eq!(Registry::load(&folder).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
