//! The broker inside this program: the `mqtt5` crate's, with our own door (who may connect, who
//! may publish what) and a limit on everything it holds.
//!
//! It keeps nothing on disk. A node's outbox is the truth until the centre's log has a batch, so
//! a broker that forgets loses nothing.

mod access;
mod certified;
mod complaints;
pub(crate) mod credentials;
mod door;
mod failures;
mod gate;
mod live;
pub(crate) mod node_add;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use mqtt5::broker::{
    BrokerConfig, BrokerShutdownHandle, MqttBroker,
    config::{StorageBackend, StorageConfig},
    sys_topics::BrokerStats,
};
use tokio::{sync::broadcast, task::JoinHandle};

pub(crate) use credentials::Credentials;
pub(crate) use door::{CENTRE, Door};
pub(crate) use failures::Failures;

use gate::Gate;

use crate::{
    config::{Embedded, External, Hearing},
    enrol::Office,
    failure::Failure,
};

/// The largest MQTT packet the broker reads. It is larger than the largest message the centre
/// accepts, so that an oversize message reaches the quarantine instead of vanishing at the door.
pub(crate) const MAX_PACKET_BYTES: u32 = 1024 * 1024;
/// The most unacknowledged publishes of one client.
const MAX_CLIENT_IN_FLIGHT: u16 = 1024;
/// The most messages on their way to one client before its publishers wait.
const MAX_CLIENT_CHANNEL: usize = 256;
/// The most messages and bytes queued for one client that does not read.
const MAX_CLIENT_QUEUE: (usize, usize) = (1_000, 16 * 1024 * 1024);
/// The most retained messages and the largest one.
const MAX_RETAINED: (usize, usize) = (50_000, 64 * 1024);
/// The most subscriptions of one client.
const MAX_SUBSCRIPTIONS: usize = 16;
/// How long the session of a client that went away is kept.
const SESSION_EXPIRY: Duration = Duration::from_secs(600);

/// A running broker.
pub(crate) struct Running {
    /// Where it listens without encryption.
    pub(crate) address: SocketAddr,
    /// Where it listens with encryption.
    pub(crate) tls_address: Option<SocketAddr>,
    /// What it counts.
    pub(crate) stats: Arc<BrokerStats>,
    shutdown: BrokerShutdownHandle,
    task: JoinHandle<()>,
    /// Ends the encrypted connections and their listener.
    gate: Option<broadcast::Sender<()>>,
}

/// Starts the broker; `door` decides who comes in. With an office, whoever comes encrypted shows a
/// certificate of it.
///
/// # Errors
/// [`Failure`] when an address cannot be listened on or a certificate cannot be used.
pub(crate) async fn start(
    embedded: &Embedded,
    door: Arc<Door>,
    office: Option<&Arc<Office>>,
) -> Result<Running, Failure> {
    probe(embedded.listen).await?;
    let broker = MqttBroker::with_config(broker_config(embedded)).await.map_err(|e| {
        Failure::new(format!("the broker cannot start: {e}"), "Check the section [broker]")
    })?;
    let mut broker = broker.with_auth_provider(Arc::clone(&door) as Arc<_>);
    let address = broker.local_addr().ok_or_else(not_listening)?;
    let gate = match &embedded.tls {
        Some(tls) => {
            let config = broker_config(embedded);
            Some(Gate::bind(tls, &broker, config, door, office.cloned()).await?)
        }
        None => None,
    };
    let tls_address = gate.as_ref().map(Gate::address).transpose().map_err(|_| not_listening())?;
    let (shutdown, stats) = (broker.shutdown_handle(), broker.stats());
    let mut ready = broker.ready_receiver();
    let task = tokio::spawn(async move {
        if let Err(error) = broker.run().await {
            tracing::error!(%error, "the broker stopped");
        }
    });
    // An error means that the broker is gone; the link will say so.
    let _ = ready.wait_for(|ready| *ready).await;
    let stop_gate = gate.as_ref().map(Gate::stop);
    if let Some(gate) = gate {
        tokio::spawn(gate.run());
    }
    Ok(Running { address, tls_address, stats, shutdown, task, gate: stop_gate })
}

fn not_listening() -> Failure {
    Failure::new("the broker does not listen", "Check `listen` in the section [broker]")
}

impl Running {
    /// How the centre's own client reaches it.
    pub(crate) fn own_client(&self, door: &Door) -> External {
        let ip = match self.address.ip() {
            ip if !ip.is_unspecified() => ip,
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        External {
            host: ip.to_string(),
            port: self.address.port(),
            ca_file: None,
            credentials: Some(door.own_login()),
            client_id: Some(door::CENTRE.to_owned()),
            hearing: Hearing::Everything,
            acknowledge: true,
            replica: None,
        }
    }

    /// Whether it has stopped by itself.
    pub(crate) fn stopped(&self) -> bool {
        self.task.is_finished()
    }

    /// Stops it, waiting at most `patience`.
    pub(crate) async fn stop(self, patience: Duration) {
        if let Some(gate) = self.gate {
            // Nobody listens when everybody has gone already.
            let _ = gate.send(());
        }
        self.shutdown.shutdown();
        let abort = self.task.abort_handle();
        if tokio::time::timeout(patience, self.task).await.is_err() {
            abort.abort();
        }
    }
}

/// Finds out whether an address is free, for a sentence better than the broker's own.
async fn probe(address: SocketAddr) -> Result<(), Failure> {
    tokio::net::TcpListener::bind(address)
        .await
        .map(|_| ())
        .map_err(|e| crate::listen::failure("the broker", address, &e, "in the section [broker]"))
}

/// The most clients at once, the centre's own among them.
pub(crate) fn max_clients(embedded: &Embedded) -> usize {
    embedded.max_clients.saturating_add(1)
}

fn broker_config(embedded: &Embedded) -> BrokerConfig {
    let (queue_messages, queue_bytes) = MAX_CLIENT_QUEUE;
    let (retained, retained_bytes) = MAX_RETAINED;
    let storage = StorageConfig::new()
        .with_backend(StorageBackend::Memory)
        .with_cleanup_interval(Duration::from_secs(60))
        .with_max_queued_messages_per_client(queue_messages)
        .with_max_queued_bytes_per_client(queue_bytes);
    BrokerConfig::new()
        .with_bind_address(embedded.listen)
        .with_max_clients(max_clients(embedded))
        .with_max_packet_size(MAX_PACKET_BYTES as usize)
        .with_session_expiry(SESSION_EXPIRY)
        .with_client_channel_capacity(MAX_CLIENT_CHANNEL)
        .with_max_outbound_inflight(u16::MAX)
        .with_server_receive_maximum(MAX_CLIENT_IN_FLIGHT)
        .with_max_subscriptions_per_client(MAX_SUBSCRIPTIONS)
        .with_max_retained_messages(retained)
        .with_max_retained_message_size(retained_bytes)
        .with_sys_topics_enabled(false)
        .with_storage(storage)
}
