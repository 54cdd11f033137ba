//! Waiting for something another process does.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// How often the question is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks `question` until it answers, at most for `limit`.
///
/// # Errors
/// When there is no answer within `limit`; the error names `what` was waited for.
#[expect(clippy::disallowed_methods, reason = "a test has a deadline of its own")]
pub fn until<T>(what: &str, limit: Duration, mut question: impl FnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = question() {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("after {} s there is still no {what}", limit.as_secs());
        }
        thread::sleep(PAUSE);
    }
}
