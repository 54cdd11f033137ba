//! How long readings and rollups are kept.

use std::collections::BTreeMap;

use tram_config::{Document, Mistake};
use tram_store::{Keep, Policy, Retention};
use tram_wire::Quantity;

use super::File;

/// What is kept without a word about it: at 1,000 readings a second some 13 GB of readings.
const DEFAULT: Policy = Policy {
    raw: Keep::Days(90),
    minute: Keep::Days(2 * DAYS_OF_A_YEAR),
    hour: Keep::Days(10 * DAYS_OF_A_YEAR),
    day: Keep::Forever,
};
/// A leap year, so that a year is never too short.
const DAYS_OF_A_YEAR: u32 = 366;
/// The longest time short of for ever: a hundred years.
const MAX_DAYS: u32 = 100 * DAYS_OF_A_YEAR;

pub(super) fn check(document: &Document<File>) -> Result<Retention, Mistake> {
    let file = &document.value.retention;
    let said = [&file.raw, &file.minute, &file.hour, &file.day];
    let default = policy(document, "retention", said, DEFAULT)?;
    let mut quantities = BTreeMap::new();
    for (name, of) in &file.quantity {
        let table = format!("retention.quantity.{name}");
        let quantity = Quantity::from_name(name).ok_or_else(|| {
            let near = nearest(name);
            document.mistake(
                &table,
                format!("there is no quantity `{name}`"),
                format!("write a quantity's name, such as `{near}`"),
            )
        })?;
        let said = [&of.raw, &of.minute, &of.hour, &of.day];
        quantities.insert(quantity, policy(document, &table, said, default)?);
    }
    Ok(Retention::new(default, quantities))
}

/// The policy of a table. What it does not say is as in `base`, or as long as something finer that
/// it does say.
fn policy(
    document: &Document<File>,
    table: &str,
    said: [&Option<String>; 4],
    base: Policy,
) -> Result<Policy, Mistake> {
    const NAMES: [&str; 4] = ["raw", "minute", "hour", "day"];
    let mut keeps = [base.raw, base.minute, base.hour, base.day];
    let mut longest: Option<(Keep, &str)> = None;
    for ((keep, text), name) in keeps.iter_mut().zip(said).zip(NAMES) {
        let key = format!("{table}.{name}");
        if let Some(text) = text {
            *keep = parse(text).ok_or_else(|| {
                document.mistake(
                    &key,
                    format!("`{text}` is no time to keep something"),
                    "write days or years, such as \"90d\" or \"2y\", or \"forever\"",
                )
            })?;
            if let Some((finer, of)) = longest.filter(|(finer, _)| finer > keep) {
                return Err(document.mistake(
                    &key,
                    format!("`{name}` is kept for {keep}, and `{of}` for {finer}"),
                    format!("keep it at least as long as `{of}`"),
                ));
            }
        }
        if longest.is_none_or(|(finer, _)| *keep > finer) {
            longest = Some((*keep, name));
        }
        *keep = longest.map_or(*keep, |(finer, _)| finer.max(*keep));
    }
    let [raw, minute, hour, day] = keeps;
    Ok(Policy { raw, minute, hour, day })
}

fn parse(text: &str) -> Option<Keep> {
    if text == "forever" {
        return Some(Keep::Forever);
    }
    let (number, of) = match text.strip_suffix('y') {
        Some(years) => (years, DAYS_OF_A_YEAR),
        None => (text.strip_suffix('d')?, 1),
    };
    let days = number.parse::<u32>().ok()?.checked_mul(of)?;
    (1..=MAX_DAYS).contains(&days).then_some(Keep::Days(days))
}

/// The quantity whose name has most in common with what was written.
fn nearest(name: &str) -> &'static str {
    let common = |q: &Quantity| {
        let same = q.name().bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        (same, std::cmp::Reverse(q.name().len().abs_diff(name.len())))
    };
    Quantity::all().max_by_key(common).map_or("water_level", Quantity::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_days_or_years_or_for_ever() {
        assert_eq!(parse("90d"), Some(Keep::Days(90)));
        assert_eq!(parse("2y"), Some(Keep::Days(732)));
        assert_eq!(parse("forever"), Some(Keep::Forever));
        for bad in ["", "d", "0d", "-1d", "1.5y", "90", "1w", "101y", "4294967295d", "Forever"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_not_said_is_as_for_all_and_no_shorter_than_what_is_finer() {
        let read = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ingest.toml");
            let broker = "data = \"d\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";
            std::fs::write(&path, format!("{broker}{text}")).unwrap();
            check(&tram_config::read::<File>(&path).unwrap())
        };
        assert_eq!(read("").unwrap().default_policy(), DEFAULT);
        let text = "[retention]\nraw = \"30d\"\n[retention.quantity.rain]\nraw = \"forever\"\n\
                    [retention.quantity.tilt]\nraw = \"7d\"\nminute = \"20y\"\n";
        let retention = read(text).unwrap();
        assert_eq!(retention.default_policy(), Policy { raw: Keep::Days(30), ..DEFAULT });
        assert_eq!(retention.policy(Quantity::Rain), Policy::FOREVER);
        let tilt = retention.policy(Quantity::Tilt);
        assert_eq!((tilt.raw, tilt.minute), (Keep::Days(7), Keep::Days(7_320)));
        assert_eq!((tilt.hour, tilt.day), (Keep::Days(7_320), Keep::Forever));
        // Only `raw` was said, and what was not said follows it.
        let long = read("[retention.quantity.rain]\nraw = \"5y\"\n").unwrap();
        assert_eq!(long.policy(Quantity::Rain).minute, Keep::Days(1_830));
    }
}
