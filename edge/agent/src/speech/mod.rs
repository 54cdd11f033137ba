//! How the technician's commands speak: Vietnamese or English, with colour only where somebody
//! looks.
//!
//! A text stands as a pair `[vi, en]` near its use, and [`Language::of`] takes one of the two, so
//! that nobody can add a sentence in one language only. What other crates say in English about a
//! file is put into Vietnamese by the [phrasebook].

pub(crate) mod figure;
mod language;
mod paint;
mod phrasebook;

use std::io::IsTerminal as _;

use tram_config::Mistake;

pub(crate) use language::Language;
pub(crate) use paint::{Paint, Tone};

/// How to speak on standard output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speech {
    /// Which language.
    pub(crate) language: Language,
    /// With colour or without.
    pub(crate) paint: Paint,
    /// Somebody looks at a screen of which lines can be written again.
    pub(crate) terminal: bool,
}

impl Speech {
    /// The language that was asked for, else that of `LC_ALL`, `LC_MESSAGES` or `LANG`, else
    /// Vietnamese; colour where standard output is a terminal and `NO_COLOR` does not forbid it.
    pub(crate) fn new(asked: Option<Language>) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let language = asked.unwrap_or_else(|| Language::from_environment(variable));
        let dumb = variable("TERM").is_none_or(|t| t.is_empty() || t == "dumb");
        let terminal = std::io::stdout().is_terminal() && !dumb;
        let colour = terminal && !tram_journal::colour_is_forbidden();
        Self { language, paint: Paint::new(colour), terminal }
    }

    /// A language without colour and screen.
    #[cfg(test)]
    pub(crate) fn plain(language: Language) -> Self {
        Self { language, paint: Paint::new(false), terminal: false }
    }

    /// One of a pair `[vi, en]`.
    pub(crate) fn of<T>(&self, pair: [T; 2]) -> T {
        self.language.of(pair)
    }

    /// A mistake in a file as one line: file, line, what is wrong, what to write.
    pub(crate) fn mistake(&self, mistake: &Mistake) -> String {
        match self.language {
            Language::En => mistake.to_string(),
            Language::Vi => Mistake {
                message: phrasebook::vietnamese(&mistake.message),
                fix: phrasebook::vietnamese(&mistake.fix),
                ..mistake.clone()
            }
            .to_string(),
        }
    }

    /// A line of a list on standard output: a mark, what there is to say, and below it what to do.
    pub(crate) fn item(&self, tone: Tone, text: &str, fix: Option<&str>) {
        println!("  {} {text}", self.paint.tone(tone, tone.mark()));
        if let Some(fix) = fix {
            println!("      → {fix}");
        }
    }

    /// What somebody else says in English, such as why a file cannot be opened.
    pub(crate) fn foreign(&self, text: &str) -> String {
        match self.language {
            Language::En => text.to_owned(),
            Language::Vi => phrasebook::vietnamese(text),
        }
    }
}

#[cfg(test)]
pub(crate) use phrasebook::knows;
