//! One notification on its way to one receiver.

/// A row of the outbox that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which row; [`Alerts::done`](crate::Alerts::done) wants it back.
    pub id: i64,
    /// The receiver's name in the configuration.
    pub target: String,
    /// The same for every attempt and after every crash: a digest of episode, transition,
    /// channel and recipient.
    pub idempotency_key: String,
    /// The JSON to POST, the same bytes at every attempt.
    pub body: Vec<u8>,
    /// How many attempts failed before.
    pub attempts: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The receiver answered 2xx.
    Delivered,
    /// It answered 4xx: it is there, but does not take this one. The text says what it answered.
    Refused(String),
    /// It did not answer, or 3xx or 5xx; the text says what happened, without any secret.
    Failed(String),
}
