//! What a rule must fulfil to mean something.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use tram_wire::Quantity;

use crate::{
    Language, Level, MAX_HEADLINE_CHARACTERS, MAX_LATE_S, MAX_LEVELS, MAX_RULE_CHANNELS,
    MAX_RULE_STATIONS, MAX_TEXT_BYTES, MAX_WINDOW_S, PLACEHOLDERS, Rule, Selector, Statistic,
    texts::{headline_characters, parts, unknown_placeholder},
};

/// One thing that is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMistake {
    /// Where, as a path of TOML keys, such as `level[1].clear`; tables are counted from 0.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub fix: String,
}

impl fmt::Display for RuleMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.message, self.fix)
    }
}

/// The texts that stand in the place of a headline.
const HEADLINES: [&str; 3] = ["headline", "cleared", "no_data"];

/// The mistakes found so far.
struct Mistakes(Vec<RuleMistake>);

impl Mistakes {
    fn add(&mut self, key: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) {
        self.0.push(RuleMistake { key: key.into(), message: message.into(), fix: fix.into() });
    }
}

impl Rule {
    /// Checks everything that can be checked without knowing the stations.
    ///
    /// # Errors
    /// Every mistake, in the order of the file's keys.
    pub fn check(&self) -> Result<(), Vec<RuleMistake>> {
        let mut found = Mistakes(Vec::new());
        self.check_identity(&mut found);
        self.check_selectors(&mut found);
        self.check_statistic(&mut found);
        self.check_together(&mut found);
        self.check_times(&mut found);
        self.check_levels(&mut found);
        self.check_texts(&mut found);
        if found.0.is_empty() { Ok(()) } else { Err(found.0) }
    }

    fn check_identity(&self, found: &mut Mistakes) {
        if self.id.as_str().is_empty() {
            found.add("id", "the rule has no name", "write a name such as `flood-lao-cai`");
        }
        if self.version == 0 {
            found.add("version", "versions count from 1", "write `version = 1`");
        }
        if self.legal.trim().is_empty() {
            let fix = "name the decree and article, or write where the figure comes from and \
                       `unofficial = true`";
            found.add("legal", "the thresholds have no source", fix);
        }
    }

    fn check_selectors(&self, found: &mut Mistakes) {
        for (key, len, max) in [
            ("stations", self.stations.len(), MAX_RULE_STATIONS),
            ("channels", self.channels.len(), MAX_RULE_CHANNELS),
        ] {
            if len == 0 {
                found.add(key, "the list is empty", "name at least one");
            }
            if len > max {
                found.add(key, format!("{len} entries"), format!("write {max} at most"));
            }
        }
        if !self.levels.is_empty() && self.channels.contains(&Selector::All) {
            let fix = "name the channels, such as `channels = [\"water_level\"]`";
            found.add("channels", "a rule with levels cannot take every channel", fix);
        }
    }

    fn check_times(&self, found: &mut Mistakes) {
        for (key, value, least, most) in [
            ("window_s", self.window_s, 1, MAX_WINDOW_S),
            ("for_s", Some(self.for_s), 0, MAX_LATE_S),
            ("hold_s", Some(self.hold_s), 0, MAX_LATE_S),
            ("gap_s", self.gap_s, 1, MAX_LATE_S),
            ("no_data_s", self.no_data_s, 1, MAX_LATE_S),
            ("late_s", Some(self.late_s), 0, MAX_LATE_S),
        ] {
            if value.is_some_and(|v| v < least || v > most) {
                let fix = format!("write {least} to {most} seconds");
                found.add(key, "the time is out of range", fix);
            }
        }
    }

    fn check_levels(&self, found: &mut Mistakes) {
        if self.levels.len() > MAX_LEVELS {
            let message = format!("{} levels", self.levels.len());
            found.add("level", message, format!("write {MAX_LEVELS} at most"));
        }
        for (i, level) in self.levels.iter().enumerate() {
            let before = i.checked_sub(1).and_then(|b| self.levels.get(b));
            check_level(found, i, level, before, (self.measure(), self.below));
            if level.rainy_days > 0 && self.statistic != Statistic::DailyRain {
                let fix = "remove it, or write `statistic = \"daily-rain\"`";
                found.add(format!("level[{i}].rainy_days"), "only daily rain has days before", fix);
            }
            if level.rainy_days > 3 {
                let fix = "write 3 at most";
                found.add(format!("level[{i}].rainy_days"), "three days before are kept", fix);
            }
            let positive = self.statistic == Statistic::Sum || self.statistic.stepped();
            if !self.below && (self.absolute || positive) {
                let negative =
                    self.measure().and_then(|q| level.clear.counts(q)).is_some_and(|c| c < 0);
                if negative {
                    let message = "the statistic is never below 0, so the level would never clear";
                    found.add(format!("level[{i}].clear"), message, "write 0 or more");
                }
            }
        }
        for (key, from, most) in
            [("approve_from", Some(self.approve_from), 6), ("siren_from", self.siren_from, 5)]
        {
            if from.is_some_and(|f| f == 0 || f > most) {
                found.add(key, "there is no such level", format!("write 1 to {most}"));
            }
        }
        self.check_siren(found);
        if self.siren_from.is_some_and(|from| self.levels.iter().all(|l| l.level < from)) {
            let fix = "write a level that the rule has";
            found.add("siren_from", "no level is high enough, so the siren stays silent", fix);
        }
    }

    fn check_texts(&self, found: &mut Mistakes) {
        for language in Language::ALL {
            self.check_language(language, found);
        }
        for (a, b) in [
            (Language::Vi, Language::En),
            (Language::Vi, Language::Zh),
            (Language::En, Language::Zh),
        ] {
            let (one, other) = (parts(self.texts.get(a)), parts(self.texts.get(b)));
            for ((part, _), _) in one.zip(other).filter(|((_, one), (_, other))| one == other) {
                let message = format!("the same words as in `{}`", a.key());
                found.add(format!("text.{}.{part}", b.key()), message, "translate them");
            }
        }
    }

    fn check_language(&self, language: Language, found: &mut Mistakes) {
        let text = self.texts.get(language);
        let key = language.key();
        let names = self.levels.iter().map(|l| l.name.get(language));
        let longest = names.max_by_key(|n| n.chars().count()).unwrap_or_default();
        for (part, words) in parts(text) {
            check_text(found, &format!("text.{key}.{part}"), words);
            let len = headline_characters(words, longest);
            if HEADLINES.contains(&part) && len > MAX_HEADLINE_CHARACTERS {
                let message = format!("about {len} characters when filled in");
                let fix = format!("write {MAX_HEADLINE_CHARACTERS} at most");
                found.add(format!("text.{key}.{part}"), message, fix);
            }
        }
        if self.no_data_s.is_some() && text.no_data.is_none() {
            let fix = "write the headline for a silent sensor";
            found.add(format!("text.{key}.no_data"), "the text is missing", fix);
        }
    }
}

fn check_level(
    found: &mut Mistakes,
    i: usize,
    level: &Level,
    before: Option<&Level>,
    (quantity, below): (Option<Quantity>, bool),
) {
    if !(1..=5).contains(&level.level) || before.is_some_and(|b| b.level >= level.level) {
        let fix = "number them 1 to 5, the lowest first";
        found.add(format!("level[{i}].level"), "the levels do not ascend", fix);
    }
    if level.risk.is_some_and(|r| !(1..=5).contains(&r)) {
        found.add(format!("level[{i}].risk"), "there is no such risk level", "write 1 to 5");
    }
    for language in Language::ALL {
        let key = format!("level[{i}].name.{}", language.key());
        check_text(found, &key, level.name.get(language));
        if let Some(words) = &level.instruction {
            let key = format!("level[{i}].instruction.{}", language.key());
            check_text(found, &key, words.get(language));
        }
    }
    let Some(quantity) = quantity else { return };
    let counts = |key: &str, d: crate::Decimal, found: &mut Mistakes| {
        let counts = d.counts(quantity);
        if counts.is_none() {
            let message = format!("{d} has more decimal places than {} has", quantity.name());
            let fix = format!("write {} at most", quantity.decimals());
            found.add(format!("level[{i}].{key}"), message, fix);
        }
        counts
    };
    let raise = counts("raise", level.raise, found);
    let clear = counts("clear", level.clear, found);
    let worse = |v: i64| if below { v.saturating_neg() } else { v };
    if let (Some(raise), Some(clear)) = (raise, clear)
        && worse(clear) >= worse(raise)
    {
        let (not, more) = if below { ("above", "more") } else { ("below", "less") };
        let message = format!("clear {} is not {not} raise {}", level.clear, level.raise);
        let fix = format!("write {more} than `raise`, or the alarm flaps");
        found.add(format!("level[{i}].clear"), message, fix);
    }
    for (key, this, lower) in [
        ("raise", raise, before.and_then(|b| b.raise.counts(quantity))),
        ("clear", clear, before.and_then(|b| b.clear.counts(quantity))),
    ] {
        let days = |l: &Level| l.rainy_days;
        // With rainy days the same rain may be two levels.
        let stricter = key == "raise" && before.is_some_and(|b| days(level) > days(b));
        if let (Some(this), Some(lower)) = (this, lower)
            && (worse(this) < worse(lower) || worse(this) == worse(lower) && !stricter)
        {
            let than = if below { "below" } else { "above" };
            let message = format!("`{key}` is not {than} that of the level before");
            let order = if below { "descending" } else { "ascending" };
            let fix = format!("write the levels in {order} order");
            found.add(format!("level[{i}].{key}"), message, fix);
        }
    }
}

fn check_text(found: &mut Mistakes, key: &str, words: &str) {
    if words.trim().is_empty() {
        found.add(key, "the text is empty", "write it");
    }
    if words.len() > MAX_TEXT_BYTES {
        let fix = format!("write {MAX_TEXT_BYTES} at most");
        found.add(key, format!("{} bytes", words.len()), fix);
    }
    if let Some(unknown) = unknown_placeholder(words) {
        let fix = format!("write one of {}", PLACEHOLDERS.map(|p| format!("{{{p}}}")).join(", "));
        found.add(key, format!("unknown placeholder {unknown}"), fix);
    }
}

mod statistic;

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    const GOOD: &str = include_str!("../../../config/rules/flood-lao-cai.toml");

    fn mistakes(text: &str) -> Vec<String> {
        let rule: Rule = toml::from_str(text).unwrap();
        let found = rule.check().err().unwrap_or_default();
        found.iter().map(ToString::to_string).collect()
    }

    /// Replaces `from` by `to` in the good rule; the mistake must begin with `key`.
    #[track_caller]
    fn refused(from: &str, to: &str, key: &str) {
        assert!(GOOD.contains(from), "{from:?} is not in the file");
        let found = mistakes(&GOOD.replacen(from, to, 1));
        assert!(found.iter().any(|m| m.starts_with(key)), "{key} expected, found {found:?}");
    }

    #[test]
    fn the_flood_rule_is_in_order() {
        assert_eq!(mistakes(GOOD), Vec::<String>::new());
    }

    #[test]
    fn clear_must_be_strictly_below_raise() {
        refused("clear = 79.80", "clear = 80.00", "level[0].clear: clear 80 is not below raise 80");
        refused("clear = 79.80", "clear = 80.01", "level[0].clear: ");
    }

    #[test]
    fn each_mistake_is_found_where_it_is() {
        for (from, to, key) in [
            ("version = 1", "version = 0", "version: "),
            ("legal = \"Quyết", "legal = \"\" # ", "legal: "),
            ("stations = [\"lao-cai-river-01\"]", "stations = []", "stations: "),
            ("[\"water_level\"]", "[\"*\"]", "channels: "),
            ("quantity = \"water_level\"", "", "quantity: "),
            ("\"latest\"", "\"sum\"", "window_s: `sum` needs a window"),
            ("hold_s = 1800", "hold_s = 1800\nwindow_s = 60", "window_s: "),
            ("hold_s = 1800", "hold_s = 86401", "hold_s: "),
            ("gap_s = 300", "gap_s = 0", "gap_s: "),
            ("siren_from = 3", "siren_from = 4", "siren_from: no level"),
            ("approve_from = 3", "approve_from = 7", "approve_from: "),
            ("level = 2\n", "level = 1\n", "level[1].level: "),
            ("raise = 82.00", "raise = 79.90", "level[1].raise: "),
            ("clear = 81.80", "clear = 79.80", "level[1].clear: "),
            ("raise = 83.50", "raise = 83.5005", "level[2].raise: 83.5005 has more decimal places"),
            ("risk = 2", "risk = 6", "level[2].risk: "),
            ("vi = \"báo động I\"", "vi = \" \"", "level[0].name.vi: the text is empty"),
            (
                "{station}: {level}",
                "{station}: {levle}",
                "text.vi.headline: unknown placeholder {levle}",
            ),
            ("event = \"Flood\"", "event = \"Lũ\"", "text.en.event: the same words as in `vi`"),
        ] {
            refused(from, to, key);
        }
        let no_data =
            GOOD.lines().filter(|l| !l.starts_with("no_data = \"No water")).collect::<Vec<_>>();
        assert_eq!(mistakes(&no_data.join("\n")).len(), 1);
        let long = "headline = \"Flood, ".to_string() + &"!".repeat(140);
        refused("headline = \"Flood, ", &long, "text.en.headline: about ");
    }

    #[test]
    fn keys_that_do_not_exist_and_languages_that_are_missing_are_refused_by_the_reader() {
        for (from, to) in
            [("for_s", "for_seconds"), ("[text.zh]", "[text.fr]"), ("\"latest\"", "\"newest\"")]
        {
            assert!(toml::from_str::<Rule>(&GOOD.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
