//! Opening the spool, whatever state the card is in.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use rustix::io::Errno;
use tracing::{error, info, warn};
use tram_spool::{Recovery, Spool, SpoolError};

use crate::config::{Config, spool_options};

/// A spool in memory, where there is no card to write to.
const REFUGE: tram_spool::Options =
    tram_spool::Options { max_bytes: 4 << 20, segment_bytes: 64 << 10 };

/// A spool that was opened.
pub(crate) struct OpenedSpool {
    pub(crate) spool: Spool,
    pub(crate) recovery: Recovery,
    /// The card has failed, and what is kept ends with the power.
    pub(crate) in_memory: bool,
}

/// Opens the spool of the data folder, or one in memory when the card has failed.
///
/// # Errors
/// When the folder cannot be used for a reason that somebody has to put right.
pub(crate) fn open_spool(config: &Config) -> Result<OpenedSpool> {
    let folder = config.data.join("spool");
    let e = match Spool::open(&folder, spool_options(config)) {
        Ok((spool, recovery)) => return Ok(OpenedSpool { spool, recovery, in_memory: false }),
        Err(e) => e,
    };
    if failed_card(&e) {
        let refuge = Path::new("/dev/shm").join(format!("tram-edge-{}", config.node));
        error!(
            "the data folder {} cannot be used: {e}; the station samples, warns and sends from \
             memory ({}), and what is not sent is lost with the power: replace the card or make \
             room, then start it again",
            folder.display(),
            refuge.display()
        );
        let opened = Spool::open(&refuge, REFUGE);
        let (spool, recovery) = opened.with_context(|| refuge.display().to_string())?;
        return Ok(OpenedSpool { spool, recovery, in_memory: true });
    }
    let remedy = match e {
        SpoolError::InUse => "stop the other tram-edge, or give each station a folder",
        SpoolError::ReadOnly(_) => {
            "give it to the user that runs this program, or mount it so that it can be written"
        }
        SpoolError::DiskFull(_) => "make room",
        _ => "name another folder as `data` in the station file",
    };
    Err(anyhow!("the data folder {} cannot be used: {e}; {remedy}", folder.display()))
}

/// Whether it is the medium, and not what somebody wrote into the station file: then a station on a
/// slope goes on without it.
fn failed_card(e: &SpoolError) -> bool {
    let (SpoolError::ReadOnly(e) | SpoolError::DiskFull(e) | SpoolError::Io(e)) = e else {
        return false;
    };
    let failures = [Errno::ROFS, Errno::NOSPC, Errno::DQUOT, Errno::IO];
    failures.iter().any(|errno| e.raw_os_error() == Some(errno.raw_os_error()))
}

/// Says what was found.
pub(crate) fn report(spool: &Spool, recovery: &Recovery) {
    let held = recovery.held;
    if recovery.created {
        info!(spool = %spool.id(), "a new spool");
    } else {
        info!(spool = %spool.id(), next = %spool.next_seq(), "{held} batches wait to be sent");
    }
    if recovery.torn_bytes > 0 {
        info!(bytes = recovery.torn_bytes, "an interrupted write was cut off");
    }
    if recovery.corrupt_records > 0 {
        warn!(
            places = recovery.corrupt_records,
            "the disk has damaged what was written; told as lost"
        );
    }
    if recovery.set_aside > 0 {
        warn!(files = recovery.set_aside, "the spool was unreadable and is set aside as *.bad");
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_card_that_fails_is_told_from_a_mistake() {
        let os =
            |errno: Errno| SpoolError::from(io::Error::from_raw_os_error(errno.raw_os_error()));
        for errno in [Errno::ROFS, Errno::NOSPC, Errno::DQUOT, Errno::IO] {
            assert!(failed_card(&os(errno)), "{errno:?}");
        }
        for errno in [Errno::ACCESS, Errno::NOTDIR, Errno::NOENT] {
            assert!(!failed_card(&os(errno)), "{errno:?}");
        }
        assert!(!failed_card(&SpoolError::InUse));
    }
}
