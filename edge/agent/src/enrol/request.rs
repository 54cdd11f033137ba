//! The node's key and the request for a certificate that is signed with it.

use anyhow::{Context as _, Result};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ED25519};
use tram_wire::NodeId;

/// A new key (Ed25519), as PEM.
pub(super) fn new_key() -> Result<String> {
    let key = KeyPair::generate_for(&PKCS_ED25519).context("making a key")?;
    Ok(key.serialize_pem())
}

/// The request (PKCS #10, DER) for a certificate of this key.
pub(super) fn request(node: NodeId, key: &str) -> Result<Vec<u8>> {
    let key = KeyPair::from_pem(key).context("reading the node's key")?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, node.as_str());
    let request = params.serialize_request(&key).context("making the request")?;
    Ok(request.der().to_vec())
}

/// The SHA-256 of some bytes.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut copy = [0; 32];
    copy.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    copy
}
