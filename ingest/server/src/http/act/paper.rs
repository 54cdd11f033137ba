//! One small page as HTML: no text of anybody becomes markup.

use core::fmt::Write as _;

use tram_alerts::{Alarm, AlarmState, CapAlert, LinkAction, LinkClaim};
use tram_rules::Language;

use super::words::Words;

/// A page.
pub(super) struct Paper {
    words: &'static Words,
    title: String,
    level: u8,
    body: String,
}

impl Paper {
    /// What a link asks, with the button that does it.
    pub(super) fn question(claim: &LinkClaim, alarm: &Alarm, draft: Option<&CapAlert>) -> Self {
        let words = Words::of(claim.language);
        let mut paper = Self::about(claim, alarm, words.ask(claim.action));
        if let Some(draft) = draft {
            paper.draft(draft, claim.language);
        }
        let needs_reason = matches!(claim.action, LinkAction::Reject | LinkAction::AllClear);
        let (label, required) = match needs_reason {
            true => (words.reason, " required"),
            false => (words.comment, ""),
        };
        let grave = matches!(claim.action, LinkAction::Approve | LinkAction::AllClear);
        let class = if grave { " class=\"grave\"" } else { "" };
        paper.push(format_args!(
            "<form method=\"post\">\n<label for=\"comment\">{}</label>\n\
             <textarea id=\"comment\" name=\"comment\" maxlength=\"500\"{required}></textarea>\n\
             <p class=\"small\">{}: <strong>{}</strong></p>\n\
             <button type=\"submit\"{class}>{}</button>\n</form>\n<p class=\"small\">{}</p>\n",
            escaped(label),
            escaped(words.you_are),
            escaped(&claim.person),
            escaped(words.act(claim.action)),
            escaped(words.nothing_yet),
        ));
        paper
    }

    /// That it is done.
    pub(super) fn done(claim: &LinkClaim, alarm: &Alarm) -> Self {
        let words = Words::of(claim.language);
        let title = format!("{} {}", words.done, words.act(claim.action));
        Self::about(claim, alarm, &title)
    }

    /// One sentence.
    pub(super) fn note(language: Language, said: &str) -> Self {
        let words = Words::of(language);
        Self { words, title: said.to_owned(), level: 0, body: String::new() }
    }

    fn about(claim: &LinkClaim, alarm: &Alarm, title: &str) -> Self {
        let words = Words::of(claim.language);
        let mut paper =
            Self { words, title: title.to_owned(), level: alarm.level, body: String::new() };
        let headline = alarm.headline.get(claim.language);
        paper.push(format_args!("<p><strong>{}</strong></p>\n<dl>\n", escaped(headline)));
        let state = match alarm.state {
            AlarmState::Raised => words.goes_on,
            AlarmState::Cleared => words.is_over,
        };
        let level = alarm.level.to_string();
        for (name, value) in [
            (words.station, alarm.station.as_str()),
            (words.level, &level),
            (words.since, &alarm.raised_at),
            (words.state, state),
        ] {
            paper.push(format_args!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value)));
        }
        if let Some(acked) = &alarm.acked {
            let by = escaped(&acked.by);
            paper.push(format_args!("<dt>{}</dt><dd>{by}</dd>\n", escaped(words.seen_by)));
        }
        paper.push(format_args!("</dl>\n"));
        match alarm.public_level.filter(|level| *level > 0) {
            Some(level) => {
                paper.push(format_args!("<p>{}: {level}</p>\n", escaped(words.public_knows)));
            }
            None => paper.push(format_args!("<p>{}</p>\n", escaped(words.public_knows_nothing))),
        }
        paper
    }

    /// What the public would read, in the reader's language.
    fn draft(&mut self, draft: &CapAlert, language: Language) {
        let Some(info) = draft.info(language.tag()) else { return };
        self.push(format_args!(
            "<h2>{}</h2>\n<blockquote>\n",
            escaped(self.words.public_would_read)
        ));
        for text in [&info.headline, &info.description, &info.instruction].into_iter().flatten() {
            self.push(format_args!("<p>{}</p>\n", escaped(text)));
        }
        self.push(format_args!("</blockquote>\n"));
    }

    fn push(&mut self, text: core::fmt::Arguments<'_>) {
        self.body.write_fmt(text).expect("writing to a String cannot fail");
    }

    /// The document.
    pub(super) fn html(&self) -> String {
        let Self { words, title, level, body } = self;
        let title = escaped(title);
        format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title} – {}</title>\n<link rel=\"stylesheet\" href=\"/act/page.css\">\n\
             <script defer src=\"/act/page.js\"></script>\n</head>\n<body>\n<main>\n\
             <article data-level=\"{level}\">\n<h1>{title}</h1>\n{body}</article>\n\
             <p><a href=\"/\">{}</a></p>\n</main>\n</body>\n</html>\n",
            words.tag,
            escaped(words.office),
            escaped(words.to_the_list),
        )
    }
}

/// A text that is read back as it was, in an element as well as in an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup_and_each_language_has_its_tag() {
        for (language, tag) in [(Language::Vi, "vi"), (Language::En, "en"), (Language::Zh, "zh-CN")]
        {
            let html = Paper::note(language, "<script>alert('\"&')</script>").html();
            assert!(html.contains("&lt;script&gt;alert(&#39;&quot;&amp;&#39;)"), "{html}");
            assert!(!html.contains("<script>"), "{html}");
            assert!(html.contains(&format!("<html lang=\"{tag}\">")), "{html}");
            for action in LinkAction::ALL {
                let words = Words::of(language);
                assert!(!words.act(action).is_empty() && !words.ask(action).is_empty());
            }
        }
    }
}
