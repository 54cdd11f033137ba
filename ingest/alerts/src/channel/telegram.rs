//! Telegram's Bot API, `sendMessage` (core.telegram.org/bots/api#sendmessage).

use serde_json::{Value, json};

use super::http::{HttpAnswer, HttpRequest, refusal, shortened};
use crate::{DeliveryResult, Notice};

/// The longest text of a message, in characters.
const MAX_CHARACTERS: usize = 4_096;

/// The request that sends `notice` to a chat. The bot's token is part of the address.
pub(super) fn request(url: &str, token: &str, chat: &str, notice: &Notice) -> HttpRequest {
    let body = json!({
        "chat_id": chat,
        "text": shortened(&notice.text(), MAX_CHARACTERS),
        // A preview would open the link that acts.
        "link_preview_options": { "is_disabled": true },
    });
    HttpRequest {
        url: format!("{url}/bot{token}/sendMessage"),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

/// What the answer means: `{"ok":true,"result":{"message_id":…}}`, or a description.
pub(super) fn result(answer: &HttpAnswer) -> DeliveryResult {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = said.get("description").and_then(Value::as_str).unwrap_or_default();
    if !(200..=299).contains(&answer.status) {
        let result = refusal(answer.status, &shortened(text, 200));
        return match (answer.status, result) {
            // 403: this person has stopped the bot. The others have not.
            (403, DeliveryResult::Failed(text)) => DeliveryResult::Refused(text),
            (_, result) => result,
        };
    }
    if said.get("ok").and_then(Value::as_bool) != Some(true) {
        return DeliveryResult::Failed("the answer is not Telegram's".to_owned());
    }
    let id = said.pointer("/result/message_id").and_then(Value::as_i64);
    let chat = said.pointer("/result/chat/id").and_then(Value::as_i64);
    let reference = chat.zip(id).map(|(chat, id)| format!("{chat}/{id}"));
    DeliveryResult::Sent(reference)
}
