//! The encrypted listener of the embedded broker. It is ours and not the crate's for three reasons:
//! the crate's tells the door nothing of the certificate a client has shown; it waits for one
//! handshake before it takes the next connection, so that a client that connects and says nothing
//! keeps everybody out; and what it has let in, it cannot put out.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mqtt5::broker::{
    AuthProvider, BrokerConfig, DynamicStorage, MqttBroker, ResourceMonitor,
    client_handler::ClientHandler, router::MessageRouter, sys_topics::BrokerStats,
    tls_acceptor::TlsStreamWrapper, transport::BrokerTransport,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ResolvesServerCert, WebPkiClientVerifier},
    sign::SingleCertAndKey,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{Door, certified::Certified, live::Live};
use crate::{
    config::Tls,
    crowd::Crowd,
    enrol::{Office, Papers},
    failure::Failure,
};

/// The most handshakes at once.
const MAX_HANDSHAKES: usize = 512;
/// The most handshakes at once of one address: many stations may be behind one of a mobile network.
const MAX_HANDSHAKES_OF_ONE: usize = 64;
/// How long a handshake may take; a mobile network in a valley is slow.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long to wait when the system gives no connection, such as when no descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often somebody looks whether a node was revoked.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The gate.
pub(super) struct Gate {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    door: Arc<Door>,
    office: Option<Arc<Office>>,
    live: Arc<Live>,
    inner: Inner,
}

/// What a connection needs of the broker.
struct Inner {
    config: Arc<BrokerConfig>,
    router: Arc<MessageRouter>,
    storage: Option<Arc<DynamicStorage>>,
    stats: Arc<BrokerStats>,
    monitor: Arc<ResourceMonitor>,
    stop: broadcast::Sender<()>,
}

impl Gate {
    /// Listens; `run` lets in.
    ///
    /// # Errors
    /// [`Failure`] when the address cannot be listened on or a certificate cannot be used.
    pub(super) async fn bind(
        tls: &Tls,
        broker: &MqttBroker,
        config: BrokerConfig,
        door: Arc<Door>,
        office: Option<Arc<Office>>,
    ) -> Result<Self, Failure> {
        let listener = TcpListener::bind(tls.listen).await.map_err(|e| {
            crate::listen::failure("the broker", tls.listen, &e, "in the section [broker.tls]")
        })?;
        let server = server_config(tls, office.as_deref()).map_err(|e| {
            Failure::new(
                format!("the broker cannot encrypt: {e}"),
                "Check the section [broker.tls]",
            )
        })?;
        let inner = Inner {
            config: Arc::new(config),
            router: broker.router(),
            storage: broker.storage(),
            stats: broker.stats(),
            monitor: broker.resource_monitor(),
            stop: broadcast::Sender::new(1),
        };
        let acceptor = TlsAcceptor::from(Arc::new(server));
        Ok(Self { listener, acceptor, door, office, live: Arc::default(), inner })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What ends every connection, and the gate itself, when something is sent on it.
    pub(super) fn stop(&self) -> broadcast::Sender<()> {
        self.inner.stop.clone()
    }

    /// Lets in until it is told to stop, and puts out who was revoked.
    pub(super) async fn run(self) {
        let mut stopped = self.inner.stop.subscribe();
        let this = Arc::new(self);
        tokio::select! {
            () = Arc::clone(&this).take() => {}
            () = this.watch() => {}
            _ = stopped.recv() => {}
        }
    }

    async fn take(self: Arc<Self>) {
        let crowd = Crowd::new(MAX_HANDSHAKES, MAX_HANDSHAKES_OF_ONE);
        loop {
            let (stream, from) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "an encrypted connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let room = self.inner.monitor.can_accept_connection(from.ip()).await;
            let Some(place) = crowd.enter(from.ip()).filter(|_| room) else {
                self.door.counters.over_limit.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(address = %from, "an encrypted connection was refused: too many");
                continue;
            };
            let this = Arc::clone(&self);
            tokio::spawn(async move {
                let shaken = timeout(PATIENCE, this.acceptor.accept(stream)).await;
                // Whoever is in makes room for the next handshake.
                drop(place);
                let shaken = shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                match shaken {
                    Ok(stream) => this.serve(stream, from).await,
                    Err(error) => {
                        this.door.counters.handshakes_failed.fetch_add(1, Ordering::Relaxed);
                        tracing::warn!(address = %from, %error, "a TLS handshake failed");
                    }
                }
            });
        }
    }

    async fn serve(&self, stream: tokio_rustls::server::TlsStream<TcpStream>, from: SocketAddr) {
        let shown = stream.get_ref().1.peer_certificates().and_then(|c| c.first());
        // The handshake has made sure of the certificate; what it says is another matter.
        let (who, _place): (Arc<dyn AuthProvider>, _) = match shown.map(|c| Papers::read(c)) {
            None => (Arc::clone(&self.door) as Arc<dyn AuthProvider>, None),
            Some(Some(papers)) => {
                let Ok(place) = self.live.enter(papers.clone(), stream.get_ref().0) else {
                    tracing::warn!(address = %from, "no descriptor is left for a connection");
                    return;
                };
                // After it has its place: whoever is revoked now is put out.
                if self.office.as_ref().is_none_or(|office| !office.admits(&papers)) {
                    self.door.turn_away(&papers, from);
                    return;
                }
                let certified = Certified { door: Arc::clone(&self.door), papers };
                (Arc::new(certified) as Arc<dyn AuthProvider>, Some(place))
            }
            Some(None) => {
                self.door.counters.handshakes_failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(address = %from, "a certificate names no node");
                return;
            }
        };
        let inner = &self.inner;
        let handler = ClientHandler::new(
            BrokerTransport::tls(TlsStreamWrapper::new(stream)),
            from,
            Arc::clone(&inner.config),
            Arc::clone(&inner.router),
            who,
            inner.storage.clone(),
            Arc::clone(&inner.stats),
            Arc::clone(&inner.monitor),
            inner.stop.subscribe(),
        );
        // How a connection ends is of no interest: nodes come and go.
        if let Err(error) = Box::pin(handler.run()).await {
            tracing::debug!(address = %from, %error, "an encrypted connection ended");
        }
    }

    /// Puts out whoever was revoked.
    async fn watch(&self) {
        let Some(office) = &self.office else { return std::future::pending().await };
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if !office.look() {
                continue;
            }
            for papers in self.live.cut(|papers| office.admits(papers)) {
                self.door.counters.connections_cut.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(node = %papers.node, serial = %papers.serial, "revoked; its connection was ended");
            }
        }
    }
}

fn failed(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// TLS as this broker speaks it: with the file's certificate or the office's, and with the nodes'
/// certificates when there is an office.
fn server_config(tls: &Tls, office: Option<&Office>) -> io::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let own: Arc<dyn ResolvesServerCert> = match (&tls.files, office) {
        (Some((certificate, key)), _) => Arc::new(from_files(certificate, key)?),
        (None, Some(office)) => Arc::new(office.identity()?),
        (None, None) => return Err(failed("there is no certificate")),
    };
    let builder = match office {
        None => builder.with_no_client_auth(),
        Some(office) => {
            let mut roots = RootCertStore::empty();
            roots.add(office.authority().certificate().clone()).map_err(failed)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if tls.passwords { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().map_err(failed)?)
        }
    };
    let mut config = builder.with_cert_resolver(own);
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    Ok(config)
}

fn from_files(certificate: &Path, key: &Path) -> io::Result<SingleCertAndKey> {
    let named = |path: &Path, e: &dyn std::fmt::Display| failed(format!("{}: {e}", path.display()));
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| named(certificate, &e))?;
    if chain.is_empty() {
        return Err(named(certificate, &"it holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| named(key, &e))?;
    let signer =
        rustls::crypto::ring::sign::any_supported_type(&private).map_err(|e| named(key, &e))?;
    let certified = rustls::sign::CertifiedKey::new(chain, signer);
    certified.keys_match().or_else(|e| match e {
        // What cannot be told is not wrong.
        rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown) => Ok(()),
        other => Err(named(key, &other)),
    })?;
    Ok(SingleCertAndKey::from(certified))
}
