//! Short messages by a provider's HTTP gateway, each of which wants another body: the configuration
//! has it as a template.

use serde_json::Value;

use super::{
    SmsConfig, SmsFormat,
    http::{HttpAnswer, HttpRequest, refusal, shortened},
    short::short,
    template::{fill, json, percent},
};
use crate::{DeliveryResult, Notice};

/// The request that sends `notice` to a number.
pub(super) fn request(config: &SmsConfig, secret: &str, to: &str, notice: &Notice) -> HttpRequest {
    let text = short(notice, config.unaccented, config.max_parts);
    let number: String = to.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    let value = |name: &str| match name {
        "to" => Some(number.clone()),
        "text" => Some(text.clone()),
        "key" => Some(notice.key.clone()),
        "secret" => Some(secret.to_owned()),
        _ => None,
    };
    let (escape, kind): (fn(&str) -> String, _) = match config.format {
        SmsFormat::Json => (json, "application/json"),
        SmsFormat::Form => (percent, "application/x-www-form-urlencoded"),
    };
    let body = fill(&config.body, |name| value(name).map(|value| escape(&value)));
    let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
    let own = config.headers.iter().map(|(name, v)| (name.clone(), fill(v, value)));
    headers.extend(own);
    headers.push(("idempotency-key".to_owned(), notice.key.clone()));
    HttpRequest { url: config.url.clone(), headers, body: body.into_bytes() }
}

/// What the gateway's answer means.
pub(super) fn result(config: &SmsConfig, answer: &HttpAnswer) -> DeliveryResult {
    let said = String::from_utf8_lossy(&answer.body);
    if !(200..=299).contains(&answer.status) {
        return refusal(answer.status, &shortened(&said, 100));
    }
    if config.success.as_ref().is_some_and(|success| !said.contains(success.as_str())) {
        return DeliveryResult::Refused(format!("the gateway says: {}", shortened(&said, 100)));
    }
    let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let found = config.reference.as_ref().and_then(|at| json.as_ref()?.pointer(at));
    DeliveryResult::Sent(found.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)))
}
