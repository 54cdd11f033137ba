//! How large things may become.

use crate::Retention;

/// How large things may become before something is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Readings in the head at which [`Sealer::due`](crate::Sealer::due) says so; 18 bytes each.
    pub seal_readings: u64,
    /// Bytes of payload in the log at which [`Sealer::due`](crate::Sealer::due) says so.
    pub seal_log_bytes: u64,
    /// The most readings in the head; beyond, [`Log::append`](crate::Log::append) refuses until
    /// the sealer has caught up, so that the nodes keep what the centre has no room for.
    pub max_head_readings: u64,
    /// The most bytes of payload in the quarantine; beyond, the oldest payload is dropped, its
    /// row kept and counted.
    pub quarantine_bytes: u64,
    /// The most rows in the quarantine; beyond, the oldest goes.
    pub quarantine_rows: u64,
    /// Consumers of the log whose cursor holds back [`Log::maintain`](crate::Log::maintain), such
    /// as `alerts`. One that is new starts at the oldest entry there is.
    pub consumers: Vec<String>,
    /// Consumers that hold the log back only while it has at most so many bytes of payload, such
    /// as engines elsewhere; beyond, the oldest entries go without them.
    pub bounded_consumers: Vec<(String, u64)>,
    /// How long readings and their rollups are kept.
    pub retention: Retention,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seal_readings: 1_000_000,
            seal_log_bytes: 64 << 20,
            max_head_readings: 16_000_000,
            quarantine_bytes: 64 << 20,
            quarantine_rows: 10_000,
            consumers: Vec::new(),
            bounded_consumers: Vec::new(),
            retention: Retention::default(),
        }
    }
}
