//! Prometheus' Alertmanager, API v2: `POST /api/v2/alerts`.
//!
//! Alertmanager forgets an alert that nobody repeats, and calls that resolved. So what goes on is
//! sent again every minute, with an end a day ahead: if the centre dies, its alarms do not turn into
//! an all-clear. The severity is a label, since people route by it; when it changes, the alert with
//! the old one is resolved in the same request.

use serde_json::{Value, json};
use tram_wire::UnixMicros;

use super::http::{HttpAnswer, HttpRequest, refusal, shortened};
use crate::{
    DeliveryResult, Notice,
    time::{self, HOUR, SECOND},
};

/// How long an alert stands at Alertmanager without being sent again, in microseconds: a day.
pub const ALERTMANAGER_STANDS: i64 = 24 * HOUR;
/// How far Alertmanager's clock may be behind the centre's, for an end to be an end.
const CLOCKS_DIFFER: i64 = 120 * SECOND;
/// Every severity there is.
const SEVERITIES: [&str; 4] = ["Minor", "Moderate", "Severe", "Extreme"];

/// The request that tells of alerts.
pub(super) fn request(url: &str, token: Option<&str>, alerts: &[Value]) -> HttpRequest {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    HttpRequest {
        url: format!("{url}/api/v2/alerts"),
        headers,
        body: Value::from(alerts.to_vec()).to_string().into_bytes(),
    }
}

/// The alerts of a webhook's body: the alarm as it stands, and when its severity has changed, the
/// ends of those it had before.
pub(super) fn alerts(body: &[u8], now: UnixMicros, again: bool) -> Option<Vec<Value>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let alarm = body.get("alarm")?;
    let severity = alarm.get("severity")?.as_str()?;
    let mut alerts = vec![alert(&body, alarm, severity, now, false)?];
    let changed = body.pointer("/transition/kind").and_then(Value::as_str);
    if !again && matches!(changed, Some("raised" | "lowered" | "cleared" | "withdrawn")) {
        for other in SEVERITIES.into_iter().filter(|other| *other != severity) {
            alerts.push(alert(&body, alarm, other, now, true)?);
        }
    }
    Some(alerts)
}

fn alert(
    body: &Value,
    alarm: &Value,
    severity: &str,
    now: UnixMicros,
    ended: bool,
) -> Option<Value> {
    let text = |key: &str| alarm.get(key).and_then(Value::as_str).unwrap_or_default();
    let over = text("state") == "cleared";
    let raised = alarm.get("raised_at")?.as_str()?;
    // An end that is still to come by Alertmanager's clock loses against the one a day ahead that
    // it was given before; an end before the start is refused. Of two starts it keeps the earlier.
    let (starts, ends) = match ended || over {
        true => {
            let ends = time::utc(now.plus(-CLOCKS_DIFFER));
            (ends.clone().min(raised.to_owned()), ends)
        }
        false => (raised.to_owned(), time::utc(now.plus(ALERTMANAGER_STANDS))),
    };
    let headline = |language: &str| {
        alarm.pointer(&format!("/headline/{language}")).and_then(Value::as_str).unwrap_or_default()
    };
    Some(json!({
        "labels": {
            "alertname": text("rule"),
            "station": text("station"),
            "hazard": text("hazard"),
            "episode": text("id"),
            "severity": severity,
            "status": body.get("status").and_then(Value::as_str).unwrap_or_default(),
            "sender": body.get("sender").and_then(Value::as_str).unwrap_or_default(),
        },
        "annotations": {
            "summary": headline("vi"),
            "summary_en": headline("en"),
            "summary_zh": headline("zh"),
            "level": alarm.get("level").map(Value::to_string).unwrap_or_default(),
            "value": alarm.get("value").map(Value::to_string).unwrap_or_default(),
            "unit": text("unit"),
            "legal": body.get("legal").and_then(Value::as_str).unwrap_or_default(),
        },
        "startsAt": starts,
        "endsAt": ends,
    }))
}

/// The alert of a self-test; it ends by itself.
pub(super) fn test(notice: &Notice, now: UnixMicros) -> Vec<Value> {
    vec![json!({
        "labels": { "alertname": "TramSelfTest", "severity": "none", "status": "test" },
        "annotations": { "summary": notice.subject },
        "startsAt": time::utc(now),
        "endsAt": time::utc(now.plus(60 * SECOND)),
    })]
}

/// What the answer means.
pub(super) fn result(answer: &HttpAnswer) -> DeliveryResult {
    match answer.status {
        200..=299 => DeliveryResult::Delivered,
        status => refusal(status, &shortened(&String::from_utf8_lossy(&answer.body), 200)),
    }
}
