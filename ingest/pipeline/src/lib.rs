//! What the centre does with each message: decode it, check it, drop it when it was here before,
//! and say what to do with it.
//!
//! A message is the unit. It is accepted whole or quarantined whole, and its payload is kept
//! either way. [`Pipeline::receive`] only decides and marks: what it returns is written to disk by
//! `tram-store`, and [`Pipeline::committed`] then makes it part of the next acknowledgement. There
//! is no clock, socket, file or randomness here; time is an argument.
//!
//! What it does not do: it stores nothing, acknowledges nothing by itself, and does not judge a
//! value beyond whether it can be one. Quality control is done on the node, rules are applied
//! behind the log.
#![warn(missing_docs)]

mod counters;
mod decode;
mod dictionary;
mod gap;
mod incoming;
mod memory;
mod node;
mod pipeline;
mod policy;
mod progress;
mod ranges;
mod readings;
mod reason;
mod record;
mod senml;
mod spool;

pub use counters::Counters;
pub use decode::{Content, Origin, replay};
pub use dictionary::{Contradiction, Dictionary};
pub use gap::Gap;
pub use incoming::{Deferral, Duplicate, Heard, Incoming, Outcome, StatusChange};
pub use memory::{BootMemory, Memory, SpoolMemory};
pub use node::{MAX_BOOTS_PER_NODE, MAX_PACKS_PER_NODE, MAX_SPOOLS_PER_NODE, REBIRTH_EVERY_MICROS};
pub use pipeline::Pipeline;
pub use policy::{MAX_THIRD_PARTY_CHANNELS, MAX_THIRD_PARTY_NODES, Policy, Role, ThirdParty};
pub use progress::{InvalidProgress, MAX_PROGRESS_RANGES, Progress};
pub use readings::{DatastreamKey, Readings};
pub use reason::{DeferReason, Reason};
pub use record::{
    Accepted, Form, Identity, MAX_DETAIL_BYTES, NodeAlarm, PackDigest, Receipt, Record, Refusal,
    Registration, Settled,
};
pub use senml::{MAX_SENML_BYTES, MAX_SENML_RECORDS};
pub use spool::MAX_TENTATIVE;
