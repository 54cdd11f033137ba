//! The only place of this program that asks the system what time it is.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tram_wire::UnixMicros;

/// The time of day by the system's clock.
#[expect(clippy::disallowed_methods, reason = "this is the program's one clock")]
pub(crate) fn now() -> UnixMicros {
    // A clock before 1970 is a machine whose clock was never set; the pipeline refuses its times.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A time that never goes back, for measuring how long something took.
#[expect(clippy::disallowed_methods, reason = "this is the program's one clock")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
