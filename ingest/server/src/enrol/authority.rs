//! The centre's own authority: it signs the certificates of its nodes and its own, and nobody
//! else's. It is made on first use.

use std::{io, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use tram_wire::{ENROL_PIN_BYTES, NodeId, UnixMicros};

use super::{
    files::Folder,
    papers::digest,
    registry::{Registry, Serial},
};

/// The authority's key (PKCS #8, PEM).
pub(crate) const KEY: &str = "ca.key";
/// Its certificate (PEM).
pub(crate) const CERTIFICATE: &str = "ca.crt";
/// Numbers of certificates that were taken back (PEM), for brokers elsewhere.
pub(super) const REVOKED: &str = "revoked.crl";
/// How long the authority lives.
const LIFE: Duration = Duration::from_secs(30 * 365 * 86_400);
/// How long a list of what was taken back may be used. It is written anew with each revocation;
/// one that ends would lock every node out of a broker elsewhere.
const LIST_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The authority.
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn failed(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// Every certificate is good from 2020 on: the clock of a node without a network stands in the
/// past, and before it was signed none could be shown.
fn beginning(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
}

fn end(params: &mut CertificateParams, at: UnixMicros) {
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970(at);
}

fn since_1970(at: UnixMicros) -> Duration {
    Duration::from_secs(u64::try_from(at.0 / 1_000_000).unwrap_or_default())
}

fn later(at: UnixMicros, by: Duration) -> UnixMicros {
    at.plus(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}

fn named(params: &mut CertificateParams, name: &str) {
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Tram");
    params.distinguished_name.push(DnType::CommonName, name);
}

impl Authority {
    /// Opens the authority of a folder, and makes it on first use; the caller holds the lock.
    ///
    /// # Errors
    /// What the file system says, or `InvalidData` when its files do not hold what they should.
    pub(super) fn open(folder: &Folder, now: UnixMicros) -> io::Result<Self> {
        let (key, certificate) = (folder.file(KEY), folder.file(CERTIFICATE));
        if !certificate.exists() {
            Self::make(folder, now)?;
        }
        let pem = std::fs::read_to_string(&key)?;
        let key = KeyPair::from_pem(&pem).map_err(|e| failed(format!("{}: {e}", key.display())))?;
        let der = CertificateDer::from_pem_file(&certificate)
            .map_err(|e| failed(format!("{}: {e}", certificate.display())))?;
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(failed)?;
        let authority = Self { certificate: der, issuer };
        if !folder.file(REVOKED).exists() {
            authority.list(folder, &Registry::load(folder)?, now)?;
        }
        Ok(authority)
    }

    fn make(folder: &Folder, now: UnixMicros) -> io::Result<()> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::default();
        let some =
            digest(key.public_key_raw()).iter().take(4).fold(0u64, |n, b| n << 8 | u64::from(*b));
        named(&mut params, &format!("Tram authority {some:08x}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        beginning(&mut params);
        end(&mut params, later(now, LIFE));
        let certificate = params.self_signed(&key).map_err(failed)?;
        // The certificate last: with it the authority is whole.
        folder.put(KEY, key.serialize_pem().as_bytes())?;
        folder.put(CERTIFICATE, certificate.pem().as_bytes())
    }

    /// Its certificate.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What a code holds of it.
    pub(super) fn pin(&self) -> [u8; ENROL_PIN_BYTES] {
        let mut pin = [0; ENROL_PIN_BYTES];
        pin.iter_mut().zip(digest(&self.certificate)).for_each(|(to, from)| *to = from);
        pin
    }

    /// A certificate (DER) for a node's key. It can do nothing but introduce that node.
    ///
    /// # Errors
    /// `InvalidData` when the key cannot be certified.
    pub(super) fn certify(
        &self,
        node: &NodeId,
        key: &impl PublicKeyData,
        serial: &Serial,
        expires: UnixMicros,
    ) -> io::Result<Vec<u8>> {
        let mut params = CertificateParams::default();
        named(&mut params, node.as_str());
        params.serial_number = Some(SerialNumber::from_slice(serial.bytes()));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        beginning(&mut params);
        end(&mut params, expires);
        let certificate = params.signed_by(key, &self.issuer).map_err(failed)?;
        Ok(certificate.der().to_vec())
    }

    /// A certificate for the centre itself under these names and addresses, with a key that is
    /// written nowhere.
    ///
    /// # Errors
    /// `InvalidData` when a name is none.
    pub(super) fn certify_centre(
        &self,
        names: &[String],
        expires: UnixMicros,
    ) -> io::Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::new(names).map_err(failed)?;
        named(&mut params, "Tram centre");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        beginning(&mut params);
        end(&mut params, expires);
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((certificate.der().clone(), private.into()))
    }

    /// Writes the list of what was taken back; the caller holds the lock.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn list(
        &self,
        folder: &Folder,
        registry: &Registry,
        now: UnixMicros,
    ) -> io::Result<()> {
        let moment = |at: UnixMicros| date_time_ymd(1970, 1, 1) + since_1970(at);
        let revoked = registry.revoked().map(|(serial, at)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial.bytes()),
            revocation_time: moment(UnixMicros(at)),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: moment(now),
            next_update: moment(later(now, LIST_LIFE)),
            crl_number: SerialNumber::from(since_1970(now).as_secs()),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = list.signed_by(&self.issuer).map_err(failed)?;
        folder.put(REVOKED, signed.pem().map_err(failed)?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rcgen::PKCS_ED25519;

    use super::{super::papers::Papers, *};

    const NOW: UnixMicros = UnixMicros(1_772_409_600_000_000);

    #[test]
    fn the_authority_is_made_once_and_its_key_is_the_owners() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path()).unwrap();
        let first = Authority::open(&folder, NOW).unwrap();
        let again = Authority::open(&folder, NOW).unwrap();
        assert_eq!(first.certificate(), again.certificate());
        assert_eq!(first.pin(), again.pin());
        let mode =
            |name| std::fs::metadata(folder.file(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(KEY), 0o600);
        assert_eq!(
            std::fs::metadata(data.path().join("enrol")).unwrap().permissions().mode() & 0o777,
            0o700
        );
        let other = tempfile::tempdir().unwrap();
        let other = Authority::open(&Folder::open(other.path()).unwrap(), NOW).unwrap();
        assert_ne!(first.pin(), other.pin());
    }

    #[test]
    fn a_certificate_says_whose_it_is() {
        let data = tempfile::tempdir().unwrap();
        let authority = Authority::open(&Folder::open(data.path()).unwrap(), NOW).unwrap();
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let node = NodeId::new("bat-xat-river-02").unwrap();
        let serial = Serial::new(NOW, [7; 7]);
        let expires = later(NOW, Duration::from_secs(86_400));
        let der = authority.certify(&node, &key, &serial, expires).unwrap();
        let papers = Papers::read(&der).unwrap();
        assert_eq!((papers.node, papers.serial, papers.expires), (node, serial, expires));
        assert_eq!(papers.key, digest(key.public_key_raw()));
        // The authority's own certificate introduces nobody.
        assert_eq!(Papers::read(authority.certificate()), None);
        assert_eq!(Papers::read(&der[..der.len() - 1]), None);
    }
}
