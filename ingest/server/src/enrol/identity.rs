//! The centre's own certificate, made by its authority when the program starts and again before
//! it ends. Its key is written nowhere.

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tram_wire::UnixMicros;

use super::authority::Authority;
use crate::clock;

/// How long a certificate of the centre lives, in microseconds: two years.
const LIFE_US: i64 = 2 * 365 * 86_400 * 1_000_000;

/// What the centre shows to whoever connects.
pub(crate) struct ServerIdentity {
    authority: Arc<Authority>,
    names: Vec<String>,
    /// What is shown, and when the next has to be made.
    current: Mutex<(Arc<CertifiedKey>, UnixMicros)>,
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity").field("names", &self.names).finish_non_exhaustive()
    }
}

impl ServerIdentity {
    /// A certificate for these names and addresses.
    ///
    /// # Errors
    /// `InvalidData` when it cannot be made.
    pub(super) fn new(authority: Arc<Authority>, names: Vec<String>) -> io::Result<Self> {
        let current = Mutex::new(make(&authority, &names, clock::now())?);
        Ok(Self { authority, names, current })
    }

    fn current(&self, now: UnixMicros) -> Arc<CertifiedKey> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= current.1 {
            match make(&self.authority, &self.names, now) {
                Ok(next) => *current = next,
                Err(error) => tracing::error!(%error, "the centre's certificate is not renewed"),
            }
        }
        Arc::clone(&current.0)
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current(clock::now()))
    }
}

fn make(
    authority: &Authority,
    names: &[String],
    now: UnixMicros,
) -> io::Result<(Arc<CertifiedKey>, UnixMicros)> {
    let (certificate, key) = authority.certify_centre(names, now.plus(LIFE_US))?;
    let failed = |e: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, e.to_string());
    let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(failed)?;
    // The authority goes along: it is what the pin of a code is compared with.
    let chain = vec![certificate, authority.certificate().clone()];
    Ok((Arc::new(CertifiedKey::new(chain, key)), now.plus(LIFE_US / 2)))
}

#[cfg(test)]
mod tests {
    use super::{super::files::Folder, *};

    #[test]
    fn the_next_certificate_comes_before_the_end_of_this_one() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path()).unwrap();
        let now = clock::now();
        let authority = Arc::new(Authority::open(&folder, now).unwrap());
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()].to_vec();
        let identity = ServerIdentity::new(authority, names).unwrap();
        let shown = |at| identity.current(at).cert.first().unwrap().to_vec();
        let first = shown(now);
        assert_eq!(shown(now.plus(LIFE_US / 2 - 60_000_000)), first);
        assert_ne!(shown(now.plus(LIFE_US / 2 + 60_000_000)), first);
    }
}
