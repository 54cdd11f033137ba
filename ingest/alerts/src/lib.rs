//! Alarms of the centre: episodes, the alarm list, CAP 1.2 messages and their feed, and a durable
//! outbox of signed webhooks.
//!
//! # The calls
//! ```text
//! Alerts::open(path, config, rules, now)      // the file's own cursor decides where to go on
//! alerts.position() -> u64                    // the last log position evaluated; feed what follows
//! alerts.cursor() -> u64                      // the last one whose effects are on disk; the log
//!                                             // may forget everything up to and including it
//! alerts.apply(&[Entry], now) -> Applied      // Entry { position, observations, alarms }
//! alerts.tick(now) -> Applied                 // once a second: missing data, renewals, clean-up
//! alerts.flush()                              // at the end of the program
//!
//! alerts.alarms(now) -> Vec<Alarm>            // newest first; Alarm serialises to the HTTP shape
//! alerts.alarm(id, now) -> Option<Alarm>
//! alerts.acknowledge(id, by, comment, now) -> Alarm
//! alerts.shelve(id, by, until, comment, now) -> Alarm
//! alerts.withdraw(id, by, comment, now) -> Alarm
//!
//! alerts.due(target, now) -> Vec<Delivery>    // decisions; one thread a target
//! alerts.done(&delivery, result, now)
//! alerts.next_due(target, now) -> Option<UnixMicros>
//! Webhook::new(&WebhookConfig) ; webhook.send(&delivery, now) -> DeliveryResult   // blocking
//!
//! alerts.feed(now) -> Feed { body, etag }     // /cap/alerts.atom
//! alerts.cap(identifier) -> Option<CapMessage { xml, etag, public }>
//! alerts.counters() -> Counters               // for /metrics
//! ```
#![warn(missing_docs)]

mod alarm;
mod area;
mod cap;
mod config;
mod config_area;
mod delivery;
mod node_alarm;
mod secret;
mod signature;
mod texts;
mod time;

pub use alarm::{Acknowledged, Alarm, AlarmState, Severity, Shelved, Source};
pub use area::{MAX_AREAS, MAX_COMMUNES, MAX_POLYGON_POINTS};
pub use config::{
    Config, ConfigMistake, MAX_TEXT_BYTES, MAX_WEBHOOKS, MessageStatus, WebhookConfig,
};
pub use config_area::{AreaConfig, CircleConfig};
pub use delivery::{Delivery, DeliveryResult};
pub use node_alarm::NodeAlarm;
pub use secret::{MAX_SECRET_BYTES, MIN_SECRET_BYTES, Secret, SecretError};
pub use signature::{sign, verify};
pub use texts::Texts;
