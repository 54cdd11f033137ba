//! Sending: one signed POST, waited for.

use std::time::Duration;

use tram_wire::UnixMicros;
use ureq::Agent;

use crate::{Delivery, DeliveryResult, Secret, SecretError, WebhookConfig, sign};

/// How long an attempt may take, from the name's resolution to the answer's head.
pub const MAX_ATTEMPT: Duration = Duration::from_secs(10);
/// How long the connection may take of that.
const MAX_CONNECT: Duration = Duration::from_secs(3);
/// The largest head of an answer that is read, in bytes; bodies are not read.
const MAX_ANSWER_HEAD_BYTES: usize = 16 * 1024;

/// A receiver that is sent to. Its secret never shows.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    url: String,
    secret: Secret,
    agent: Agent,
}

impl Webhook {
    /// Fetches the secret and prepares to send.
    ///
    /// # Errors
    /// [`SecretError`] when the secret is not where the configuration says.
    pub fn new(config: &WebhookConfig) -> Result<Self, SecretError> {
        let agent = Agent::config_builder()
            .timeout_global(Some(MAX_ATTEMPT))
            .timeout_connect(Some(MAX_CONNECT))
            .http_status_as_error(false)
            // A redirect would carry the warning where nobody has configured it to go.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_ANSWER_HEAD_BYTES)
            .user_agent(concat!("tram-alerts/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let secret = config.secret()?;
        Ok(Self { name: config.name.clone(), url: config.url.clone(), secret, agent })
    }

    /// The receiver's name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// POSTs one delivery and waits for the answer. `now` becomes the timestamp that is signed.
    #[must_use]
    pub fn send(&self, delivery: &Delivery, now: UnixMicros) -> DeliveryResult {
        let timestamp = now.0.div_euclid(1_000_000).to_string();
        let answer = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("Idempotency-Key", &delivery.idempotency_key)
            .header("X-Tram-Signature", sign(&self.secret, &timestamp, &delivery.body))
            .header("X-Tram-Timestamp", &timestamp)
            .send(delivery.body.as_slice());
        match answer.map(|answer| answer.status().as_u16()) {
            Ok(200..=299) => DeliveryResult::Delivered,
            // 408 and 429 ask to try again, so they are about the receiver, not the delivery.
            Ok(status @ 400..=499) if ![408, 425, 429].contains(&status) => {
                DeliveryResult::Refused(format!("answered {status}"))
            }
            Ok(status) => DeliveryResult::Failed(format!("answered {status}")),
            Err(error) => DeliveryResult::Failed(error.to_string()),
        }
    }
}
