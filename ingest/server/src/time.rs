//! Times as the interface writes and reads them.

use jiff::Timestamp;
use tram_wire::UnixMicros;

/// RFC 3339 in UTC: with milliseconds, and with microseconds where a time has them, so that a
/// time that is sent back finds the very reading it came from.
pub(crate) fn rfc3339(time: UnixMicros) -> String {
    let clamped = Timestamp::from_microsecond(time.0).unwrap_or(match time.0 < 0 {
        true => Timestamp::MIN,
        false => Timestamp::MAX,
    });
    match time.0.rem_euclid(1_000) {
        0 => format!("{clamped:.3}"),
        _ => format!("{clamped:.6}"),
    }
}

/// Reads an RFC 3339 time with `Z` or any offset.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse(text: &str) -> Result<UnixMicros, String> {
    let time: Timestamp = text.parse().map_err(|e| format!("{e}"))?;
    Ok(UnixMicros(time.as_microsecond()))
}

/// Seconds between two times, to the tenth.
pub(crate) fn age_s(time: UnixMicros, now: UnixMicros) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a tenth of a second of years fits a double")]
    let tenths = (now.since(time) / 100_000) as f64;
    tenths / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_back_to_the_microsecond() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_725_886_800_250_000, "2024-09-09T13:00:00.250Z"),
            (1_725_886_800_250_001, "2024-09-09T13:00:00.250001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(rfc3339(UnixMicros(micros)), text);
            assert_eq!(parse(text), Ok(UnixMicros(micros)));
        }
        assert_eq!(parse("2024-09-09T20:00:00+07:00"), Ok(UnixMicros(1_725_886_800_000_000)));
        assert!(parse("yesterday").is_err());
    }

    #[test]
    fn every_number_of_microseconds_can_be_written() {
        for micros in [i64::MIN, i64::MAX] {
            assert!(rfc3339(UnixMicros(micros)).ends_with('Z'));
        }
    }

    #[test]
    fn an_age_has_one_decimal() {
        assert_eq!(age_s(UnixMicros(0), UnixMicros(12_345_678)).to_string(), "12.3");
    }
}
