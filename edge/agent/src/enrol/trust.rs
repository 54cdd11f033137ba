//! Whom a node believes: the centre, by the pin in a code, and then the broker, by the centre's
//! authority.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use tram_wire::{ENROL_PIN_BYTES, ENROL_PROTOCOL, UnixMicros};

use super::{Enrolled, request::sha256};
use crate::clock::PLAUSIBLE_FROM;

/// Who is believed, not yet knowing the time: a clock that was never set stands in the past, and
/// it is later than `not_before` in any case.
#[derive(Debug)]
struct Patient {
    whom: Whom,
    not_before: UnixTime,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Whom {
    /// Whoever shows an authority with this fingerprint that has signed for it.
    Pinned([u8; ENROL_PIN_BYTES]),
    /// Whoever this authority has signed for.
    Signed(Arc<WebPkiServerVerifier>),
}

impl Patient {
    fn new(whom: Whom, not_before: UnixMicros) -> Self {
        let seconds = u64::try_from(not_before.0 / 1_000_000).unwrap_or_default();
        let not_before = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        Self { whom, not_before, provider: provider() }
    }
}

impl ServerCertVerifier for Patient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let now = now.max(self.not_before);
        let verifier = match &self.whom {
            Whom::Signed(verifier) => Arc::clone(verifier),
            Whom::Pinned(pin) => {
                let shown = intermediates.iter().find(|c| sha256(c).starts_with(pin));
                let wrong = CertificateError::ApplicationVerificationFailure;
                let authority = shown.ok_or(wrong.clone())?;
                signed_by(authority).map_err(|_| wrong)?
            }
        };
        verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn signed_by(authority: &CertificateDer<'_>) -> Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned()).context("the centre's authority")?;
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    builder.build().context("the centre's authority")
}

fn builder(
    patient: Patient,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .context("TLS versions")?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(patient)))
}

/// For the first conversation with the centre: nothing but the pin is known.
pub(super) fn by_pin(pin: [u8; ENROL_PIN_BYTES]) -> Result<ClientConfig> {
    let patient = Patient::new(Whom::Pinned(pin), PLAUSIBLE_FROM);
    let mut config = builder(patient)?.with_no_client_auth();
    config.alpn_protocols = vec![ENROL_PROTOCOL.to_vec()];
    Ok(config)
}

/// For everything after it: both sides show their certificates.
pub(super) fn mutual(enrolled: &Enrolled) -> Result<ClientConfig> {
    let (path, certificate, key) = (enrolled.authority(), enrolled.certificate(), enrolled.key());
    let reading = |path: &std::path::Path| format!("reading {}", path.display());
    let authority = CertificateDer::from_pem_file(&path).with_context(|| reading(&path))?;
    let whom = Whom::Signed(signed_by(&authority)?);
    let own = CertificateDer::from_pem_file(&certificate).with_context(|| reading(&certificate))?;
    let private = PrivateKeyDer::from_pem_file(&key).with_context(|| reading(&key))?;
    let patient = Patient::new(whom, enrolled.issued());
    builder(patient)?.with_client_auth_cert(vec![own], private).context("the node's certificate")
}

/// The same towards the centre's port for enrolment.
pub(super) fn mutual_with_centre(enrolled: &Enrolled) -> Result<ClientConfig> {
    let mut config = mutual(enrolled)?;
    config.alpn_protocols = vec![ENROL_PROTOCOL.to_vec()];
    Ok(config)
}
