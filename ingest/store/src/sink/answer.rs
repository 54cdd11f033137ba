//! What came of a request, and what that means for the readings in it.

use std::time::Duration;

use crate::calendar::http_date;

/// The longest a sink waits because its engine asked for it.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The engine has the readings.
    Written,
    /// The engine does not take them now: send the same again later.
    Later {
        /// What it said.
        reason: String,
        /// When it asked for it, at most [`MAX_RETRY_AFTER`].
        after: Option<Duration>,
    },
    /// The engine did not answer. It may have stopped, and lost what it had not yet written.
    Unreachable {
        /// What the system said.
        reason: String,
    },
    /// The engine will not take all of them, however often they are sent.
    Refused {
        /// Why.
        why: Refusal,
        /// What it said.
        reason: String,
    },
}

/// Why an engine does not take readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// 400 and 422: one of the lines is not to its liking.
    BadRequest,
    /// 413: too many bytes.
    TooLarge,
}

impl Refusal {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::BadRequest, Self::TooLarge];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::TooLarge => "too-large",
        }
    }
}

impl Answer {
    /// What a status means. `retry_after` is the header of that name, seconds or a date, and
    /// `date` the answer's own, by which such a date is measured: the two clocks need not agree.
    #[must_use]
    pub fn from_status(
        status: u16,
        retry_after: Option<&str>,
        date: Option<&str>,
        said: &str,
    ) -> Self {
        let reason = match said.trim() {
            "" => format!("answered {status}"),
            said => format!("answered {status}: {said}"),
        };
        match status {
            200..=299 => Self::Written,
            400 | 422 => Self::Refused { why: Refusal::BadRequest, reason },
            413 => Self::Refused { why: Refusal::TooLarge, reason },
            // Everything else is about the engine or the configuration, not about the readings:
            // a wrong token must not cost a single one.
            _ => {
                let after = retry_after.and_then(|text| pause(text.trim(), date));
                Self::Later { reason, after }
            }
        }
    }
}

/// How long `Retry-After` asks to wait.
fn pause(text: &str, date: Option<&str>) -> Option<Duration> {
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        // Without the engine's own time, nobody knows how far away the date is.
        Err(_) => {
            let ahead = http_date(text)?.checked_sub(http_date(date?)?)?;
            u64::try_from(ahead).unwrap_or(0)
        }
    };
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_readings_is_refused() {
        let answer = |status| Answer::from_status(status, None, None, "");
        assert_eq!(answer(204), Answer::Written);
        for (status, why) in
            [(400, Refusal::BadRequest), (422, Refusal::BadRequest), (413, Refusal::TooLarge)]
        {
            assert!(matches!(answer(status), Answer::Refused { why: w, .. } if w == why));
        }
        for status in [302, 401, 403, 404, 408, 429, 500, 502, 503, 504] {
            assert!(matches!(answer(status), Answer::Later { after: None, .. }), "{status}");
        }
    }

    #[test]
    fn the_pause_an_engine_asks_for_is_bounded() {
        const NOW: &str = "Wed, 21 Oct 2026 07:27:30 GMT";
        let after = |text| match Answer::from_status(429, Some(text), Some(NOW), "slow down") {
            Answer::Later { reason, after } => {
                assert_eq!(reason, "answered 429: slow down");
                after
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("99999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(after("-1"), None);
        assert_eq!(after("Wed, 21 Oct 2026 07:28:00 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(after("Wed, 21 Oct 2026 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("Wed, 21 Oct 2099 07:00:00 GMT"), Some(MAX_RETRY_AFTER));
        assert_eq!(after("soon"), None);
        let dateless = Answer::from_status(503, Some("Wed, 21 Oct 2026 07:28:00 GMT"), None, "");
        assert!(matches!(dateless, Answer::Later { after: None, .. }));
    }
}
