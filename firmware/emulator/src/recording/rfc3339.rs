//! RFC 3339 in UTC, as recordings write it.

use tram_wire::UnixMicros;

const DAY_SECONDS: i64 = 86_400;

/// `2013-10-30T18:05:00Z` with up to six decimals of a second. Years 1970 to 9999, no leap second.
pub(crate) fn parse(text: &str) -> Option<UnixMicros> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let mut date = date.split('-');
    let (year, month, day) =
        (digits(date.next()?, 4)?, digits(date.next()?, 2)?, digits(date.next()?, 2)?);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.split(':');
    let (hour, minute, second) =
        (digits(time.next()?, 2)?, digits(time.next()?, 2)?, digits(time.next()?, 2)?);
    let good = date.next().is_none()
        && time.next().is_none()
        && year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && (1..=6).contains(&fraction.len());
    if !good {
        return None;
    }
    let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let seconds = days_before(year, month, day) * DAY_SECONDS + hour * 3_600 + minute * 60 + second;
    Some(UnixMicros(seconds * 1_000_000 + digits(&six, 6)?))
}

fn digits(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to this date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let y = year - 1;
    // 719 162 days lie between 0001-01-01 and 1970-01-01.
    let before_year = y * 365 + y / 4 - y / 100 + y / 400 - 719_162;
    (1..month).map(|m| days_in(year, m)).sum::<i64>() + before_year + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799_000_000),
            ("2013-10-30T18:05:00Z", 1_383_156_300_000_000),
            ("2024-09-10T06:30:00.25Z", 1_725_949_800_250_000),
        ] {
            assert_eq!(parse(text), Some(UnixMicros(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_in_utc_is_refused() {
        for text in [
            "",
            "2013-10-30T18:05:00",
            "2013-10-30T18:05:00+07:00",
            "2013-10-30 18:05:00Z",
            "2013-02-29T00:00:00Z",
            "2013-13-01T00:00:00Z",
            "2013-10-30T24:00:00Z",
            "2013-10-30T18:05:60Z",
            "2013-10-30T18:05Z",
            "2013-10-30T18:05:00.Z",
            "2013-10-30T18:05:00.1234567Z",
            "2013-10-30-01T18:05:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
