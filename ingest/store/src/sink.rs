//! Sinks: engines elsewhere that are given every reading of the log, in order, as line protocol.
//!
//! * [`Lines`] encodes readings; nothing in a name can end a tag, a field or a line.
//! * [`Sink`] decides what to read, when to send, what to send again and what to give up. It has
//!   no clock, no log and no network: the program carries its [`Step`]s out.
//! * [`Target`] sends one request and says what came of it; [`Watch`] looks whether the engine is
//!   still the one it was, and [`prepare`] sees to its bucket.
//! * [`RefusedFile`] keeps the readings an engine would not take.
//!
//! An engine is given a reading at least once. A point is known by its series and its time, so an
//! engine that overwrites equal points (`InfluxDB`, `GreptimeDB`) holds it once; `VictoriaMetrics`
//! holds copies of the same sample until it is told `-dedup.minScrapeInterval=1ms`.
//!
//! What is not here: reading back, which is [`engine`](crate::engine)'s, and the thread that drives
//! a sink.

mod access;
mod answer;
mod bucket;
mod core;
mod counters;
mod kind;
mod lines;
mod refused;
mod target;
mod watch;

pub use access::{Access, Credentials};
pub use answer::{Answer, MAX_RETRY_AFTER, Refusal};
pub use bucket::{Bucket, Buckets, Health, Prepared, ProvisionError, Rest, Wanted, prepare};
pub use core::{Limits, MAX_BACKOFF, MAX_READ_ENTRIES, Sink, Step};
pub use counters::SinkCounters;
pub use kind::Kind;
pub use lines::{Lines, MAX_TAG_BYTES, MEASUREMENT, stored, tag};
pub use refused::{
    MAX_REFUSED_FILE_BYTES, MAX_REFUSED_KEPT, Refused, RefusedFile, refused_last, refused_path,
};
pub use target::{MAX_REASON_BYTES, MAX_REQUEST, Place, Target, TargetError};
pub(crate) use target::{checked, encode, reason};
pub use watch::{Sight, Watch};

/// How many bytes of log a sink that is down may hold back unless the configuration says
/// otherwise: 4 GiB of messages. Beyond, the oldest are given up for it, and counted.
pub const DEFAULT_HOLD_BYTES: u64 = 4 << 30;

/// The name of a sink among the consumers of the log.
#[must_use]
pub fn consumer(name: &str) -> String {
    format!("sink:{name}")
}
