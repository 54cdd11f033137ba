//! Frames of a write-ahead log (<https://sqlite.org/fileformat2.html#the_write_ahead_log>): a
//! header of 24 bytes, then a page. The header holds the page's number, the size of the database
//! after a commit, two words of salt, and the sums over everything since the file's header.

use crate::checksum::chain;

/// Bytes of the header of a write-ahead log.
pub(crate) const WAL_HEADER: usize = 32;
/// Bytes of the header of a frame.
pub(crate) const FRAME_HEADER: usize = 24;

/// The first bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader(pub(crate) [u8; FRAME_HEADER]);

impl FrameHeader {
    /// The sums that stand in it.
    pub(crate) fn sums(&self) -> (u32, u32) {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
    }

    /// The sums that should stand in it.
    fn computed(&self, before: (u32, u32), page: &[u8], word: fn([u8; 4]) -> u32) -> (u32, u32) {
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = self.0;
        chain(chain(before, &first, word), page, word)
    }

    /// Whether the frame behind one with the sums `before` is what was written. The file's header
    /// says in which byte order words were summed; only one of the two can be right.
    pub(crate) fn matches(&self, before: (u32, u32), page: &[u8]) -> bool {
        let sums = self.sums();
        self.computed(before, page, u32::from_le_bytes) == sums
            || self.computed(before, page, u32::from_be_bytes) == sums
    }
}

/// The offset of the frame whose page is at `offset`, if a page of so many bytes can be there.
pub(crate) fn frame_of(offset: u64, page: usize) -> Option<u64> {
    let frame = offset.checked_sub(FRAME_HEADER as u64)?;
    let first = frame.checked_sub(WAL_HEADER as u64)?;
    first.is_multiple_of((page + FRAME_HEADER) as u64).then_some(frame)
}

/// The number of the frame at `offset`, counted from 1.
pub(crate) fn frame_number(offset: u64, page: usize) -> u32 {
    let first = offset.saturating_sub(WAL_HEADER as u64);
    u32::try_from(first / (page + FRAME_HEADER) as u64 + 1).unwrap_or(u32::MAX)
}

/// Where the sums before the frame at `offset` stand: in the frame before, or in the file's header.
pub(crate) fn sums_before(offset: u64, page: usize) -> u64 {
    let size = (page + FRAME_HEADER) as u64;
    match offset.checked_sub(size).filter(|before| *before >= WAL_HEADER as u64) {
        Some(before) => before + FRAME_HEADER as u64 - 8,
        None => WAL_HEADER as u64 - 8,
    }
}
