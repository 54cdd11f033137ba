//! A bounded, durable, prioritised outbox for one node.
//!
//! Records (batches and alarms, opaque bytes here) are appended to segment files, checked by CRC,
//! and made durable in groups by [`Spool::commit`]; only committed records are offered for
//! sending. A record is released by the centre's [`Ack`](tram_wire::Ack) and by nothing else.
//! When the byte budget is used up the oldest routine segment is evicted, alarms never, and what
//! was evicted, corrupted or refused by the disk waits as a [`Lost`] to be told with the next
//! record, surviving a restart.
//!
//! What it does not do: it knows no clock, no network and no threads, and it does not say when to
//! send. Files are reached through [`Disk`], so a test can cut the power at every byte.
//!
//! # Durability, spelled out
//! * After [`Spool::commit`] returned `Ok`, every record appended before it survives kill -9 and
//!   loss of power, on a disk whose `fsync` is honest.
//! * A sequence number that may have been sent is never given to another record, even when every
//!   segment is gone or the tail of the newest one rotted.
//! * What is torn at the end of the newest segment is cut off and counted; what is corrupt in the
//!   middle is skipped, counted and reported as a loss.
//! * After a failed write or `fsync` nothing is accepted until the doubtful bytes have been cut
//!   off again, so a record reported lost cannot come back to life beside its successor.
#![warn(missing_docs)]

mod chain;
mod dictionary;
mod disk;
mod error;
mod losses;
mod options;
mod record;
mod recovery;
mod segment;
mod spool;
mod state;

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a simulated disk of a few KiB"
)]
mod power_cut;

pub use dictionary::{Channel, Dictionary};
pub use disk::{Disk, DiskFile, Folder};
pub use error::SpoolError;
pub use losses::{Lost, MAX_PENDING_LOSSES};
pub use options::{
    DEFAULT_MAX_BYTES, DEFAULT_SEGMENT_BYTES, MAX_SEGMENT_BYTES, MAX_SEGMENTS, MIN_SEGMENT_BYTES,
    MIN_SEGMENTS, Options,
};
pub use record::{MAX_RECORD_BYTES, Span};
pub use recovery::Recovery;
pub use spool::{Priority, Spool, Stats};
