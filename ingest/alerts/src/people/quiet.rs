//! Hours in which a person is not to be woken for little.

use tram_wire::UnixMicros;

use crate::time::{HOUR, LOCAL_AHEAD, SECOND};

const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * HOUR;

/// From one minute of the local day to another; the second may lie on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quiet {
    /// Microseconds since local midnight.
    from: i64,
    to: i64,
}

impl Quiet {
    /// Reads `22:00-05:30`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (time_of_day(from)?, time_of_day(to)?);
        (from != to).then_some(Self { from, to })
    }

    /// When the quiet hours that `now` lies in are over; `None` outside of them.
    pub(crate) fn ends(self, now: UnixMicros) -> Option<UnixMicros> {
        let day = now.0.saturating_add(LOCAL_AHEAD).rem_euclid(DAY);
        let since = (day - self.from).rem_euclid(DAY);
        let long = (self.to - self.from).rem_euclid(DAY);
        (since < long).then(|| now.plus(long - since))
    }
}

/// Reads `05:30` as microseconds since midnight.
pub(crate) fn time_of_day(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |text: &str, below: i64| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<i64>().ok().filter(|n| digits && *n < below)
    };
    Some(number(hours, 24)? * HOUR + number(minutes, 60)? * MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::START;

    #[test]
    fn a_night_that_crosses_midnight_ends_in_the_morning() {
        // START is 08:00 local time.
        let night = Quiet::parse("22:00-05:30").unwrap();
        let at = |hours: i64, minutes: i64| START.plus((hours - 8) * HOUR + minutes * MINUTE);
        for (hours, minutes, left) in [
            (8, 0, None),
            (21, 59, None),
            (22, 0, Some(450)),
            (23, 30, Some(360)),
            (24, 0, Some(330)),
            (29, 29, Some(1)),
            (29, 30, None),
        ] {
            let now = at(hours, minutes);
            let ends = left.map(|left: i64| now.plus(left * MINUTE));
            assert_eq!(night.ends(now), ends, "{hours}:{minutes}");
        }
        let noon = Quiet::parse("12:00-13:00").unwrap();
        assert_eq!(noon.ends(at(12, 59)), Some(at(13, 0)));
        assert_eq!(noon.ends(at(13, 0)), None);
        assert_eq!(noon.ends(UnixMicros(i64::MAX)), None, "no overflow");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in
            ["", "22:00", "22:00-", "24:00-05:00", "22:60-05:00", "22:00-22:00", "+1:00-2:00"]
        {
            assert_eq!(Quiet::parse(text), None, "{text}");
        }
    }
}
