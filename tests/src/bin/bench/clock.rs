//! The one place that asks the system for the time: a benchmark measures it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use tram_wire::UnixMicros;

/// Now, to measure spans with.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day, cut to whole milliseconds: no rival keeps less.
///
/// # Errors
/// When the clock of the machine stands before 1970.
#[expect(clippy::disallowed_methods, reason = "readings of a benchmark are of today")]
pub(crate) fn today() -> Result<UnixMicros> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(UnixMicros(i64::try_from(since.as_millis())? * 1_000))
}

/// The duration that a share `q` of `durations`, sorted here, stayed within.
pub(crate) fn quantile(durations: &mut [Duration], q: f64) -> Duration {
    durations.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let index = ((durations.len() as f64 * q) as usize).min(durations.len().max(1) - 1);
    durations.get(index).copied().unwrap_or_default()
}

/// In milliseconds, as the table shows it.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
