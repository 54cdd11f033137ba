//! What a node's certificate says: who it is, which of its certificates this is, and until when.

use std::{fmt, sync::Arc, time::Duration};

use rustls::{
    DigitallySignedStruct, DistinguishedName, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use sha2::{Digest as _, Sha256};
use tram_wire::{NodeId, UnixMicros};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::registry::Serial;

/// The papers of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Papers {
    /// Whose they are.
    pub(crate) node: NodeId,
    /// Which of its certificates.
    pub(crate) serial: Serial,
    /// When they end.
    pub(crate) expires: UnixMicros,
    /// The SHA-256 of the public key as it stands in the certificate.
    pub(super) key: [u8; 32],
}

impl Papers {
    /// Reads a certificate (DER) whose signature somebody else has checked; `None` when it is not
    /// one of a node.
    pub(crate) fn read(certificate: &[u8]) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(certificate).ok()?;
        let mut names = x509.subject().iter_common_name();
        let (Some(name), None) = (names.next(), names.next()) else { return None };
        let expires = x509.validity().not_after.timestamp();
        Some(Self {
            node: NodeId::new(name.as_str().ok()?).ok()?,
            serial: Serial::read(x509.raw_serial()),
            expires: UnixMicros(expires.saturating_mul(1_000_000)),
            key: digest(&x509.public_key().subject_public_key.data),
        })
    }
}

/// The SHA-256 of a public key.
pub(super) fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Takes a certificate that has ended for some time longer: a node whose valley had no network
/// for months must be able to renew, and what is revoked is looked up anyway.
pub(super) struct Lenient {
    pub(super) strict: Arc<dyn ClientCertVerifier>,
    pub(super) longer: Duration,
}

impl fmt::Debug for Lenient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lenient").field("longer", &self.longer).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Lenient {
    fn offer_client_auth(&self) -> bool {
        self.strict.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.strict.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.strict.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let end =
            Papers::read(end_entity).and_then(|p| u64::try_from(p.expires.0 / 1_000_000).ok());
        let at = match end {
            Some(end) if now.as_secs() > end && now.as_secs() - end <= self.longer.as_secs() => {
                UnixTime::since_unix_epoch(Duration::from_secs(end))
            }
            _ => now,
        };
        self.strict.verify_client_cert(end_entity, intermediates, at)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}
