//! A stranger's request for a certificate, and a certificate, are read without a panic: as the
//! centre reads them, and no further.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rcgen::{CertificateSigningRequestParams, PublicKeyData};
use x509_parser::prelude::{FromDer, X509Certificate};

fuzz_target!(|bytes: &[u8]| {
    let Some(bytes) = bytes.get(..bytes.len().min(tram_wire::MAX_ENROL_REQUEST_BYTES)) else {
        return;
    };
    if let Ok(request) = CertificateSigningRequestParams::from_der(&bytes.into()) {
        // Signed by its own key: a mutation that gets here is a copy of a real one.
        assert!(!request.public_key.der_bytes().is_empty());
    }
    if let Ok((_, certificate)) = X509Certificate::from_der(bytes) {
        let _ = certificate.subject().iter_common_name().map(|n| n.as_str().is_ok()).count();
        let _ = certificate.raw_serial().len();
        let _ = certificate.validity().not_after.timestamp();
    }
});
