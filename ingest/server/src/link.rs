//! The one place that talks MQTT: a client of the broker, embedded or external alike.
//!
//! One task polls and does nothing else that could wait for itself. What arrives goes into a
//! bounded channel to the commit thread; when that is full the task stops polling, the broker's
//! window fills, and its publishers wait.
//!
//! Everything the centre says is published with QoS 0. An acknowledgement tells the whole truth
//! about a spool and a command is asked for again as long as it is needed, so a lost one is healed
//! by the next; and no packet identifier is held that a lost session could leave dangling.

mod mailbox;
mod subscriptions;
mod tls;

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use rumqttc::{
    Transport,
    v5::{
        AsyncClient, ConnectionError, Event, EventLoop, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{Packet, Publish, SubscribeReasonCode},
        },
    },
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinHandle,
};

pub(crate) use mailbox::{MAX_LETTERS, Mailbox};
pub(crate) use subscriptions::Subscriptions;
pub(crate) use tls::client as tls;

use crate::{
    broker::MAX_PACKET_BYTES,
    clock,
    config::{External, Hearing},
    failure::Failure,
};

/// The most messages that wait for the commit thread.
pub(crate) const MAX_WAITING_MESSAGES: usize = 4_096;
/// The most payload bytes that wait for the commit thread, in units of [`BYTES_PER_PERMIT`].
pub(crate) const MAX_WAITING_PERMITS: usize = 16 * 1024;
/// What one permit stands for.
const BYTES_PER_PERMIT: usize = 1024;
/// How many unacknowledged publishes the broker may have on the way to us. An acknowledgement
/// costs one turn of the poll task, so this only has to cover that.
const RECEIVE_MAXIMUM: u16 = 4_096;
/// The same for a member of a share. What is on its way to a replica that has died unseen waits for
/// the node to send it again, so it is no more than a busy moment needs.
const RECEIVE_MAXIMUM_SHARED: u16 = 512;
/// The most requests of ours on their way to the broker.
const MAX_REQUESTS: usize = 64;
/// How often to tell the broker that we live; it waits half as long again. The poll task waits
/// while the commit thread is busy, so this is longer than any commit.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The same for a member of a share: the sooner the broker gives a silent one up, the sooner the
/// others get what it would have got. One that cannot write its log falls silent on purpose.
const KEEP_ALIVE_SHARED: Duration = Duration::from_secs(10);
/// How long the broker keeps what it has for a watcher that is gone, in seconds. Nobody sends a
/// watcher anything again. For everybody else it keeps nothing: the nodes send it again.
const WATCHER_SESSION_S: u32 = 3_600;
/// How long to wait before connecting again.
const RECONNECT: Duration = Duration::from_millis(500);
/// How long a connection may take.
const CONNECT_TIMEOUT_S: u64 = 5;

/// The user property with which a node marks what has waited; see `docs/wire.md`.
const BACKLOG: &str = "backlog";

/// A message for the commit thread.
pub(crate) struct Delivered {
    /// The topic name; bytes that are not UTF-8 are replaced, which makes it a wrong topic.
    pub(crate) topic: String,
    /// The property `content-type`.
    pub(crate) content_type: Option<String>,
    /// The payload.
    pub(crate) payload: Bytes,
    /// Whether the broker had kept it.
    pub(crate) retained: bool,
    /// Whether the node says that it has waited: not what is measured now.
    pub(crate) backlog: bool,
    /// When it arrived here.
    pub(crate) arrived: std::time::Instant,
    /// Its share of the bytes that may wait; given back when the message is done with.
    _share: OwnedSemaphorePermit,
}

/// What the rest of the program knows about the link.
pub(crate) struct Link {
    /// `Ok` while connected and subscribed, else why not.
    state: Mutex<Result<(), String>>,
    /// Counted up at each connection; what was said on an earlier one may be lost.
    connections: watch::Sender<u64>,
    /// What is to be published.
    pub(crate) mailbox: Mailbox,
    wake: Notify,
    /// Whether it has ever been connected and subscribed.
    met: watch::Sender<bool>,
    /// What leads to the commit thread, for those who want to know how full it is.
    waiting: OnceLock<(mpsc::WeakSender<Delivered>, Arc<Semaphore>)>,
}

impl Link {
    /// A link that is not connected yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(Err("the broker has not answered yet".to_owned())),
            connections: watch::Sender::new(0),
            mailbox: Mailbox::default(),
            wake: Notify::new(),
            met: watch::Sender::new(false),
            waiting: OnceLock::new(),
        })
    }

    /// `Ok` while connected and subscribed, else why not.
    pub(crate) fn state(&self) -> Result<(), String> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// How often it has connected.
    pub(crate) fn connections(&self) -> u64 {
        *self.connections.borrow()
    }

    /// Waits until it has been connected and subscribed for the first time.
    pub(crate) async fn met(&self) {
        // The sender lives as long as the link.
        let _ = self.met.subscribe().wait_for(|met| *met).await;
    }

    /// How many messages wait for the commit thread, and how many of the units of
    /// [`BYTES_PER_PERMIT`] they take.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let Some((deliver, budget)) = self.waiting.get() else { return (0, 0) };
        // The link's task is gone when the program ends.
        let messages = deliver.upgrade().map_or(0, |d| d.max_capacity() - d.capacity());
        (messages, MAX_WAITING_PERMITS.saturating_sub(budget.available_permits()))
    }

    /// Says that the mailbox has something.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn set(&self, state: Result<(), String>) {
        if state.is_ok() {
            self.met.send_replace(true);
        }
        let mut known = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match (&*known, &state) {
            (Err(_), Ok(())) => tracing::info!("connected to the broker"),
            (Ok(()), Err(reason)) => tracing::warn!(reason, "the broker is gone"),
            (Err(old), Err(new)) if old != new => tracing::warn!(reason = new, "no broker"),
            _ => {}
        }
        *known = state;
    }
}

/// The link's tasks.
pub(crate) struct Tasks {
    receive: JoinHandle<()>,
    send: JoinHandle<()>,
}

impl Tasks {
    /// Ends them: nothing more is delivered, and the channel to the commit thread closes.
    pub(crate) fn stop(&self) {
        self.receive.abort();
        self.send.abort();
    }
}

/// Starts the link's two tasks. They end when `deliver`'s receiver is gone.
///
/// # Errors
/// [`Failure`] when the certificates of the authorities cannot be used.
pub(crate) fn start(
    link: &Arc<Link>,
    broker: &External,
    client_id: &str,
    subscriptions: Subscriptions,
    deliver: mpsc::Sender<Delivered>,
) -> Result<Tasks, Failure> {
    let (client, events) = AsyncClient::new(options(broker, client_id)?, MAX_REQUESTS);
    // Before the first poll: a connection counted before the sender looks would go unseen.
    let connections = link.connections.subscribe();
    Ok(Tasks {
        receive: tokio::spawn(receive(
            Arc::clone(link),
            events,
            subscriptions.packets().len(),
            deliver,
        )),
        send: tokio::spawn(send(Arc::clone(link), client, connections, subscriptions)),
    })
}

fn options(broker: &External, client_id: &str) -> Result<MqttOptions, Failure> {
    // rumqttc joins host and port with a colon.
    let host = match broker.host.contains(':') && broker.ca_file.is_none() {
        true => format!("[{}]", broker.host),
        false => broker.host.clone(),
    };
    let mut options = MqttOptions::new(client_id, host, broker.port);
    if let Some((user, password)) = &broker.credentials {
        options.set_credentials(user, password);
    }
    if let Some(ca_file) = &broker.ca_file {
        options.set_transport(Transport::tls_with_config(tls::client(ca_file)?.into()));
    }
    let (keep_alive, receive_maximum) = match broker.hearing {
        Hearing::Share { .. } => (KEEP_ALIVE_SHARED, RECEIVE_MAXIMUM_SHARED),
        Hearing::Everything | Hearing::OwnStations => (KEEP_ALIVE, RECEIVE_MAXIMUM),
    };
    options
        .set_keep_alive(keep_alive)
        .set_connection_timeout(CONNECT_TIMEOUT_S)
        .set_clean_start(broker.acknowledge)
        .set_receive_maximum(Some(receive_maximum))
        .set_max_packet_size(Some(MAX_PACKET_BYTES.saturating_add(1024)));
    if !broker.acknowledge {
        options.set_session_expiry_interval(Some(WATCHER_SESSION_S));
    }
    Ok(options)
}

/// Polls, and hands on what arrives.
async fn receive(
    link: Arc<Link>,
    mut events: EventLoop,
    subscriptions: usize,
    deliver: mpsc::Sender<Delivered>,
) {
    // How many answers to our subscriptions are still to come on this connection.
    let mut missing = subscriptions;
    let budget = Arc::new(Semaphore::new(MAX_WAITING_PERMITS));
    // A link is started once.
    let _ = link.waiting.set((deliver.downgrade(), Arc::clone(&budget)));
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                missing = subscriptions;
                link.connections.send_modify(|n| *n = n.saturating_add(1));
            }
            Ok(Event::Incoming(Packet::SubAck(ack))) => {
                let refused =
                    |c: &SubscribeReasonCode| !matches!(c, SubscribeReasonCode::Success(_));
                if ack.return_codes.iter().any(refused) {
                    let codes = ack.return_codes;
                    link.set(Err(format!("the broker refuses our subscription: {codes:?}")));
                    continue;
                }
                missing = missing.saturating_sub(1);
                if missing == 0 {
                    link.set(Ok(()));
                }
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let Some(delivered) = take(publish, &budget).await else { return };
                if deliver.send(delivered).await.is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(ConnectionError::RequestsDone) => return,
            Err(error) => {
                link.set(Err(format!("the broker does not answer: {error}")));
                tokio::time::sleep(RECONNECT).await;
            }
        }
    }
}

/// Waits until the message's bytes fit among those that wait.
async fn take(publish: Publish, budget: &Arc<Semaphore>) -> Option<Delivered> {
    let permits = publish.payload.len().div_ceil(BYTES_PER_PERMIT).clamp(1, MAX_WAITING_PERMITS);
    let permits = u32::try_from(permits).unwrap_or(u32::MAX);
    let share = Arc::clone(budget).acquire_many_owned(permits).await.ok()?;
    let properties = publish.properties.unwrap_or_default();
    Some(Delivered {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        backlog: properties.user_properties.iter().any(|(name, _)| name == BACKLOG),
        content_type: properties.content_type,
        payload: publish.payload,
        retained: publish.retain,
        arrived: clock::instant(),
        _share: share,
    })
}

/// Subscribes after each connection, and publishes what is in the mailbox.
async fn send(
    link: Arc<Link>,
    client: AsyncClient,
    mut connections: watch::Receiver<u64>,
    subscriptions: Subscriptions,
) {
    loop {
        tokio::select! {
            changed = connections.changed() => {
                if changed.is_err() {
                    return;
                }
                for packet in subscriptions.packets() {
                    if client.subscribe_many(packet.clone()).await.is_err() {
                        return;
                    }
                }
            }
            () = link.wake.notified() => {
                for letter in link.mailbox.take() {
                    let sent = client.publish(letter.topic, QoS::AtMostOnce, false, letter.payload);
                    if sent.await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
