//! How large the spool may grow.

use crate::SpoolError;

/// Budget when nothing else is said: 64 MiB, about nine days of a batch of 60 readings every
/// 4 s.
pub const DEFAULT_MAX_BYTES: u64 = 64 << 20;
/// Size of a segment when nothing else is said.
pub const DEFAULT_SEGMENT_BYTES: u64 = 1 << 20;
/// The smallest segment.
pub const MIN_SEGMENT_BYTES: u64 = 4 << 10;
/// The largest segment; recovery reads one into memory at a time.
pub const MAX_SEGMENT_BYTES: u64 = 16 << 20;
/// The budget is at least so many segments: some of readings, and one or two of each kind of
/// summary.
pub const MIN_SEGMENTS: u64 = 12;
/// Files take space in whole blocks of the file system; this is ext4's.
pub const BLOCK_BYTES: u64 = 4096;
/// The budget is at most so many segments, each of which holds a file open.
pub const MAX_SEGMENTS: u64 = 512;

/// Size of the spool and of what is evicted at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes of all files together, in whole blocks; [`MIN_SEGMENTS`] to [`MAX_SEGMENTS`] segments.
    pub max_bytes: u64,
    /// Bytes after which a segment is closed and the next one begun; a single larger record gets
    /// a segment of its own. [`MIN_SEGMENT_BYTES`] to [`MAX_SEGMENT_BYTES`].
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_bytes: DEFAULT_MAX_BYTES, segment_bytes: DEFAULT_SEGMENT_BYTES }
    }
}

impl Options {
    /// # Errors
    /// [`SpoolError::Options`] when a size is outside its range.
    pub fn check(&self) -> Result<(), SpoolError> {
        if !(MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES).contains(&self.segment_bytes) {
            return Err(SpoolError::Options("segment_bytes must be 4096 to 16777216"));
        }
        let segments = self.max_bytes / self.segment_bytes;
        if !(MIN_SEGMENTS..=MAX_SEGMENTS).contains(&segments) {
            return Err(SpoolError::Options("max_bytes must be 12 to 512 times segment_bytes"));
        }
        Ok(())
    }
}
