//! One notification on its way to one receiver.

/// Something that is due: a transition for a machine, or a message for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which row; [`Alerts::done`](crate::Alerts::done) wants it back.
    pub id: i64,
    /// It is a [`Notice`](crate::Notice) to somebody, not a transition for a machine.
    pub notice: bool,
    /// The channel's name in the configuration.
    pub target: String,
    /// Who gets it: a person's id, a loudspeaker's station; empty for a machine.
    pub recipient: String,
    /// Where they are reached over the channel; empty for a machine.
    pub address: String,
    /// An attempt was begun of which nobody knows how it ended.
    pub repeated: bool,
    /// The same for every attempt and after every crash: a digest of episode, transition,
    /// channel and recipient.
    pub idempotency_key: String,
    /// JSON, the same bytes at every attempt: what is POSTed to a webhook, else a
    /// [`Notice`](crate::Notice).
    pub body: Vec<u8>,
    /// How many attempts failed before.
    pub attempts: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The receiver has it: a webhook answered 2xx.
    Delivered,
    /// The channel has taken it and will carry it on; its own number for it, if it gave one.
    Sent(Option<String>),
    /// It answered 4xx: it is there, but does not take this one. The text says what it answered.
    Refused(String),
    /// It did not answer, or 3xx or 5xx; the text says what happened, without any secret.
    Failed(String),
    /// The connection ended after the message was sent and before an answer came: the receiver may
    /// have it.
    Unclear(String),
}
