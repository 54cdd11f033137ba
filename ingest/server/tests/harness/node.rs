//! A client of the broker that waits for what it expects.

use std::{sync::mpsc, thread, time::Duration};

use rumqttc::v5::{
    Client as Mqtt, ConnectionError, Event, MqttOptions,
    mqttbytes::{
        QoS,
        v5::{
            ConnectReturnCode, Packet, PubAckReason, Publish, PublishProperties,
            SubscribeReasonCode,
        },
    },
};
use tram_wire::Ack;

use super::PATIENCE;

/// User name and password.
pub(crate) type Login<'a> = Option<(&'a str, &'a str)>;

/// A connected client. What it receives is kept by kind, so that a test can wait for one kind
/// without losing another.
pub(crate) struct Client {
    mqtt: Mqtt,
    publishes: mpsc::Receiver<Publish>,
    pubacks: mpsc::Receiver<PubAckReason>,
    subacks: mpsc::Receiver<Vec<SubscribeReasonCode>>,
}

impl Client {
    /// Connects, or says why the broker refuses.
    pub(crate) fn connect(
        port: u16,
        id: &str,
        login: Login<'_>,
    ) -> Result<Self, ConnectReturnCode> {
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(Some(2 << 20));
        if let Some((user, password)) = login {
            options.set_credentials(user, password);
        }
        let (mqtt, mut connection) = Mqtt::new(options, 64);
        let (told, connected) = mpsc::channel();
        let (publish, publishes) = mpsc::channel();
        let (puback, pubacks) = mpsc::channel();
        let (suback, subacks) = mpsc::channel();
        thread::spawn(move || {
            for event in connection.iter() {
                // A test that has what it wants stops listening.
                let _ = match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => told.send(Ok(())).is_ok(),
                    Ok(Event::Incoming(Packet::Publish(p))) => publish.send(p).is_ok(),
                    Ok(Event::Incoming(Packet::PubAck(p))) => puback.send(p.reason).is_ok(),
                    Ok(Event::Incoming(Packet::SubAck(s))) => suback.send(s.return_codes).is_ok(),
                    Ok(_) => true,
                    Err(ConnectionError::ConnectionRefused(code)) => {
                        let _ = told.send(Err(code));
                        return;
                    }
                    Err(_) => return,
                };
            }
        });
        connected.recv_timeout(PATIENCE).expect("the broker answers")?;
        Ok(Self { mqtt, publishes, pubacks, subacks })
    }

    /// Connects as a node does: subscribed to what the centre says to it.
    pub(crate) fn node(port: u16, id: &str, login: Login<'_>) -> Self {
        let client = Self::connect(port, id, login).expect("the broker lets the node in");
        for level in ["ack", "cmd"] {
            client.subscribe(&format!("tram/v1/{id}/{level}")).expect("a node may hear this");
        }
        client
    }

    /// Subscribes; says why when the broker refuses.
    pub(crate) fn subscribe(&self, filter: &str) -> Result<(), SubscribeReasonCode> {
        self.mqtt.subscribe(filter, QoS::AtLeastOnce).expect("a request");
        let codes = self.subacks.recv_timeout(PATIENCE).expect("an answer");
        match codes.first() {
            Some(SubscribeReasonCode::Success(_)) => Ok(()),
            Some(other) => Err(*other),
            None => panic!("an answer without a code"),
        }
    }

    /// Publishes and waits for the broker's acknowledgement, which promises nothing.
    pub(crate) fn publish(&self, topic: &str, payload: &[u8], kind: Option<&str>) -> PubAckReason {
        let properties =
            PublishProperties { content_type: kind.map(str::to_owned), ..Default::default() };
        let sent = self.mqtt.publish_with_properties(
            topic,
            QoS::AtLeastOnce,
            false,
            payload.to_vec(),
            properties,
        );
        sent.expect("a request");
        self.pubacks.recv_timeout(PATIENCE).expect("an answer")
    }

    /// The next message.
    pub(crate) fn message(&self) -> Publish {
        self.publishes.recv_timeout(PATIENCE).expect("a message")
    }

    /// The next acknowledgement of the centre, whatever comes before it.
    pub(crate) fn ack(&self) -> Ack {
        loop {
            let message = self.message();
            if message.topic.ends_with(b"/ack") {
                return Ack::decode(&message.payload).expect("an acknowledgement");
            }
        }
    }
}
