//! One connection to the broker: everything of `rumqttc` is in here.
//!
//! What the client library cannot be trusted with, and what is done instead:
//!
//! - It cannot tie a publish to its PUBACK (rumqtt issue 349): nothing here looks at PUBACKs; a
//!   record leaves the spool on the centre's own acknowledgement only.
//! - It drops its pending publishes when the broker has no session: every connection is a clean
//!   start with a client of its own, and what was under way is sent again from the spool.
//! - It freezes when one task both polls and publishes (rumqtt issue 1025): polling has a task of
//!   its own that never waits for anything but the network.

mod knock;
mod tls;

use std::{sync::Arc, time::Duration};

use rumqttc::{
    TlsConfiguration, Transport,
    v5::{
        AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError,
        mqttbytes::{
            QoS,
            v5::{
                ConnectReturnCode, Filter, LastWill, LastWillProperties, Packet, PublishProperties,
            },
        },
    },
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tram_wire::{Ack, Command, Kind, NodeId, Topic};

pub(crate) use knock::knock;
pub(crate) use tls::{SYSTEM_AUTHORITIES, TlsFiles, client_config};

/// The most messages of the centre that wait to be looked at; more are dropped, which an
/// acknowledgement survives, since the next one says everything again.
const MAX_HEARD: usize = 64;
/// The most requests that wait for the network.
const MAX_REQUESTS: usize = 16;
/// The most publishes without a PUBACK of the broker.
const MAX_BROKER_IN_FLIGHT: u16 = 128;
/// The largest message that is taken from the broker.
const MAX_INCOMING_BYTES: u32 = 16 * 1024;
/// How long a connection may take until the broker has accepted it and the subscriptions.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the network may refuse a message until the connection is given up.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(20);
/// What every message of ours is.
const CONTENT_TYPE: &str = "application/cbor";

/// The user property of a message that has waited: not what is measured now.
const BACKLOG: &str = "backlog";

/// A message of this node.
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) payload: Vec<u8>,
    /// Whether it has waited, which the centre is told.
    pub(crate) backlog: bool,
}

/// Where the broker is and who we are.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) node: NodeId,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) password: Option<String>,
    pub(crate) keep_alive: Duration,
}

/// What came from the centre.
#[derive(Debug)]
pub(crate) enum Heard {
    Ack(Ack),
    Command(Command),
    /// A message that is not one of the above; the text says why.
    Unreadable(String),
}

/// A live connection.
pub(crate) struct Link {
    node: NodeId,
    client: AsyncClient,
    heard: mpsc::Receiver<Heard>,
    polling: JoinHandle<String>,
}

/// The connection is gone.
#[derive(Debug)]
pub(crate) struct Gone;

impl Link {
    /// Connects, with a clean start, and subscribes to what the centre says to this node.
    ///
    /// # Errors
    /// A sentence for people.
    pub(crate) async fn connect(address: &Address, will: Vec<u8>) -> Result<Self, String> {
        let (client, events) = AsyncClient::new(options(address, will), MAX_REQUESTS);
        let (tell, heard) = mpsc::channel(MAX_HEARD);
        let (subscribed, ready) = tokio::sync::oneshot::channel();
        let polling = tokio::spawn(poll(events, tell, subscribed));
        let link = Self { node: address.node, client, heard, polling };
        let filters = [Kind::Ack, Kind::Command].map(|kind| {
            let topic = Topic { node: address.node, kind };
            Filter::new(topic.to_string(), QoS::AtLeastOnce)
        });
        let started = async {
            link.client.subscribe_many(filters).await.map_err(|_| Gone)?;
            ready.await.map_err(|_| Gone)
        };
        match timeout(CONNECT_TIMEOUT, started).await {
            Ok(Ok(())) => Ok(link),
            Ok(Err(Gone)) => Err(link.reason().await),
            Err(_) => Err("the broker does not answer".to_owned()),
        }
    }

    /// Publishes a message of this node with QoS 1. Returning says only that it is on its way.
    ///
    /// # Errors
    /// [`Gone`] when the connection has ended or takes nothing any more.
    pub(crate) async fn publish(&self, message: Message) -> Result<(), Gone> {
        let Message { kind, payload, backlog } = message;
        let topic = Topic { node: self.node, kind }.to_string();
        let retain = matches!(kind, Kind::Birth | Kind::Status);
        let content_type = Some(CONTENT_TYPE.to_owned());
        let mark = (BACKLOG.to_owned(), "1".to_owned());
        let user_properties = if backlog { vec![mark] } else { Vec::new() };
        let properties =
            PublishProperties { content_type, user_properties, ..PublishProperties::default() };
        let sending = self.client.publish_with_properties(
            topic,
            QoS::AtLeastOnce,
            retain,
            payload,
            properties,
        );
        match timeout(PUBLISH_TIMEOUT, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// The next message of the centre; `None` when the connection has ended. May be dropped and
    /// called again.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// Why the connection has ended.
    pub(crate) async fn reason(mut self) -> String {
        let waiting = timeout(Duration::from_secs(1), &mut self.polling);
        waiting.await.map_or_else(
            |_| "the broker takes nothing any more".to_owned(),
            |r| r.unwrap_or_default(),
        )
    }

    /// Says good-bye, so that the broker does not publish the will.
    pub(crate) async fn close(mut self, limit: Duration) {
        let ending = async {
            let _ = self.client.disconnect().await;
            let _ = (&mut self.polling).await;
        };
        let _ = timeout(limit, ending).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

fn options(address: &Address, will: Vec<u8>) -> MqttOptions {
    let node = address.node.as_str();
    let mut options = MqttOptions::new(node, address.host.as_str(), address.port);
    options.set_clean_start(true);
    options.set_keep_alive(address.keep_alive);
    options.set_outgoing_inflight_upper_limit(MAX_BROKER_IN_FLIGHT);
    options.set_max_packet_size(Some(MAX_INCOMING_BYTES));
    if let Some(password) = &address.password {
        options.set_credentials(node, password.as_str());
    }
    if let Some(tls) = &address.tls {
        options
            .set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(tls))));
    }
    let topic = Topic { node: address.node, kind: Kind::Status }.to_string();
    let properties = LastWillProperties {
        delay_interval: None,
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: Some(CONTENT_TYPE.to_owned()),
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    options.set_last_will(LastWill::new(topic, will, QoS::AtLeastOnce, true, Some(properties)));
    options
}

/// Polls until the connection ends, and says why.
async fn poll(
    mut events: EventLoop,
    tell: mpsc::Sender<Heard>,
    subscribed: tokio::sync::oneshot::Sender<()>,
) -> String {
    let mut subscribed = Some(subscribed);
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                if let Some(subscribed) = subscribed.take() {
                    let _ = subscribed.send(());
                }
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                // Never waited for: whoever listens may itself be waiting for this task.
                let _ = tell.try_send(understand(&publish.topic, &publish.payload));
            }
            Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return "closed".to_owned(),
            Ok(_) => {}
            Err(error) => return explain(&error),
        }
    }
}

fn understand(topic: &[u8], payload: &[u8]) -> Heard {
    let kind = std::str::from_utf8(topic).ok().and_then(|t| Topic::parse(t).ok()).map(|t| t.kind);
    let read = match kind {
        Some(Kind::Ack) => Ack::decode(payload).map(Heard::Ack),
        Some(Kind::Command) => Command::decode(payload).map(Heard::Command),
        _ => return Heard::Unreadable("a topic we did not subscribe to".to_owned()),
    };
    read.unwrap_or_else(|e| Heard::Unreadable(e.to_string()))
}

fn explain(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => "the broker refuses this node's name or password".to_owned(),
        ConnectionError::ConnectionRefused(code) => format!("the broker refuses us: {code:?}"),
        ConnectionError::Timeout(_) => "the broker does not answer".to_owned(),
        ConnectionError::Io(e) => e.to_string(),
        ConnectionError::Tls(e) => format!("TLS: {e}"),
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            "the broker has closed the connection".to_owned()
        }
        other => other.to_string(),
    }
}
