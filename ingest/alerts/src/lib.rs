//! Alarms of the centre: episodes, the alarm list, CAP 1.2 messages and their feed, and a durable
//! outbox of signed webhooks.
//!
//! # The calls
//! ```text
//! Alerts::open(path, &config, rules, stations, now) // the file's own cursor decides where to go on
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

mod acting;
mod alarm;
mod alerts;
mod area;
mod audit;
mod cap;
mod change;
mod config;
mod config_area;
mod counters;
mod database;
mod delivery;
mod episode;
mod error;
mod evaluation;
mod feed;
mod ledger;
mod messages;
mod node_alarm;
mod outbox;
mod publish;
mod secret;
mod settings;
mod signature;
mod station;
mod sweep;
mod time;
mod webhook;
mod wording;
mod xml;

pub use acting::{MAX_COMMENT_BYTES, MAX_LISTED, MAX_PERSON_BYTES, MAX_SHELVE};
pub use alarm::{Acknowledged, Alarm, AlarmState, Shelved, Source};
pub use alerts::{Alerts, Applied, Entry, SILENCE_GRACE};
pub use area::{MAX_AREAS, MAX_COMMUNES, MAX_POLYGON_POINTS};
pub use audit::AuditLine;
pub use cap::{CapFault, FaultKind, MAX_CAP_BYTES, MAX_FAULTS, check_cap};
pub use config::{
    Config, ConfigMistake, MAX_TEXT_BYTES, MAX_WEBHOOKS, MessageStatus, WebhookConfig,
};
pub use config_area::{AreaConfig, CircleConfig};
pub use counters::Counters;
pub use delivery::{Delivery, DeliveryResult};
pub use error::{ActError, AlertsError};
pub use evaluation::MAX_STATES;
pub use feed::{Feed, MAX_FEED_ENTRIES};
pub use ledger::MAX_OPEN_EPISODES;
pub use messages::CapMessage;
pub use node_alarm::NodeAlarm;
pub use outbox::{GIVE_UP_AFTER, MAX_DUE, MAX_PENDING, MAX_WAIT, MAX_WAIT_REFUSED};
pub use secret::{MAX_SECRET_BYTES, MIN_SECRET_BYTES, Secret, SecretError};
pub use settings::{MAX_RULES, MAX_STATIONS};
pub use signature::{sign, verify};
pub use station::Station;
pub use sweep::MAX_EPISODES;
pub use webhook::{MAX_ATTEMPT, Webhook, deliver_due};
