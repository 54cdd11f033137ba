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

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread::JoinHandle,
    };

    use super::*;
    use crate::verify;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    /// A receiver that takes one request and gives one answer.
    fn receiver(answer: &'static str) -> (String, JoinHandle<(String, Vec<u8>)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            let mut chunk = [0; 1024];
            loop {
                let n = stream.read(&mut chunk).unwrap();
                bytes.extend_from_slice(&chunk[..n]);
                let text = String::from_utf8_lossy(&bytes);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                if body.len() == head_value(head, "content-length").parse::<usize>().unwrap() {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            (head.to_owned(), body.as_bytes().to_vec())
        });
        (url, thread)
    }

    fn head_value<'a>(head: &'a str, name: &str) -> &'a str {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    fn webhook(url: String) -> Webhook {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, format!("{SECRET}\n")).unwrap();
        Webhook::new(&WebhookConfig {
            name: "demo".to_owned(),
            url,
            secret_file: Some(path),
            secret_env: None,
            min_level: 0,
        })
        .unwrap()
    }

    fn delivery() -> Delivery {
        Delivery {
            id: 1,
            notice: false,
            target: "demo".to_owned(),
            recipient: String::new(),
            address: String::new(),
            repeated: false,
            idempotency_key: "0a0b".to_owned(),
            body: b"{\"a\":\"\xe1\xba\xa1\"}".to_vec(),
            attempts: 0,
        }
    }

    #[test]
    fn a_request_is_signed_and_carries_its_key() {
        let (url, receiver) = receiver("HTTP/1.1 204 No Content\r\n\r\n");
        let hook = webhook(url);
        let result = hook.send(&delivery(), UnixMicros(1_725_886_800_900_000));
        assert_eq!(result, DeliveryResult::Delivered);
        let (head, body) = receiver.join().unwrap();
        assert!(head.starts_with("POST /hook "), "{head}");
        assert_eq!(body, delivery().body);
        assert_eq!(head_value(&head, "idempotency-key"), "0a0b");
        assert_eq!(head_value(&head, "content-type"), "application/json");
        let timestamp = head_value(&head, "x-tram-timestamp");
        assert_eq!(timestamp, "1725886800");
        let secret = Secret::new(SECRET.as_bytes()).unwrap();
        assert!(verify(&secret, timestamp, &body, head_value(&head, "x-tram-signature")));
        assert!(!format!("{hook:?}").contains(SECRET));
    }

    #[test]
    fn only_2xx_is_delivered_and_only_4xx_is_refused() {
        let cases = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "delivered"),
            ("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", "refused: answered 400"),
            ("HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\n\r\n", "failed: answered 429"),
            ("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "failed: answered 503"),
            (
                "HTTP/1.1 307 Away\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
                "failed: answered 307",
            ),
            ("nonsense\r\n\r\n", "failed: "),
        ];
        for (answer, expected) in cases {
            let (url, receiver) = receiver(answer);
            let text = match webhook(url).send(&delivery(), UnixMicros(0)) {
                DeliveryResult::Delivered => "delivered".to_owned(),
                DeliveryResult::Refused(error) => format!("refused: {error}"),
                DeliveryResult::Failed(error) => format!("failed: {error}"),
                other => format!("{other:?}"),
            };
            assert!(text.starts_with(expected), "{text}, expected {expected}");
            assert!(!text.contains(SECRET));
            receiver.join().unwrap();
        }
    }

    #[test]
    fn a_receiver_that_is_not_there_is_a_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let result = webhook(url).send(&delivery(), UnixMicros(0));
        assert!(matches!(result, DeliveryResult::Failed(_)), "{result:?}");
    }
}
