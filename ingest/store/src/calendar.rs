//! Times as other programs write them.

use crate::day::Day;

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;
/// The months as HTTP writes them.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `2026-03-01T07:00:00.123456789+07:00` (RFC 3339) in Unix microseconds; what is finer is cut.
pub(crate) fn rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let (clock, zone) = rest.split_at_checked(rest.find(['Z', 'z', '+', '-'])?)?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let seconds = Day::from_date(date)?.0.checked_mul(DAY_SECONDS)?.checked_add(of_day(whole)?)?;
    let micros = micros(fraction)?;
    seconds.checked_sub(offset(zone)?)?.checked_mul(1_000_000)?.checked_add(micros)
}

/// `Wed, 21 Oct 2026 07:28:00 GMT` (RFC 9110 §5.6.7, the form that may be sent) in Unix seconds.
pub(crate) fn http_date(text: &str) -> Option<i64> {
    let mut parts = text.split_ascii_whitespace();
    let (weekday, date, month, year) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (clock, zone) = (parts.next()?, parts.next()?);
    if !weekday.ends_with(',') || zone != "GMT" || parts.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    let date = Day::from_date(&format!("{year}-{month:02}-{date:0>2}"))?;
    date.0.checked_mul(DAY_SECONDS)?.checked_add(of_day(clock)?)
}

/// Seconds of the day of `07:28:00`. A leap second counts as the one before it.
fn of_day(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let (hour, minute, second) = (two(parts.next()?)?, two(parts.next()?)?, two(parts.next()?)?);
    let sound = hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    sound.then(|| hour * 3_600 + minute * 60 + second.min(59))
}

/// Seconds east of Greenwich of `Z` or `+07:00`.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then(|| sign * (hours * 3_600 + minutes * 60))
}

/// Microseconds of the digits behind a decimal point.
fn micros(fraction: &str) -> Option<i64> {
    let digits = fraction.bytes().all(|b| b.is_ascii_digit());
    if fraction.is_empty() || !digits {
        return None;
    }
    let kept = fraction.get(..6).unwrap_or(fraction);
    format!("{kept:0<6}").parse().ok()
}

/// A number of two digits.
fn two(text: &str) -> Option<i64> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::Time;

    #[test]
    fn times_are_read_as_the_standards_write_them() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 500_000),
            ("1970-01-01T07:00:00.000001999+07:00", 1),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2026-10-21T07:28:00Z", 1_792_567_680_000_000),
            ("2026-12-31T23:59:60Z", 1_798_761_599_000_000),
        ] {
            assert_eq!(rfc3339(text), Some(micros), "{text}");
        }
        for text in [
            "",
            "T",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00",
            "2026-01-01T0:00:00Z",
            "é",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
        assert_eq!(http_date("Wed, 21 Oct 2026 07:28:00 GMT"), Some(1_792_567_680));
        assert_eq!(http_date("Thu, 1 Jan 1970 00:00:00 GMT"), Some(0));
        for text in [
            "",
            "Wed 21 Oct 2026 07:28:00 GMT",
            "Wed, 21 Okt 2026 07:28:00 GMT",
            "Wed, 21 Oct 2026 07:28:00 +0000",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_this_crate_writes_is_read_back(micros in -1_000_000_000_000_000..5_000_000_000_000_000_i64) {
            prop_assert_eq!(rfc3339(&Time(micros).to_string()), Some(micros));
        }

        #[test]
        fn no_text_is_too_much(text in any::<String>()) {
            rfc3339(&text);
            http_date(&text);
        }
    }
}
