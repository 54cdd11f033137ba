//! Sinks: engines elsewhere that are given every reading of the log, in order, as line protocol.
//!
//! * [`Lines`] encodes readings; nothing in a name can end a tag, a field or a line.
//! * [`Sink`] decides what to read, when to send, what to send again and what to give up. It has
//!   no clock, no log and no network: the program carries its [`Step`]s out.
//! * [`Target`] sends one request and says what came of it.
//!
//! An engine is given a reading at least once. A point is known by its series and its time, so an
//! engine that overwrites equal points (`InfluxDB`, `GreptimeDB`) holds it once; `VictoriaMetrics`
//! holds copies of the same sample until it is told `-dedup.minScrapeInterval=1ms`.
//!
//! What is not here: reading back, and the thread that drives a sink.

mod answer;
mod core;
mod counters;
mod lines;
mod refused;
mod target;

pub use answer::{Answer, MAX_RETRY_AFTER, Refusal};
pub use core::{Limits, MAX_BACKOFF, MAX_READ_ENTRIES, Sink, Step};
pub use counters::SinkCounters;
#[cfg(test)]
pub(crate) use lines::tag;
pub use lines::{Lines, MAX_TAG_BYTES, MEASUREMENT};
pub use refused::{MAX_REFUSED_KEPT, Refused};
pub use target::{MAX_REASON_BYTES, MAX_REQUEST, Place, Target, TargetError};

/// How many bytes of log a sink that is down may hold back unless the configuration says
/// otherwise: 4 GiB of messages. Beyond, the oldest are given up for it, and counted.
pub const DEFAULT_HOLD_BYTES: u64 = 4 << 30;

/// The name of a sink among the consumers of the log.
#[must_use]
pub fn consumer(name: &str) -> String {
    format!("sink:{name}")
}
