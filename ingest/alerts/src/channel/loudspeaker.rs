//! Texts for loudspeakers over MQTT. What a loudspeaker gets has no word that could sound a siren:
//! a drill cannot become one.

use serde::Serialize;

use crate::{Delivery, DeliveryResult, Notice, NoticeKind};

/// The topic of a loudspeaker, followed by its name.
pub const LOUDSPEAKER_TOPIC: &str = "loudspeaker/v1/";

/// What carries a message to a broker and waits until the broker has it.
pub trait Speaker: Send {
    /// Publishes with QoS 1.
    fn say(&mut self, topic: &str, payload: &[u8]) -> DeliveryResult;
}

/// What a loudspeaker gets, as JSON.
#[derive(Serialize)]
struct Spoken<'a> {
    /// The same when it comes twice.
    id: &'a str,
    kind: NoticeKind,
    /// `actual`, `exercise`, `system` or `test`.
    status: &'a str,
    language: tram_rules::Language,
    hazard: &'a str,
    area: &'a str,
    level: u8,
    /// Whether what it speaks of is over.
    over: bool,
    /// What is to be spoken.
    text: String,
}

/// Topic and payload of a message.
pub(super) fn message(delivery: &Delivery, notice: &Notice) -> (String, Vec<u8>) {
    let mut text = notice.subject.clone();
    for part in notice.instruction.iter() {
        text.push_str(". ");
        text.push_str(part);
    }
    let spoken = Spoken {
        id: &notice.key,
        kind: notice.kind,
        status: &notice.status,
        language: notice.language,
        hazard: &notice.hazard,
        area: &notice.area,
        level: notice.level,
        over: notice.over,
        text,
    };
    let payload = serde_json::to_vec(&spoken).unwrap_or_default();
    (format!("{LOUDSPEAKER_TOPIC}{}", delivery.recipient), payload)
}
