//! The key that signs, and checking what it signed: Ed25519 (RFC 8032).

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use crate::enrol::Enrolled;

/// The key's file in the data folder of a station that is not enrolled: PKCS #8, readable by its owner only.
const FILE: &str = "report.key";
/// A SubjectPublicKeyInfo of Ed25519 up to the key itself (RFC 8410 §4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The station's key.
pub(in crate::technician) struct Key(Ed25519KeyPair);

impl Key {
    /// Reads the key of a data folder: that of a station that is enrolled, for which the centre has
    /// given a certificate, or one that is made here.
    ///
    /// # Errors
    /// When the file cannot be read, written, or holds no key.
    pub(in crate::technician) fn open(data: &Path) -> Result<Self> {
        if let Some(enrolled) = Enrolled::load(data)? {
            let path = enrolled.key();
            let told = || path.display().to_string();
            let der = PrivatePkcs8KeyDer::from_pem_file(&path).with_context(told)?;
            return parse(der.secret_pkcs8_der()).with_context(told);
        }
        let path = data.join(FILE);
        let told = || path.display().to_string();
        match fs::read(&path) {
            Ok(bytes) => parse(&bytes).with_context(told),
            Err(e) if e.kind() == io::ErrorKind::NotFound => make(data, &path).with_context(told),
            Err(e) => Err(e).with_context(told),
        }
    }

    /// The public key: SubjectPublicKeyInfo in Base64.
    pub(in crate::technician) fn public(&self) -> String {
        let mut der = SPKI.to_vec();
        der.extend_from_slice(self.0.public_key().as_ref());
        STANDARD.encode(der)
    }

    /// The signature of some bytes in Base64.
    pub(super) fn sign(&self, bytes: &[u8]) -> String {
        STANDARD.encode(self.0.sign(bytes))
    }
}

fn parse(bytes: &[u8]) -> Result<Key> {
    let key = Ed25519KeyPair::from_pkcs8(bytes)
        .map_err(|_| anyhow!("this is no Ed25519 key; move it away, and a new one is made"))?;
    Ok(Key(key))
}

fn make(data: &Path, path: &Path) -> Result<Key> {
    fs::create_dir_all(data)?;
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| anyhow!("the system gives no random numbers"))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(pkcs8.as_ref())?;
    file.sync_all()?;
    File::open(data)?.sync_all()?;
    parse(pkcs8.as_ref())
}

/// Whether `signature` is that of `bytes` by this key.
pub(super) fn verify(public: &str, bytes: &[u8], signature: &str) -> bool {
    let key = STANDARD.decode(public).ok();
    let key = key.as_deref().and_then(|k| k.strip_prefix(&SPKI));
    let signature = STANDARD.decode(signature).ok();
    let (Some(key), Some(signature)) = (key, signature) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(bytes, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let public = Key::open(&data).unwrap().public();
        assert_eq!(Key::open(&data).unwrap().public(), public);
        let mode = fs::metadata(data.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(data.join(FILE), b"no key").unwrap();
        assert!(Key::open(&data).is_err());
    }

    /// RFC 8032 §7.1, test 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let hex = |s: &str| -> Vec<u8> {
            (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
        };
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        let spki = STANDARD.encode([&SPKI[..], &hex(public)].concat());
        let signature = STANDARD.encode(hex(signature));
        assert!(verify(&spki, &[0x72], &signature));
        assert!(!verify(&spki, &[0x73], &signature));
        assert!(!verify("", &[0x72], &signature));
    }
}
