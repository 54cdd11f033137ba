//! Which CAP messages an episode calls for, and what they say. No clock, no file: what was sent
//! before comes in, what is to be sent goes out.
//!
//! Below the rule's `approve_from` a level is published at once. From there on its message is a
//! restricted draft, and the public keeps, or gets, the highest level that needs no approval: the
//! gauge has passed that one too, and nobody goes unwarned because a person slept.

use tram_rules::{Language, Level, Rule};
use tram_wire::UnixMicros;

use crate::{
    MessageStatus,
    cap::{FaultKind, Info, Message, MessageType, Reference, check_cap},
    episode::Episode,
    settings::Settings,
    time::{self, HOUR},
    wording::{Wording, clipped, each, mark, played},
};

/// The most earlier messages one refers to; the newest count.
pub(crate) const MAX_REFERENCES: usize = 50;
/// How long an all-clear or a cancellation stands.
const END_STANDS: i64 = HOUR;
/// To whom a draft goes.
const RESTRICTION: &str = "For the officers who approve warnings; not for publication.";

/// A message of the episode that was sent before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) identifier: String,
    pub(crate) sent: UnixMicros,
    pub(crate) expires: UnixMicros,
    pub(crate) public: bool,
    pub(crate) level: u8,
    /// An all-clear or a cancellation.
    pub(crate) ends: bool,
}

/// A message to be kept and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) sent: Sent,
    /// Its headline in Vietnamese.
    pub(crate) title: String,
    pub(crate) xml: String,
    /// Whether it keeps to the schema and the standard; one that does not is never shown.
    pub(crate) sound: bool,
}

/// Why messages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The level rose or fell, but is not 0.
    Level,
    /// The episode is over.
    Cleared,
    /// It never was.
    Withdrawn,
    /// A person has let the public be told.
    Approved,
    /// The last message is about to expire while the episode lasts.
    Renewal,
}

#[derive(Clone, Copy)]
enum Form<'a> {
    Warning { level: &'a Level, draft: bool },
    AllClear,
    Cancel,
}

/// The messages `episode` calls for, given those sent before, oldest first.
pub(crate) fn outgoing(
    settings: &Settings,
    episode: &Episode,
    occasion: Occasion,
    history: &[Sent],
    now: UnixMicros,
) -> Vec<Outgoing> {
    let Some(rule) = settings.rule(&episode.rule).filter(|_| !episode.silence) else {
        return Vec::new();
    };
    let mut desk = Desk { settings, rule, episode, history: history.to_vec(), now };
    let forms = match occasion {
        Occasion::Level => desk.warnings(),
        Occasion::Approved => desk
            .publishable()
            .map(|level| Form::Warning { level, draft: false })
            .into_iter()
            .collect(),
        Occasion::Renewal => desk.renewal().into_iter().collect(),
        Occasion::Cleared => desk.end(Form::AllClear).into_iter().collect(),
        Occasion::Withdrawn => desk.end(Form::Cancel).into_iter().collect(),
    };
    forms.into_iter().filter_map(|form| desk.write(form)).collect()
}

/// One episode being written about.
struct Desk<'a> {
    settings: &'a Settings,
    rule: &'a Rule,
    episode: &'a Episode,
    history: Vec<Sent>,
    now: UnixMicros,
}

impl<'a> Desk<'a> {
    /// The highest level of the rule that the episode has reached and nobody has to approve, or
    /// somebody has.
    fn publishable(&self) -> Option<&'a Level> {
        let free = self.episode.free_up_to(self.rule);
        let reached = |level: &&Level| level.level <= self.episode.level.min(free);
        self.rule.levels.iter().filter(reached).max_by_key(|level| level.level)
    }

    /// The messages before that still stand, those of the public or all.
    fn standing(&self, public: bool) -> impl Iterator<Item = &Sent> {
        let now = time::whole_second(self.now);
        self.history.iter().filter(move |m| (m.public || !public) && m.expires > now)
    }

    fn warnings(&self) -> Vec<Form<'a>> {
        let mut forms = Vec::new();
        let needs_approval = self.episode.level > self.episode.free_up_to(self.rule);
        if let Some(level) = self.publishable() {
            let told = self.standing(true).last().filter(|m| !m.ends).map(|m| m.level);
            if !needs_approval || told != Some(level.level) {
                forms.push(Form::Warning { level, draft: false });
            }
        }
        if let Some(level) = self.rule.level(self.episode.level).filter(|_| needs_approval) {
            forms.push(Form::Warning { level, draft: true });
        }
        forms
    }

    fn renewal(&self) -> Option<Form<'a>> {
        let newest = self.history.iter().rfind(|m| m.public)?;
        let due = newest.expires.since(self.now) < self.settings.expires / 4;
        let level = self.publishable().filter(|_| due && self.episode.open)?;
        Some(Form::Warning { level, draft: false })
    }

    /// An end is told to those who were told of the beginning and might still believe it.
    fn end(&self, form: Form<'a>) -> Option<Form<'a>> {
        self.standing(true).last().filter(|m| !m.ends).map(|_| form)
    }

    fn write(&mut self, form: Form<'a>) -> Option<Outgoing> {
        let draft = matches!(form, Form::Warning { draft: true, .. });
        let references: Vec<Reference> = self
            .standing(!draft)
            .map(|m| Reference { identifier: m.identifier.clone(), sent: m.sent })
            .collect();
        let skip = references.len().saturating_sub(MAX_REFERENCES);
        let references: Vec<Reference> = references.into_iter().skip(skip).collect();
        // A clock that was set back must not put a message before those it refers to.
        let newest = self.history.iter().map(|m| m.sent).max();
        let now = time::whole_second(self.now);
        let at = newest.map_or(now, |newest| newest.max(now));
        let (stands, level) = match form {
            Form::Warning { level, .. } => (self.settings.expires, level.level),
            Form::AllClear | Form::Cancel => (END_STANDS, 0),
        };
        let sent = Sent {
            identifier: format!("tram-{}-{}", self.episode.id, self.history.len() + 1),
            sent: at,
            expires: at.plus(stands),
            public: !draft,
            level,
            ends: !matches!(form, Form::Warning { .. }),
        };
        let area = self.settings.area(&self.episode.station)?;
        let message = self.message(form, &sent, references, area);
        let title = message.infos.first().map(|info| info.headline.clone()).unwrap_or_default();
        let xml = message.xml();
        let sound = check_cap(xml.as_bytes()).iter().all(|f| f.kind == FaultKind::Profile);
        self.history.push(sent.clone());
        Some(Outgoing { sent, title, xml, sound })
    }

    fn message<'m>(
        &'m self,
        form: Form<'a>,
        sent: &'m Sent,
        references: Vec<Reference>,
        area: &'m crate::area::Area,
    ) -> Message<'m> {
        let rule = self.rule;
        let (urgency, severity, certainty, responses) = match form {
            Form::Warning { level, .. } => (
                rule.urgency.as_str(),
                level.severity().as_str(),
                rule.certainty.as_str(),
                level.response.iter().map(|response| response.as_str()).collect(),
            ),
            Form::AllClear => ("Past", "Minor", "Observed", vec!["AllClear"]),
            Form::Cancel => ("Unknown", "Unknown", "Unknown", Vec::new()),
        };
        let message_type = match form {
            _ if references.is_empty() => MessageType::Alert,
            Form::Cancel => MessageType::Cancel,
            Form::Warning { .. } | Form::AllClear => MessageType::Update,
        };
        let (status, note) = self.status(form);
        Message {
            identifier: &sent.identifier,
            sender: &self.settings.sender,
            sent: sent.sent,
            status,
            message_type,
            restriction: (!sent.public).then_some(RESTRICTION),
            note,
            references,
            incident: &self.episode.id,
            category: rule.hazard.cap_category(),
            responses,
            urgency,
            severity,
            certainty,
            event_code: rule.hazard.name(),
            onset: UnixMicros(self.episode.raised_at),
            expires: sent.expires,
            web: format!("{}/cap/{}.xml", self.settings.public_url, sent.identifier),
            contact: self.settings.contact.as_deref(),
            parameters: self.parameters(form),
            area,
            infos: Language::ALL.map(|language| self.info(form, language)).into(),
        }
    }

    /// CAP `status`, and the `note` that goes with it: of an exercise it names the exercise
    /// (CAP 1.2 §3.2.1).
    fn status(&self, form: Form<'_>) -> (&'static str, Option<String>) {
        let drill = format!("Drill {}: ", self.episode.id);
        let named = |note: &str| match self.episode.drill {
            true => Some(format!("{drill}{note}")),
            false => Some(note.to_owned()),
        };
        if matches!(form, Form::Warning { draft: true, .. }) {
            return ("Draft", named("Draft: waits for approval."));
        }
        match self.episode.status(self.settings) {
            MessageStatus::Actual => ("Actual", None),
            MessageStatus::Exercise => {
                ("Exercise", named("Exercise: only participants act on it."))
            }
            MessageStatus::System => ("System", None),
            MessageStatus::Test => ("Test", named("Technical test: to be disregarded.")),
        }
    }

    fn info(&self, form: Form<'_>, language: Language) -> Info<'_> {
        let level = match form {
            Form::Warning { level, .. } => level.level,
            Form::AllClear | Form::Cancel => self.episode.highest,
        };
        let wording = Wording::new(self.settings, self.episode, level);
        let (headline, description, instruction) = match form {
            Form::Warning { .. } => (
                wording.headline(language),
                wording.description(language),
                wording.instruction(language),
            ),
            Form::AllClear => (wording.headline(language), wording.headline(language), None),
            Form::Cancel => {
                let (headline, description) = wording.withdrawal(language);
                (headline, description, None)
            }
        };
        Info {
            language,
            event: &self.rule.texts.get(language).event,
            sender_name: self.settings.sender_name.get(language),
            headline: self.marked(&headline, language),
            description: self.played(description, language),
            instruction: instruction.map(|text| self.played(text, language)),
        }
    }

    /// A headline that begins with what the message is, when it is no actual one.
    fn marked(&self, headline: &str, language: Language) -> String {
        clipped(&format!("{}{headline}", mark(self.episode.status(self.settings), language)))
    }

    /// A text of a drill says so by itself: a loudspeaker may read it out alone.
    fn played(&self, text: String, language: Language) -> String {
        if self.episode.drill { format!("{}{text}", played(language)) } else { text }
    }

    /// Everything a message has to name: rule, version, legal reference, what was measured.
    fn parameters(&self, form: Form<'_>) -> Vec<(&'static str, String)> {
        let mut parameters = vec![
            ("RULE", self.episode.rule.clone()),
            ("RULE-VERSION", self.episode.version.to_string()),
            ("LEGAL", self.rule.legal.clone()),
            ("STATION", self.episode.station.clone()),
        ];
        if let Form::Warning { level, .. } = form {
            let wording = Wording::new(self.settings, self.episode, level.level);
            let unit = self.episode.quantity().unit();
            parameters.push(("LEVEL", level.level.to_string()));
            parameters.push(("VALUE", format!("{} {unit}", wording.value(Language::En))));
            if let Some(risk) = level.risk {
                parameters.push(("RISK-LEVEL", risk.to_string()));
            }
            if self.rule.unofficial_at(level.level) {
                parameters.push(("UNOFFICIAL", "true".to_owned()));
            }
        }
        parameters
    }
}

/// What the alarm list says about an episode, in each language.
pub(crate) fn headline(settings: &Settings, episode: &Episode) -> tram_rules::Words {
    let wording = Wording::new(settings, episode, episode.shown_level());
    each(|language| {
        let headline = match episode.withdrawn {
            true => wording.withdrawal(language).0,
            false => wording.headline(language),
        };
        let mark = if episode.drill { mark(MessageStatus::Exercise, language) } else { "" };
        clipped(&format!("{mark}{headline}"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::fixture::{MINUTE, START, config, flood, repository, shipped, station, stations};

    fn settings(rule: Rule) -> Settings {
        Settings::new(&config(), vec![rule], stations()).unwrap()
    }

    fn episode(rule: &Rule, level: u8) -> Episode {
        Episode {
            id: "0a".repeat(16),
            rule: rule.id.to_string(),
            version: rule.version,
            station: station().to_string(),
            channel: "c".to_owned(),
            quantity: rule.measure().map_or("dimensionless", tram_wire::Quantity::name).to_owned(),
            silence: false,
            open: true,
            level,
            highest: level,
            withdrawn: false,
            no_data: false,
            node: false,
            raised_at: START.0,
            updated_at: START.0,
            cleared_at: None,
            value: 123_456,
            headline: each(|_| String::new()),
            acked: None,
            shelved: None,
            drill: false,
            approved: None,
            rejected: None,
            all_clear: None,
        }
    }

    fn sent(messages: &[Outgoing]) -> Vec<Sent> {
        messages.iter().map(|m| m.sent.clone()).collect()
    }

    #[test]
    fn every_level_of_every_shipped_rule_makes_messages_without_any_fault() {
        let mut levels = 0;
        for file in fs::read_dir(repository().join("config/rules")).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if !name.ends_with(".toml") {
                continue;
            }
            let rule = shipped(&name);
            let settings = settings(rule.clone());
            for level in rule.levels.iter().map(|level| level.level) {
                levels += 1;
                let mut episode = episode(&rule, level);
                let raised = outgoing(&settings, &episode, Occasion::Level, &[], START);
                assert!(!raised.is_empty(), "{name} {level}");
                (episode.open, episode.level) = (false, 0);
                let history = sent(&raised);
                let later = START.plus(MINUTE);
                let over = outgoing(&settings, &episode, Occasion::Cleared, &history, later);
                let withdrawn = outgoing(&settings, &episode, Occasion::Withdrawn, &history, later);
                for message in raised.iter().chain(&over).chain(&withdrawn) {
                    let faults = check_cap(message.xml.as_bytes());
                    assert_eq!(faults, [], "{name} {level}: {}", message.xml);
                }
            }
        }
        assert!(levels >= 5, "{levels} levels in config/rules");
    }

    #[test]
    fn approval_begins_where_the_rule_says() {
        for (approve_from, expected) in [
            (1, vec![(3, false)]),
            (2, vec![(1, true), (3, false)]),
            (3, vec![(2, true), (3, false)]),
            (4, vec![(3, true)]),
            (6, vec![(3, true)]),
        ] {
            let rule = Rule { approve_from, ..flood() };
            let messages =
                outgoing(&settings(rule.clone()), &episode(&rule, 3), Occasion::Level, &[], START);
            let made: Vec<(u8, bool)> =
                messages.iter().map(|m| (m.sent.level, m.sent.public)).collect();
            assert_eq!(made, expected, "approve_from = {approve_from}");
        }
    }

    #[test]
    fn what_has_expired_is_not_referred_to_and_needs_no_end() {
        let rule = flood();
        let settings = settings(rule.clone());
        let mut episode = episode(&rule, 1);
        let history = sent(&outgoing(&settings, &episode, Occasion::Level, &[], START));
        let later = START.plus(7 * HOUR);
        let again = outgoing(&settings, &episode, Occasion::Level, &history, later);
        assert!(again[0].xml.contains("<msgType>Alert<"), "{}", again[0].xml);
        assert!(!again[0].xml.contains("<references>"));
        episode.open = false;
        assert_eq!(outgoing(&settings, &episode, Occasion::Cleared, &history, later), []);
    }

    #[test]
    fn a_clock_that_was_set_back_puts_no_message_before_those_it_refers_to() {
        let rule = flood();
        let settings = settings(rule.clone());
        let episode = episode(&rule, 1);
        let history = sent(&outgoing(&settings, &episode, Occasion::Level, &[], START));
        let earlier = START.plus(-30 * MINUTE);
        let again = outgoing(&settings, &episode, Occasion::Level, &history, earlier);
        assert_eq!(again[0].sent.sent, START);
        assert_eq!(check_cap(again[0].xml.as_bytes()), []);
    }

    #[test]
    fn an_end_is_told_once_and_only_to_who_was_told_of_the_beginning() {
        let rule = Rule { approve_from: 1, ..flood() };
        let settings = settings(rule.clone());
        let mut over = episode(&rule, 2);
        let drafts = sent(&outgoing(&settings, &over, Occasion::Level, &[], START));
        (over.open, over.level) = (false, 0);
        assert_eq!(outgoing(&settings, &over, Occasion::Cleared, &drafts, START), []);
        let rule = flood();
        let settings = self::settings(rule.clone());
        let mut over = episode(&rule, 2);
        let mut history = sent(&outgoing(&settings, &over, Occasion::Level, &[], START));
        (over.open, over.level) = (false, 0);
        let end = outgoing(&settings, &over, Occasion::Cleared, &history, START);
        assert_eq!(end.len(), 1);
        history.extend(sent(&end));
        assert_eq!(outgoing(&settings, &over, Occasion::Withdrawn, &history, START), []);
    }

    #[test]
    fn a_message_refers_to_at_most_fifty() {
        let rule = flood();
        let settings = settings(rule.clone());
        let one = sent(&outgoing(&settings, &episode(&rule, 1), Occasion::Level, &[], START));
        let history: Vec<Sent> =
            (0..70).map(|n| Sent { identifier: format!("m{n}"), ..one[0].clone() }).collect();
        let next = outgoing(&settings, &episode(&rule, 2), Occasion::Level, &history, START);
        let references = next[0].xml.split("references>").nth(1).unwrap();
        assert_eq!(references.split(' ').count(), MAX_REFERENCES);
        assert!(references.contains(",m69,") && !references.contains(",m19,"));
    }
}
