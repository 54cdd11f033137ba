//! A series of readings in one line, in promtool's notation:
//!
//! | written | readings |
//! |---|---|
//! | `79.50` | one |
//! | `79.50x3` | 79.50 four times: one and three more |
//! | `79+0.25x3` | 79, 79.25, 79.50, 79.75 |
//! | `80-0.25x3` | 80, 79.75, 79.50, 79.25 |
//! | `_`, `_x3` | nothing comes, once or three times |
//! | `missing`, `missingx3` | the sensor gives nothing and says so |
//! | `fail:79.50`, `suspect:79+0.25x3` | with that quality |

use tram_rules::Decimal;
use tram_wire::{Flag, Quality, Quantity, Tests};

/// The most readings of one series.
pub(super) const MAX_VALUES: usize = 100_000;

/// One place of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing comes.
    Nothing,
    /// A reading, in counts of its quantity.
    Reading(Option<i64>, Quality),
}

/// Reads a series.
///
/// # Errors
/// The word that is none, and why.
pub(super) fn read(text: &str, quantity: Quantity) -> Result<Vec<Value>, String> {
    let mut values = Vec::new();
    for word in text.split_ascii_whitespace() {
        let wrong = |why: &str| format!("`{word}`: {why}");
        let (plain, times) = match word.rsplit_once('x') {
            Some((plain, times)) => {
                let times: usize = times.parse().map_err(|_| wrong("`x` wants a number behind"))?;
                (plain, Some(times))
            }
            None => (word, None),
        };
        if values.len().saturating_add(times.unwrap_or(0)) >= MAX_VALUES {
            return Err(wrong("a series has 100000 readings at most"));
        }
        let missing = Value::Reading(None, Quality::missing(Tests::SENSOR_ERROR));
        match plain {
            "_" => values.extend(std::iter::repeat_n(Value::Nothing, times.unwrap_or(1))),
            "missing" => values.extend(std::iter::repeat_n(missing, times.unwrap_or(1))),
            _ => {
                let numbers = numbers(plain, times.unwrap_or(0), quantity);
                values.extend(numbers.map_err(|e| wrong(&e))?);
            }
        }
    }
    Ok(values)
}

fn numbers(plain: &str, more: usize, quantity: Quantity) -> Result<Vec<Value>, String> {
    let (quality, plain) = match plain.split_once(':') {
        Some(("fail", plain)) => (Quality { flag: Flag::Fail, tests: Tests::GROSS_RANGE }, plain),
        Some(("suspect", plain)) => (Quality { flag: Flag::Suspect, tests: Tests::SPIKE }, plain),
        Some((other, _)) => return Err(format!("`{other}` is no quality; write fail or suspect")),
        None => (Quality::GOOD, plain),
    };
    // A sign at the beginning belongs to the number.
    let sign = plain.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
    let (first, step) = match sign {
        Some((at, _)) => plain.split_at(at),
        None => (plain, "0"),
    };
    let counts = |text: &str| -> Result<i64, String> {
        let number: Decimal = text.parse().map_err(|e| format!("{e}"))?;
        number.counts(quantity).ok_or_else(|| {
            format!("{} has {} decimal places", quantity.name(), quantity.decimals())
        })
    };
    let (mut value, step) = (counts(first)?, counts(step)?);
    let mut values = Vec::with_capacity(more.saturating_add(1));
    for _ in 0..=more {
        values.push(Value::Reading(Some(value), quality));
        value = value.saturating_add(step);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Vec<Option<i64>> {
        let values = read(text, Quantity::WaterLevel).unwrap();
        let one = |v: &Value| match v {
            Value::Nothing => None,
            Value::Reading(v, _) => *v,
        };
        values.iter().map(one).collect()
    }

    #[test]
    fn the_notation_is_promtools() {
        assert_eq!(counts("79.50"), [Some(79_500)]);
        assert_eq!(counts("1x2"), [Some(1000); 3]);
        assert_eq!(counts("79+0.25x2"), [79_000, 79_250, 79_500].map(Some));
        assert_eq!(counts("-1-0.5x1 _x2 missing"), [Some(-1000), Some(-1500), None, None, None]);
        let suspect = read("suspect:1 fail:2 missing", Quantity::WaterLevel).unwrap();
        let flags = suspect.iter().map(|v| match v {
            Value::Reading(_, quality) => Some(quality.flag),
            Value::Nothing => None,
        });
        let expected = [Flag::Suspect, Flag::Fail, Flag::Missing].map(Some);
        assert_eq!(flags.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_no_series_says_which_word() {
        for bad in ["79.50y", "1x", "1xx2", "1.0001", "good:1", "1x100000", "+", "1+x3"] {
            let said = read(&format!("1 {bad}"), Quantity::WaterLevel).unwrap_err();
            assert!(said.starts_with(&format!("`{bad}`: ")), "{said}");
        }
    }
}
