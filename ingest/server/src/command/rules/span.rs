//! Spans of time as people write them in a file of tests: `90s`, `1h10m`, `2d`.

/// Reads a span in microseconds; `None` when it is not one.
pub(super) fn read(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let (mut micros, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at_checked(digits)?;
        let unit = behind.chars().next()?;
        let seconds = match unit {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let number: i64 = number.parse().ok()?;
        micros = micros.checked_add(number.checked_mul(seconds * 1_000_000)?)?;
        rest = behind.split_at_checked(1)?.1;
    }
    (!text.is_empty()).then_some(micros)
}

/// Writes a span, to the second.
pub(super) fn write(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    if seconds == 0 {
        return "0".to_owned();
    }
    let mut left = seconds.abs();
    let mut out = if seconds < 0 { "-".to_owned() } else { String::new() };
    for (unit, length) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        if left >= length {
            out.push_str(&format!("{}{unit}", left / length));
            left %= length;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        for (text, seconds) in [("0", 0), ("90s", 90), ("1h10m", 4200), ("2d", 172_800)] {
            assert_eq!(read(text), Some(seconds * 1_000_000), "{text}");
        }
        for bad in ["", "1", "m", "-1s", "1.5h", "1w", "99999999999999d"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(write(4_230_000_000), "1h10m30s");
        assert_eq!((write(0).as_str(), write(-60_000_000).as_str()), ("0", "-1m"));
    }
}
