//! TLS towards the broker, with `rustls` and its `ring` provider passed explicitly.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// Where Debian and Raspberry Pi OS keep the certificates of public authorities.
pub(crate) const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Files of one node's TLS set-up.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFiles {
    /// Who may have signed the broker's certificate; the system's authorities when absent.
    pub(crate) authorities: Option<PathBuf>,
    /// The node's own certificate and key, when the broker asks for one.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// Reads the files.
///
/// # Errors
/// When a file cannot be read or holds nothing of its kind.
pub(crate) fn client_config(files: &TlsFiles) -> Result<Arc<ClientConfig>> {
    let path = files.authorities.clone().unwrap_or_else(|| PathBuf::from(SYSTEM_AUTHORITIES));
    let context = || format!("reading certificates from {}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&path).with_context(context)? {
        // A bundle of the system may hold one that rustls does not take; the others count.
        let _ = roots.add(certificate.with_context(context)?);
    }
    ensure!(!roots.is_empty(), "{} holds no certificate", path.display());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &files.identity else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("reading {}", certificate.display()))?;
    let private =
        PrivateKeyDer::from_pem_file(key).with_context(|| format!("reading {}", key.display()))?;
    let config = builder.with_client_auth_cert(chain, private).context("the node's certificate")?;
    Ok(Arc::new(config))
}
