//! Alarms of the centre: episodes, the alarm list, CAP 1.2 messages and their feed, and a durable
//! outbox of signed webhooks.
//!
//! [`Alerts`] is the engine and its file. Readings come in from the commit log by
//! [`Alerts::apply`], time by [`Alerts::tick`]; what is to be delivered goes out by
//! [`Alerts::due`], is sent by a [`Webhook`] on a thread of its receiver's own, and comes back by
//! [`Alerts::done`]. People act by [`Alerts::acknowledge`], [`Alerts::shelve`],
//! [`Alerts::approve`], [`Alerts::reject`], [`Alerts::all_clear`], [`Alerts::withdraw`] and
//! [`Alerts::drill`], by a page, a program or a link of [`Links`]; everybody reads [`Alerts::alarms`], [`Alerts::feed`] and [`Alerts::cap`].
//!
//! # What it promises
//! * *Evaluation is exactly once.* A transition, the state it came of, its CAP messages, its
//!   deliveries and the cursor in the log are one transaction of one file.
//! * *Delivery is at least once*, with an `Idempotency-Key` that is the same for every attempt and
//!   after every crash; exactly once where the receiver honours the key. A repeat is possible only
//!   when the process died between sending and marking.
//! * *An alarm raised on a node and the same alarm raised here are one episode.*
//! * A level that needs approval stays a restricted draft, out of the feed; the public gets the
//!   highest level below it.
//!
//! # What it does not do
//! It has no clock, no task and no thread: time is an argument, and the program decides who calls
//! what. It evaluates nothing itself: that is `tram-rules`, the same code as on the node. Escalation
//! and channels other than the webhook and the feed are not here yet.
#![warn(missing_docs)]

mod acting;
mod alarm;
mod alerts;
mod area;
mod audit;
mod cap;
mod change;
mod channel;
mod config;
mod config_area;
mod counters;
mod database;
mod delivery;
mod drill;
mod episode;
mod error;
mod evaluation;
mod feed;
#[cfg(test)]
mod fixture;
mod foreign;
mod ledger;
mod link;
mod messages;
mod node_alarm;
mod outbox;
mod people;
mod publish;
mod secret;
mod settings;
mod signature;
mod station;
mod sweep;
mod time;
mod upkeep;
mod webhook;
mod wording;
mod xml;

pub use acting::{MAX_COMMENT_BYTES, MAX_LISTED, MAX_PERSON_BYTES, MAX_SHELVE};
pub use alarm::{Acknowledged, Alarm, AlarmState, Approval, ApprovalState, Shelved, Source};
pub use alerts::{Alerts, Applied, Entry, SILENCE_GRACE};
pub use area::{MAX_AREAS, MAX_COMMUNES, MAX_POLYGON_POINTS};
pub use audit::{AuditHead, AuditLine, AuditReader, Verified};
pub use cap::{
    CapAlert, CapArea, CapFault, CapInfo, FaultKind, MAX_CAP_BYTES, MAX_FAULTS, check_cap, read_cap,
};
pub use channel::{
    ALERTMANAGER_STANDS, AlertmanagerConfig, EmailConfig, LOUDSPEAKER_TOPIC, LoudspeakerConfig,
    MAX_CHANNELS, Sender, SenderError, SmsConfig, SmsFormat, Speaker, TelegramConfig, ZaloConfig,
};
pub use config::{
    Config, ConfigMistake, MAX_APPROVERS, MAX_TEXT_BYTES, MAX_WEBHOOKS, MessageStatus,
    WebhookConfig,
};
pub use config_area::{AreaConfig, CircleConfig};
pub use counters::Counters;
pub use delivery::{Delivery, DeliveryResult};
pub use drill::{DRILL_LASTS, DrillLevel, DrillRequest, Drillable, MAX_DRILLS};
pub use error::AlertsError;
pub use evaluation::MAX_STATES;
pub use feed::{Feed, MAX_FEED_ENTRIES};
pub use foreign::{
    FOREIGN_STANDS, ForeignAlert, ForeignBoard, ForeignFeed, MAX_FOREIGN_ALERTS,
    MAX_FOREIGN_ENTRIES, read_feed,
};
pub use ledger::MAX_OPEN_EPISODES;
pub use link::{LINK_PATH, LINK_STANDS, LinkAction, LinkClaim, LinkError, Links};
pub use messages::CapMessage;
pub use node_alarm::NodeAlarm;
pub use outbox::{GIVE_UP_AFTER, MAX_DUE, MAX_PENDING, MAX_WAIT, MAX_WAIT_REFUSED};
pub use people::{
    ChannelState, GroupConfig, MAX_GROUPS, MAX_LISTED_EPISODES, MAX_PEOPLE, MAX_STEPS, MAX_WAITING,
    Notice, NoticeKind, NoticeLink, PersonConfig, Receipt, ReceiptState, SelfTestConfig,
    StepConfig, UNPROVED_AFTER, Weekday,
};
pub use secret::{MAX_SECRET_BYTES, MIN_SECRET_BYTES, Secret, SecretError};
pub use settings::{MAX_RULES, MAX_STATIONS};
pub use signature::{sign, verify};
pub use station::Station;
pub use sweep::MAX_EPISODES;
pub use upkeep::{Fault, Inspection, inspect, rewind};
pub use webhook::{MAX_ATTEMPT, Webhook};
