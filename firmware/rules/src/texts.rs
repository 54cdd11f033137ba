//! What people read, in three languages.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// The longest text of a rule in bytes.
pub const MAX_TEXT_BYTES: usize = 2048;
/// The longest headline in characters, once filled in by its longest name (Google's CAP profile).
pub const MAX_HEADLINE_CHARACTERS: usize = 140;
/// What may stand between braces in a text; see [`Facts`].
pub const PLACEHOLDERS: [&str; 5] = ["station", "level", "value", "unit", "time"];

/// A language of the public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Vietnamese.
    Vi,
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Language {
    /// Every language, the first one first.
    pub const ALL: [Self; 3] = [Self::Vi, Self::En, Self::Zh];

    /// The key in TOML and JSON.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// The tag of RFC 5646 that CAP carries.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Vi => "vi-VN",
            Self::En => "en-US",
            Self::Zh => "zh-CN",
        }
    }
}

/// A name or a sentence in each language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Words {
    /// The words in `language`.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Vi => &self.vi,
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}

/// The texts of a rule in one language. Each may hold [`PLACEHOLDERS`] between braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The name of what happens, such as `Flood`; no placeholders.
    pub event: String,
    /// One line, at most [`MAX_HEADLINE_CHARACTERS`].
    pub headline: String,
    /// What has been measured.
    pub description: String,
    /// What to do, unless the level has an instruction of its own.
    pub instruction: String,
    /// The headline when the episode is over.
    pub cleared: String,
    /// The headline when readings stay away; must be there when `no_data_s` is.
    #[serde(default)]
    pub no_data: Option<String>,
}

/// The texts of a rule in each language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Vietnamese.
    pub vi: Text,
    /// English.
    pub en: Text,
    /// Chinese.
    pub zh: Text,
}

impl Texts {
    /// The texts in `language`.
    #[must_use]
    pub fn get(&self, language: Language) -> &Text {
        match language {
            Language::Vi => &self.vi,
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}

/// What the placeholders stand for, already written for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// `{station}`: the station's name.
    pub station: &'a str,
    /// `{level}`: the name of the level, see [`Level::name`](crate::Level::name).
    pub level: &'a str,
    /// `{value}`: the number that decided.
    pub value: &'a str,
    /// `{unit}`: its unit.
    pub unit: &'a str,
    /// `{time}`: when, in the local time of the place.
    pub time: &'a str,
}

impl Facts<'_> {
    /// `template` with each placeholder replaced. What is not a placeholder stays as it is.
    #[must_use]
    pub fn fill(&self, template: &str) -> String {
        let values = [self.station, self.level, self.value, self.unit, self.time];
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let known = after.split_once('}').and_then(|(name, behind)| {
                let i = PLACEHOLDERS.iter().position(|p| *p == name)?;
                Some((values.get(i)?, behind))
            });
            match known {
                Some((value, behind)) => {
                    out.push_str(value);
                    rest = behind;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// The first thing between braces that is no placeholder, or a brace without its partner.
pub(crate) fn unknown_placeholder(template: &str) -> Option<String> {
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let from = rest.get(at..)?;
        let name = from.strip_prefix('{').and_then(|f| f.split_once('}'));
        match name {
            Some((name, behind)) if PLACEHOLDERS.contains(&name) => rest = behind,
            Some((name, _)) => return Some(alloc::format!("{{{name}}}")),
            None => return Some(from.chars().take(1).collect::<String>()),
        }
    }
    None
}

/// The texts of `text` with the last part of their key.
pub(crate) fn parts(text: &Text) -> impl Iterator<Item = (&'static str, &str)> {
    [
        ("event", text.event.as_str()),
        ("headline", &text.headline),
        ("description", &text.description),
        ("instruction", &text.instruction),
        ("cleared", &text.cleared),
    ]
    .into_iter()
    .chain(text.no_data.as_deref().map(|t| ("no_data", t)))
}

/// How long a headline may get: placeholders take the room of a long name, `{level}` that of
/// `level`.
pub(crate) fn headline_characters(template: &str, level: &str) -> usize {
    let facts = Facts {
        station: "Trạm thủy văn Lào Cai 01",
        level,
        value: "1234.567",
        unit: "µg/m³",
        time: "20:00 09/09/2024",
    };
    facts.fill(template).chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> = Facts {
        station: "Lào Cai",
        level: "báo động III",
        value: "83.52",
        unit: "m",
        time: "20:00",
    };

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        assert_eq!(
            FACTS.fill("{station}: {level}, {value} {unit} lúc {time}"),
            "Lào Cai: báo động III, 83.52 m lúc 20:00"
        );
        for same in ["", "no placeholder", "{", "}", "{}", "{unknown}", "a {b} c }{"] {
            assert_eq!(FACTS.fill(same), same);
        }
        // What is filled in is not looked at again.
        assert_eq!(Facts { station: "{level}", ..FACTS }.fill("{station}"), "{level}");
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        assert_eq!(unknown_placeholder("{station} {level}"), None);
        assert_eq!(unknown_placeholder("a {sttion}").as_deref(), Some("{sttion}"));
        assert_eq!(unknown_placeholder("a } b").as_deref(), Some("}"));
        assert_eq!(unknown_placeholder("a { b").as_deref(), Some("{"));
    }
}
