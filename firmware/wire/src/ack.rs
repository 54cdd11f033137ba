//! What the centre has committed to disk.

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::{
    Seq, SpoolId, WIRE_VERSION,
    cbor::{DecodeError, EncodeError, finish, message, open_array, open_list, version},
};

/// The most ranges in one acknowledgement.
pub const MAX_ACK_RANGES: usize = 32;

/// Everything of one spool that is on the centre's disk: all below the watermark, and the ranges
/// above it. Each acknowledgement tells the whole truth, so a lost one is healed by the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Which spool.
    pub spool: SpoolId,
    /// Every number below this one is committed.
    pub watermark: Seq,
    /// Committed ranges above the watermark, first and last number inclusive, ascending and
    /// separated by at least one number; at most [`MAX_ACK_RANGES`], the lowest first.
    pub ranges: Vec<(Seq, Seq)>,
}

impl Ack {
    /// Whether `seq` is committed.
    #[must_use]
    pub fn covers(&self, seq: Seq) -> bool {
        seq < self.watermark || self.ranges.iter().any(|(a, b)| (*a..=*b).contains(&seq))
    }

    fn ordered(&self) -> bool {
        let mut free = self.watermark;
        self.ranges.iter().all(|(a, b)| {
            let ok = *a > free && a <= b;
            free = b.next();
            ok
        })
    }

    /// The message's bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when there are too many ranges or they overlap.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if self.ranges.len() > MAX_ACK_RANGES {
            return Err(EncodeError::Limit("acknowledged ranges"));
        }
        if !self.ordered() {
            return Err(EncodeError::Value("order of acknowledged ranges"));
        }
        Ok(message(|e| {
            e.array(4)?.u8(WIRE_VERSION)?.u64(self.spool.0)?.u64(self.watermark.0)?;
            e.array(self.ranges.len() as u64)?;
            for (first, last) in &self.ranges {
                e.array(2)?.u64(first.0)?.u64(last.0)?;
            }
            Ok(())
        }))
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an acknowledgement.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut d = Decoder::new(bytes);
        open_array(&mut d, 4)?;
        version(&mut d)?;
        let spool = SpoolId(d.u64()?);
        let watermark = Seq(d.u64()?);
        let n = open_list(&mut d, MAX_ACK_RANGES, "acknowledged ranges")?;
        let mut ranges = Vec::with_capacity(n);
        for _ in 0..n {
            open_array(&mut d, 2)?;
            ranges.push((Seq(d.u64()?), Seq(d.u64()?)));
        }
        finish(&d)?;
        let ack = Self { spool, watermark, ranges };
        if ack.ordered() {
            Ok(ack)
        } else {
            Err(DecodeError::Value("order of acknowledged ranges"))
        }
    }
}
