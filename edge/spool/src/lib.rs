//! A bounded, durable, prioritised outbox for one node.
//!
//! Records (batches of readings, alarms) are appended to segment files, checked by CRC, and made
//! durable in groups by [`Spool::commit`]; only durable records are offered for sending. A record
//! is released by the centre's [`Ack`](tram_wire::Ack) and by nothing else.
//!
//! All files together stay within one byte budget. When it is used up, the oldest readings are
//! thinned to a summary of each channel for ten minutes, then an hour, then a day, and only then
//! evicted; alarms never are. What is thinned, evicted, corrupted or refused by the disk is told to
//! the centre in the stream as losses, exactly, surviving a restart.
//!
//! What it does not do: it knows no clock, no network and no threads, and it does not say when to
//! send. Files are reached through [`Disk`], so a test can cut the power at every byte.
//!
//! # Durability, spelled out
//! * After [`Spool::commit`] returned `Ok`, every record appended before it survives kill -9 and
//!   loss of power, on a disk whose `fsync` is honest. An alarm does when
//!   [`Spool::append_alarm`] returns.
//! * A sequence number that may have been sent is never given to another record, even when every
//!   segment is gone or the tail of the newest one rotted. There is one exception that is none: a
//!   record that was evicted and may have been sent leaves a notice of the same number, so that the
//!   centre counts its readings as stored or as lost, never as both.
//! * What is torn at the end of the newest segment is cut off and counted; what is corrupt in the
//!   middle is skipped, counted and reported as a loss.
//! * After a failed write or `fsync` nothing is accepted until the doubtful bytes have been cut
//!   off again; the readings are handed back ([`Spool::given_up`]).
#![warn(missing_docs)]

mod chain;
mod dictionary;
mod disk;
mod error;
mod losses;
mod meter;
mod options;
mod pile;
mod policy;
#[cfg(any(test, feature = "power"))]
pub mod power;
mod ranges;
mod record;
mod recovery;
mod segment;
mod spool;
mod state;
mod thin;
mod tier;

#[cfg(test)]
mod tests;

pub use dictionary::{Channel, Dictionary};
pub use disk::{Disk, DiskFile, Folder};
pub use error::SpoolError;
pub use losses::{Lost, MAX_PENDING_LOSSES};
pub use options::{
    BLOCK_BYTES, DEFAULT_MAX_BYTES, DEFAULT_SEGMENT_BYTES, MAX_SEGMENT_BYTES, MAX_SEGMENTS,
    MIN_SEGMENT_BYTES, MIN_SEGMENTS, Options,
};
pub use record::MAX_RECORD_BYTES;
pub use recovery::Recovery;
pub use spool::{Lane, Spool, Stats};
