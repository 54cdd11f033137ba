//! Times as people and CAP write them.

use jiff::{Timestamp, tz::Offset};
use tram_rules::Language;
use tram_wire::UnixMicros;

/// Indochina Time, the only zone messages are written in.
const LOCAL: Offset = Offset::constant(7);

/// One second in microseconds.
pub(crate) const SECOND: i64 = 1_000_000;
/// One hour in microseconds.
pub(crate) const HOUR: i64 = 3_600 * SECOND;
/// How far Indochina Time is ahead of UTC.
pub(crate) const LOCAL_AHEAD: i64 = 7 * HOUR;

/// The years that four digits can write, in either zone: from 0001-01-01 to 9999-12-30 UTC.
const YEARS: (i64, i64) = (-62_135_596_800 * SECOND, 253_402_128_000 * SECOND);

fn timestamp(at: UnixMicros) -> Timestamp {
    Timestamp::from_microsecond(at.0.clamp(YEARS.0, YEARS.1))
        .expect("the years 1 to 9999 are within jiff's range")
}

/// RFC 3339 in UTC, to the millisecond, such as `2024-09-09T13:00:00.250Z`; the fraction is left
/// out when it is 0.
#[must_use]
pub(crate) fn utc(at: UnixMicros) -> String {
    let at = timestamp(at);
    let whole = at.as_microsecond().rem_euclid(SECOND) < 1_000;
    at.strftime(if whole { "%FT%TZ" } else { "%FT%T.%3fZ" }).to_string()
}

/// A CAP time (CAP 1.2 §3.3.2): local time with its offset, whole seconds, such as
/// `2024-09-09T20:00:00+07:00`.
#[must_use]
pub(crate) fn cap(at: UnixMicros) -> String {
    timestamp(at).to_zoned(LOCAL.to_time_zone()).strftime("%FT%T%:z").to_string()
}

/// Date and minute of the day in local time, as the language writes them.
#[must_use]
pub(crate) fn local(at: UnixMicros, language: Language) -> String {
    let format = match language {
        Language::Vi => "%H:%M ngày %d/%m/%Y",
        Language::En => "%H:%M on %-d %B %Y",
        Language::Zh => "%Y年%-m月%-d日%H:%M",
    };
    timestamp(at).to_zoned(LOCAL.to_time_zone()).strftime(format).to_string()
}

/// The last whole second at or before `at`: what [`cap`] can express.
#[must_use]
pub(crate) fn whole_second(at: UnixMicros) -> UnixMicros {
    UnixMicros(at.0.saturating_sub(at.0.rem_euclid(SECOND)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cap_times_have_the_local_offset_and_no_fraction() {
        let at = UnixMicros(1_725_886_800_999_999);
        assert_eq!(cap(at), "2024-09-09T20:00:00+07:00");
        assert_eq!(cap(whole_second(at)), cap(at));
        assert_eq!(whole_second(UnixMicros(-1)), UnixMicros(-SECOND));
    }

    #[test]
    fn local_times_read_as_people_write_them() {
        let at = UnixMicros(1_725_886_800_000_000);
        assert_eq!(local(at, Language::Vi), "20:00 ngày 09/09/2024");
        assert_eq!(local(at, Language::En), "20:00 on 9 September 2024");
        assert_eq!(local(at, Language::Zh), "2024年9月9日20:00");
    }

    #[test]
    fn utc_times_end_in_z_and_keep_milliseconds() {
        assert_eq!(utc(UnixMicros(1_725_886_800_000_000)), "2024-09-09T13:00:00Z");
        assert_eq!(utc(UnixMicros(1_725_886_800_250_999)), "2024-09-09T13:00:00.250Z");
    }

    #[test]
    fn times_outside_the_calendar_are_held_at_its_ends() {
        assert_eq!(cap(UnixMicros(i64::MAX)), "9999-12-30T07:00:00+07:00");
        assert_eq!(utc(UnixMicros(i64::MIN)), "0001-01-01T00:00:00Z");
    }
}
