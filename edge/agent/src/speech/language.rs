//! Vietnamese or English.

use std::str::FromStr;

/// A language of the technician's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Tiếng Việt.
    Vi,
    /// English.
    En,
}

impl Language {
    /// Takes one of a pair `[vi, en]`.
    pub(crate) fn of<T>(self, [vi, en]: [T; 2]) -> T {
        match self {
            Self::Vi => vi,
            Self::En => en,
        }
    }

    /// What the environment asks for: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set
    /// (POSIX.1-2017 §8.2). `C` and `POSIX` are nobody's choice and count as unset.
    pub(crate) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).filter(|v| !v.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set).unwrap_or_default();
        let language = locale.split(['_', '.', '@']).next().unwrap_or_default();
        match language {
            "" | "vi" | "C" | "POSIX" => Self::Vi,
            _ => Self::En,
        }
    }

    /// The language that a command line asks for, before it is read in full: help and complaints
    /// about the command line itself are in it.
    pub(crate) fn of_arguments(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let asked = match argument.strip_prefix("--lang") {
                Some("") => arguments.next(),
                Some(rest) => rest.strip_prefix('=').map(str::to_owned),
                None => None,
            };
            if let Some(language) = asked.and_then(|a| a.parse().ok()) {
                return Some(language);
            }
        }
        None
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "vi" => Ok(Self::Vi),
            "en" => Ok(Self::En),
            _ => Err("viết `vi` hoặc `en` · write `vi` or `en`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_and_silence_is_vietnamese() {
        for (set, language) in [
            (&[][..], Language::Vi),
            (&[("LANG", "vi_VN.UTF-8")], Language::Vi),
            (&[("LANG", "en_GB.UTF-8")], Language::En),
            (&[("LANG", "C.UTF-8")], Language::Vi),
            (&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "vi_VN")], Language::Vi),
            (&[("LANG", "vi_VN"), ("LC_ALL", "")], Language::Vi),
            (&[("LANG", "vi_VN"), ("LC_MESSAGES", "en")], Language::En),
            (&[("LANG", "de_DE")], Language::En),
        ] {
            let variable = |name: &str| {
                set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(Language::from_environment(variable), language, "{set:?}");
        }
    }

    #[test]
    fn the_command_line_chooses_before_it_is_read() {
        let asked = |line: &str| Language::of_arguments(line.split(' ').map(str::to_owned));
        assert_eq!(asked("tram-edge --lang en doctor"), Some(Language::En));
        assert_eq!(asked("tram-edge doctor --lang=vi"), Some(Language::Vi));
        assert_eq!(asked("tram-edge doctor --lang xx"), None);
        assert_eq!(asked("tram-edge doctor --lang"), None);
        assert_eq!(asked("tram-edge doctor"), None);
    }
}
