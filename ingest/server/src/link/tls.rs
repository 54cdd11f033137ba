//! Encryption towards an external broker: rustls with the `ring` provider, passed explicitly.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::failure::Failure;

/// A client that trusts the authorities in `ca_file` (PEM).
///
/// # Errors
/// [`Failure`] when the file holds no certificate.
pub(crate) fn client(ca_file: &Path) -> Result<ClientConfig, Failure> {
    let failure = |why: String| {
        Failure::new(
            format!("{} cannot be used as `ca_file`: {why}", ca_file.display()),
            "Write the file with the certificate (PEM) of the authority that signed the broker's",
        )
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(ca_file).map_err(|e| failure(e.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|e| failure(e.to_string()))?;
        roots.add(certificate).map_err(|e| failure(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failure("it holds no certificate".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| failure(e.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
