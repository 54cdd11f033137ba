//! Writing one message: the texts of the alarms it is about, in the reader's language.

use std::collections::BTreeMap;

use rusqlite::Connection;
use tram_rules::Language;
use tram_wire::{EpisodeId, UnixMicros};

use super::{
    notice::{MAX_LISTED_EPISODES, Notice, NoticeKind, NoticeLink},
    telling::{DRILL, hazard},
    words,
};
use crate::{
    AlertsError, ApprovalState, LINK_STANDS, LinkAction, LinkClaim, MessageStatus,
    episode::Episode,
    settings::Settings,
    wording::{Wording, mark, played},
};

/// One message being written.
pub(super) struct Desk<'a> {
    pub(super) tx: &'a Connection,
    pub(super) settings: &'a Settings,
    pub(super) channel: &'a str,
    pub(super) recipient: &'a str,
    pub(super) now: UnixMicros,
}

impl Desk<'_> {
    /// The message about these episodes, each with the level it was told at.
    pub(super) fn notice<'b>(
        &self,
        topic: &str,
        key: &str,
        escalated: bool,
        about: impl Iterator<Item = (&'b str, u8)>,
    ) -> Result<Notice, AlertsError> {
        // What was told of an episode last counts.
        let levels: BTreeMap<&str, u8> = about.collect();
        let mut all: Vec<(&str, u8)> = levels.into_iter().collect();
        all.sort_by_key(|(id, level)| (std::cmp::Reverse(*level), *id));
        let (mut episodes, mut over, mut level) = (Vec::new(), 0, 0);
        for (id, told) in &all {
            let Some(episode) = Episode::load(self.tx, id)? else { continue };
            if episode.open {
                level = level.max(episode.level);
            } else {
                over += 1;
            }
            if episodes.len() < MAX_LISTED_EPISODES {
                episodes.push((episode, *told));
            }
        }
        let language = self.language();
        let drill = topic.starts_with(DRILL);
        let status = if drill { MessageStatus::Exercise } else { self.settings.status };
        let topic = topic.strip_prefix(DRILL).unwrap_or(topic);
        let (hazard_name, area) = topic.split_once('|').unwrap_or((topic, ""));
        let first = episodes.first();
        let kind = first.and_then(|(episode, _)| hazard(self.settings, episode));
        let area = self.settings.roster.area_name(area, language);
        let lines: Vec<String> =
            episodes.iter().map(|(e, _)| e.headline.get(language).to_owned()).collect();
        let finished = over == all.len();
        let about = match lines.first() {
            Some(line) if all.len() == 1 => line.clone(),
            _ => words::many(
                words::hazard(kind, language),
                &area,
                (all.len(), over),
                level,
                language,
            ),
        };
        let unanswered = if escalated { words::unanswered(language) } else { "" };
        let mark = mark(status, language);
        // The headline of a drill has it already; it comes first, though.
        let about = about.strip_prefix(mark).unwrap_or(&about);
        let subject = format!("{mark}{unanswered}{about}");
        let instruction = first.filter(|(e, _)| e.open).and_then(|(episode, _)| {
            let played = if drill { played(language) } else { "" };
            let text = Wording::new(self.settings, episode, episode.level).instruction(language)?;
            Some(format!("{played}{text}"))
        });
        let hidden = all.len().saturating_sub(episodes.len());
        Ok(Notice {
            key: key.to_owned(),
            kind: if escalated { NoticeKind::Escalation } else { NoticeKind::Alarm },
            status: status.as_str().to_owned(),
            language,
            hazard: hazard_name.to_owned(),
            area,
            level: if finished { all.iter().map(|(_, l)| *l).max().unwrap_or(0) } else { level },
            over: finished,
            subject,
            lines,
            more: (hidden > 0).then(|| words::more(hidden, language)),
            instruction,
            links: self.links(first.map(|(e, _)| e), all.len() > 1, language),
            episodes: episodes.into_iter().map(|(e, _)| e.id).collect(),
        })
    }

    /// The language of a person; loudspeakers speak Vietnamese.
    fn language(&self) -> Language {
        let person = self.settings.roster.people.get(self.recipient);
        person.map_or(Language::Vi, |person| person.language)
    }

    fn links(&self, episode: Option<&Episode>, many: bool, language: Language) -> Vec<NoticeLink> {
        let roster = &self.settings.roster;
        if roster.speakers.iter().any(|s| s.channel == self.channel) {
            return Vec::new();
        }
        let mut links = Vec::new();
        let link = |label: &str, url: String| NoticeLink { label: label.to_owned(), url };
        if let Some(episode) = episode.filter(|episode| episode.open) {
            let decides = self.decides(episode);
            let acts = [
                (true, LinkAction::Acknowledge, words::confirm(language)),
                (decides, LinkAction::Approve, words::approve(language)),
                (decides, LinkAction::Reject, words::reject(language)),
            ];
            for (asked, action, label) in acts {
                let url = self.act(episode, action, language).filter(|_| asked);
                links.extend(url.map(|url| link(label, url)));
            }
        }
        if many || links.is_empty() {
            let url = format!("{}/", self.settings.public_url);
            links.push(link(words::page(language), url));
        }
        links
    }

    /// Whether the episode has a draft that waits, and the reader may decide about it.
    fn decides(&self, episode: &Episode) -> bool {
        let approval = self.settings.rule(&episode.rule).and_then(|rule| episode.approval(rule));
        let waits = approval.is_some_and(|approval| approval.state == ApprovalState::Waiting);
        let person = self.settings.roster.people.get(self.recipient);
        waits && person.is_some_and(|person| self.settings.may_approve(&person.name))
    }

    fn act(&self, episode: &Episode, action: LinkAction, language: Language) -> Option<String> {
        let roster = &self.settings.roster;
        let person = roster.people.get(self.recipient)?;
        roster.links.as_ref()?.url(&LinkClaim {
            action,
            episode: episode.id.parse::<EpisodeId>().ok()?,
            level: episode.level,
            person: person.name.clone(),
            language,
            expires: self.now.plus(LINK_STANDS),
        })
    }
}
