//! What went wrong, by what the caller can do about it.

use std::io;

use tram_wire::{ChannelName, Quantity};

/// Why the spool refused.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process has this spool open: stop it, or use another folder.
    #[error("the spool is already open in another process")]
    InUse,
    /// The disk is full: make room; readings taken meanwhile are reported lost.
    #[error("the disk is full")]
    DiskFull(#[source] io::Error),
    /// The folder cannot be written: mount it read-write or correct its owner.
    #[error("the folder cannot be written ({0})")]
    ReadOnly(#[source] io::Error),
    /// The medium failed in another way: replace it.
    #[error("input/output error ({0})")]
    Io(#[source] io::Error),
    /// The whole budget is taken by alarms that nobody acknowledged.
    #[error("the whole budget is used by unacknowledged alarms")]
    Full,
    /// The record is larger than [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES).
    #[error("a record of {0} bytes is too large")]
    TooLarge(usize),
    /// The batch cannot be written down.
    #[error("a batch cannot be encoded: {0}")]
    Batch(tram_wire::EncodeError),
    /// The dictionary is full: begin a new spool in another folder.
    #[error("the spool has already numbered {} channels", tram_wire::MAX_CHANNELS)]
    TooManyChannels,
    /// The channel measured something else when this spool first saw it: give it another name,
    /// or begin a new spool.
    #[error("channel {name} is {was:?} in this spool and cannot become another quantity")]
    ChannelChanged {
        /// The channel.
        name: ChannelName,
        /// What it measures in this spool.
        was: Quantity,
    },
    /// A size is outside its range.
    #[error("{0}")]
    Options(&'static str),
}

impl From<io::Error> for SpoolError {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull(e),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly(e)
            }
            io::ErrorKind::WouldBlock => Self::InUse,
            _ => Self::Io(e),
        }
    }
}
