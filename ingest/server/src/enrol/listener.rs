//! The port for enrolment: one request and one answer a connection, over TLS, a bounded number of
//! them at once.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    RootCertStore, ServerConfig,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tram_wire::{
    ENROL_PROTOCOL, EnrolAnswer, EnrolRefusal, EnrolRequest, Enrolment, MAX_ENROL_BYTES,
};

use super::{Office, Outcome, Papers, papers::Lenient};
use crate::{
    broker::Failures,
    clock,
    crowd::{Crowd, network},
    failure::Failure,
};

/// The most conversations at once.
const MAX_CONVERSATIONS: usize = 128;
/// The most conversations at once of one address.
const MAX_CONVERSATIONS_OF_ONE: usize = 32;
/// How long a conversation may take; a mobile network in a valley is slow.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait when the system gives no connection, such as when no descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who listens.
pub(crate) struct Listener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    office: Arc<Office>,
    failures: Mutex<Failures>,
}

impl Listener {
    /// Listens; `run` answers.
    ///
    /// # Errors
    /// [`Failure`] when the address cannot be listened on.
    pub(crate) async fn bind(address: SocketAddr, office: Arc<Office>) -> Result<Self, Failure> {
        let listener = TcpListener::bind(address).await.map_err(|e| {
            crate::listen::failure("enrolment", address, &e, "in the section [enrol]")
        })?;
        let tls = tls(&office).map_err(|e| {
            Failure::new(format!("enrolment cannot start: {e}"), "Check the section [enrol]")
        })?;
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        Ok(Self { listener, acceptor, office, failures: Mutex::default() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the program ends.
    pub(crate) async fn run(self) {
        let this = Arc::new(self);
        let crowd = Crowd::new(MAX_CONVERSATIONS, MAX_CONVERSATIONS_OF_ONE);
        loop {
            let (stream, from) = match this.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection for enrolment could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = crowd.enter(from.ip()) else {
                tracing::warn!(%from, "a connection for enrolment was refused: too many at once");
                continue;
            };
            let this = Arc::clone(&this);
            tokio::spawn(async move {
                match timeout(PATIENCE, this.converse(stream, from.ip())).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::info!(%from, %error, "a conversation about enrolment broke off");
                    }
                    Err(_) => tracing::info!(%from, "a conversation about enrolment took too long"),
                }
                drop(place);
            });
        }
    }

    async fn converse(&self, stream: TcpStream, from: IpAddr) -> io::Result<()> {
        let mut stream = self.acceptor.accept(stream).await?;
        let papers = stream.get_ref().1.peer_certificates().and_then(|c| Papers::read(c.first()?));
        let mut length = [0; 4];
        stream.read_exact(&mut length).await?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_ENROL_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the request is too long"));
        }
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await?;
        let request = EnrolRequest::decode(&bytes)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
        let answer = self.answer(request, papers, from).await;
        let wrong = |e: &dyn std::fmt::Display| io::Error::other(e.to_string());
        let bytes = Enrolment::encode(&answer).map_err(|e| wrong(&e))?;
        let length = u32::try_from(bytes.len()).map_err(|e| wrong(&e))?;
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(&bytes).await?;
        stream.shutdown().await
    }

    async fn answer(
        &self,
        request: EnrolRequest,
        papers: Option<Papers>,
        from: IpAddr,
    ) -> EnrolAnswer {
        let who = network(from);
        if self.failures().too_many(who, clock::instant()) {
            let refusal = EnrolRefusal::TooOften;
            self.office.tell(request.node, Outcome::Refused(refusal), None, from, clock::now());
            return Err(refusal);
        }
        let office = Arc::clone(&self.office);
        let answered = tokio::task::spawn_blocking(move || {
            office.answer(&request, papers.as_ref(), from, clock::now())
        });
        let answer = answered.await.unwrap_or(Err(EnrolRefusal::Unavailable));
        if matches!(
            answer,
            Err(EnrolRefusal::WrongCode | EnrolRefusal::UsedCode | EnrolRefusal::BadRequest)
        ) {
            self.failures().count(who, clock::instant());
        }
        answer
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tls(office: &Office) -> io::Result<ServerConfig> {
    let failed = |e: &dyn std::fmt::Display| io::Error::other(e.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Who has a certificate already shows it, also one that has ended: to renew it.
    let strict = verifier(office)?;
    let lenient = Lenient { strict, longer: office.certificate_life() };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(&e))?
        .with_client_cert_verifier(Arc::new(lenient))
        .with_cert_resolver(Arc::new(office.identity()?));
    config.alpn_protocols = vec![ENROL_PROTOCOL.to_vec()];
    Ok(config)
}

/// Believes what the office's authority has signed, and lets in who shows nothing.
fn verifier(office: &Office) -> io::Result<Arc<dyn ClientCertVerifier>> {
    let failed = |e: &dyn std::fmt::Display| io::Error::other(e.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(office.authority().certificate().clone()).map_err(|e| failed(&e))?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    builder.allow_unauthenticated().build().map_err(|e| failed(&e))
}
