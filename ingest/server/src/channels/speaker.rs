//! What carries a text to loudspeakers: one MQTT message with QoS 1, waited for until the broker
//! has it. Each message has a connection of its own: they are few, and a connection that stands
//! for months breaks unseen.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use rumqttc::{
    Transport,
    v5::{
        Client, ConnectionError, Event, MqttOptions, RecvTimeoutError,
        mqttbytes::{
            QoS,
            v5::{Packet, PubAckReason, PublishProperties},
        },
    },
};
use tram_alerts::{DeliveryResult, LoudspeakerConfig, Speaker};

use crate::{broker::CENTRE, clock, config::External, failure::Failure, link};

/// How long an attempt may take.
const MAX_ATTEMPT: Duration = Duration::from_secs(10);
/// How long a broker keeps a text for a loudspeaker that is away, in seconds: later it would warn
/// of what has passed.
const EXPIRES_S: u32 = 900;
/// The largest answer of a broker.
const MAX_PACKET_BYTES: u32 = 64 * 1024;

/// A way to loudspeakers.
pub(crate) struct MqttSpeaker {
    host: String,
    port: u16,
    ca_file: Option<PathBuf>,
    credentials: Option<(String, String)>,
    client_id: String,
}

impl MqttSpeaker {
    /// The broker of the configuration, else the centre's `own`. The number tells several apart.
    ///
    /// # Errors
    /// [`Failure`] when a file cannot be read or the address cannot be understood.
    pub(crate) fn new(
        config: &LoudspeakerConfig,
        own: &External,
        number: usize,
    ) -> Result<Self, Failure> {
        let client_id = format!("{CENTRE}.loudspeaker-{number}");
        let Some(url) = &config.url else {
            return Ok(Self {
                host: own.host.clone(),
                port: own.port,
                ca_file: own.ca_file.clone(),
                credentials: own.credentials.clone(),
                client_id,
            });
        };
        let unfit = |what: String| {
            Failure::new(
                format!("the loudspeakers `{}` cannot be reached: {what}", config.name),
                "Write `url = \"mqtts://broker.example.org:8883\"`",
            )
        };
        let (secure, place) = match url.split_once("://") {
            Some(("mqtts", place)) => (true, place),
            Some(("mqtt", place)) => (false, place),
            _ => return Err(unfit(format!("`{url}` is no broker's address"))),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse().map_err(|_| unfit(format!("`{port}` is no port")))?;
                (host, port)
            }
            None => (place, if secure { 8883 } else { 1883 }),
        };
        let password = match &config.password_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|e| unfit(format!("{} cannot be read: {e}", path.display())))?,
            None => String::new(),
        };
        let system = || PathBuf::from("/etc/ssl/certs/ca-certificates.crt");
        Ok(Self {
            host: host.to_owned(),
            port,
            ca_file: secure.then(|| config.ca_file.clone().unwrap_or_else(system)),
            credentials: config.user.clone().map(|user| (user, password.trim().to_owned())),
            client_id,
        })
    }

    fn options(&self) -> Result<MqttOptions, Failure> {
        let mut options = MqttOptions::new(&self.client_id, &self.host, self.port);
        if let Some((user, password)) = &self.credentials {
            options.set_credentials(user, password);
        }
        if let Some(ca_file) = &self.ca_file {
            options.set_transport(Transport::tls_with_config(link::tls(ca_file)?.into()));
        }
        options
            .set_keep_alive(MAX_ATTEMPT)
            .set_connection_timeout(5)
            .set_clean_start(true)
            .set_max_packet_size(Some(MAX_PACKET_BYTES));
        Ok(options)
    }
}

impl Speaker for MqttSpeaker {
    fn say(&mut self, topic: &str, payload: &[u8]) -> DeliveryResult {
        let options = match self.options() {
            Ok(options) => options,
            Err(failure) => return DeliveryResult::Failed(failure.to_string()),
        };
        let (client, mut connection) = Client::new(options, 4);
        let properties = PublishProperties {
            message_expiry_interval: Some(EXPIRES_S),
            content_type: Some("application/json".to_owned()),
            ..PublishProperties::default()
        };
        let queued = client.publish_with_properties(
            topic,
            QoS::AtLeastOnce,
            false,
            payload.to_vec(),
            properties,
        );
        if let Err(error) = queued {
            return DeliveryResult::Failed(error.to_string());
        }
        let end = clock::instant() + MAX_ATTEMPT;
        let result = wait(&mut connection, end);
        // The broker drops a connection that just ends as well.
        let _ = client.try_disconnect();
        let _ = connection.recv_timeout(Duration::from_millis(100));
        result
    }
}

/// Waits for the broker's word.
fn wait(connection: &mut rumqttc::v5::Connection, end: Instant) -> DeliveryResult {
    let mut published = false;
    loop {
        let rest = end.saturating_duration_since(clock::instant());
        let failed = |text: String| match published {
            true => DeliveryResult::Unclear(text),
            false => DeliveryResult::Failed(text),
        };
        match connection.recv_timeout(rest) {
            Ok(Ok(Event::Incoming(Packet::PubAck(ack)))) => {
                return match ack.reason {
                    PubAckReason::Success => DeliveryResult::Sent(None),
                    // Others need not wait for one that is not there.
                    PubAckReason::NoMatchingSubscribers => {
                        DeliveryResult::Refused("no loudspeaker of this name listens".to_owned())
                    }
                    reason => DeliveryResult::Refused(format!("the broker answers {reason:?}")),
                };
            }
            Ok(Ok(Event::Outgoing(rumqttc::Outgoing::Publish(_)))) => published = true,
            Ok(Ok(_)) => {}
            Ok(Err(ConnectionError::ConnectionRefused(reason))) => {
                return DeliveryResult::Failed(format!("the broker refuses: {reason:?}"));
            }
            Ok(Err(error)) => return failed(error.to_string()),
            Err(RecvTimeoutError::Timeout) => {
                return failed("the broker does not answer".to_owned());
            }
            Err(RecvTimeoutError::Disconnected) => {
                return failed("the connection has ended".to_owned());
            }
        }
    }
}
