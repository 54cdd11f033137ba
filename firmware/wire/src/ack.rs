//! What the centre has committed to disk, and which of its replicas.

use alloc::vec::Vec;

use minicbor::{Decoder, Encoder};

use crate::{
    ReplicaId, Seq, SpoolId, WIRE_VERSION,
    cbor::{DecodeError, EncodeError, Put, finish, message, open_array, open_list, version},
};

/// The most ranges in one list of an acknowledgement.
pub const MAX_ACK_RANGES: usize = 32;

const RANGES: &str = "acknowledged ranges";
const ORDER: &str = "order of acknowledged ranges";

/// What of one spool is settled, and what the replica that says so has just put on its own disk.
///
/// A number is **settled** when a replica has it on disk or the node has let it go (acknowledged
/// before, or lost and reported). The watermark and the ranges tell everything the replica knows
/// to be settled, whoever did it, so a lost acknowledgement is healed by the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Which spool.
    pub spool: SpoolId,
    /// Who says so.
    pub replica: ReplicaId,
    /// Every number below this one is settled.
    pub watermark: Seq,
    /// Settled ranges above the watermark, first and last number inclusive, ascending and
    /// separated by at least one number; at most [`MAX_ACK_RANGES`], the lowest first.
    pub ranges: Vec<(Seq, Seq)>,
    /// What `replica` itself has put on its disk since its acknowledgement before, above or below
    /// the watermark; in the same order and form, at most [`MAX_ACK_RANGES`] in a message.
    pub committed: Vec<(Seq, Seq)>,
}

impl Ack {
    /// Whether `seq` is settled.
    #[must_use]
    pub fn covers(&self, seq: Seq) -> bool {
        let within = |ranges: &[(Seq, Seq)]| ranges.iter().any(|(a, b)| (*a..=*b).contains(&seq));
        seq < self.watermark || within(&self.ranges) || within(&self.committed)
    }

    /// The same in as many messages as its `committed` needs; all say the rest alike.
    pub fn messages(&self) -> impl Iterator<Item = Self> {
        let messages = self.committed.len().div_ceil(MAX_ACK_RANGES).max(1);
        (0..messages).map(|i| {
            let own = self.committed.iter().skip(i * MAX_ACK_RANGES).take(MAX_ACK_RANGES);
            Self { ranges: self.ranges.clone(), committed: own.copied().collect(), ..*self }
        })
    }

    fn sound(&self) -> bool {
        // What starts at the watermark itself would have raised it; a committed range may start
        // anywhere.
        ordered(&self.ranges, self.watermark.0.checked_add(1)) && ordered(&self.committed, Some(0))
    }

    /// The message's bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when there are too many ranges or they overlap.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if self.ranges.len().max(self.committed.len()) > MAX_ACK_RANGES {
            return Err(EncodeError::Limit(RANGES));
        }
        if !self.sound() {
            return Err(EncodeError::Value(ORDER));
        }
        Ok(message(|e| {
            e.array(6)?.u8(WIRE_VERSION)?.u64(self.spool.0)?.u64(self.replica.0)?;
            e.u64(self.watermark.0)?;
            put(e, &self.ranges)?;
            put(e, &self.committed)
        }))
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an acknowledgement.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut d = Decoder::new(bytes);
        open_array(&mut d, 6)?;
        version(&mut d)?;
        let ack = Self {
            spool: SpoolId(d.u64()?),
            replica: ReplicaId(d.u64()?),
            watermark: Seq(d.u64()?),
            ranges: take(&mut d)?,
            committed: take(&mut d)?,
        };
        finish(&d)?;
        if ack.sound() { Ok(ack) } else { Err(DecodeError::Value(ORDER)) }
    }
}

/// Whether the ranges ascend from `free` on and leave at least one number between each two.
fn ordered(ranges: &[(Seq, Seq)], mut free: Option<u64>) -> bool {
    ranges.iter().all(|(first, last)| {
        let sound = free.is_some_and(|free| first.0 >= free) && first <= last;
        free = last.0.checked_add(2);
        sound
    })
}

fn put(
    e: &mut Encoder<Put>,
    ranges: &[(Seq, Seq)],
) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
    e.array(ranges.len() as u64)?;
    for (first, last) in ranges {
        e.array(2)?.u64(first.0)?.u64(last.0)?;
    }
    Ok(())
}

fn take(d: &mut Decoder<'_>) -> Result<Vec<(Seq, Seq)>, DecodeError> {
    let n = open_list(d, MAX_ACK_RANGES, RANGES)?;
    let mut ranges = Vec::with_capacity(n);
    for _ in 0..n {
        open_array(d, 2)?;
        ranges.push((Seq(d.u64()?), Seq(d.u64()?)));
    }
    Ok(ranges)
}
