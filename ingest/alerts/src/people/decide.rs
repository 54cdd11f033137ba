//! Who is told of a change, when and how urgently. Pure: what is known comes in, what is to be
//! done goes out.

use std::collections::BTreeSet;

use tram_rules::{Hazard, TransitionKind};
use tram_wire::UnixMicros;

use super::roster::{Group, Person, Roster, Step};

/// From this level on nobody's quiet hours count.
pub(crate) const LOUD_FROM: u8 = 3;

/// What has happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) area: &'a str,
    pub(crate) hazard: Option<Hazard>,
    pub(crate) kind: TransitionKind,
    /// The level that holds now; the highest so far when it is over.
    pub(crate) level: u8,
    /// The highest level people were told of before.
    pub(crate) before: u8,
    /// The level up to which the public may know without anybody's approval.
    pub(crate) public: u8,
    /// Whom the rule names; everybody when empty.
    pub(crate) notify: &'a [String],
    /// Recipient and channel of everything that was said of the episode before.
    pub(crate) told: &'a [(String, String)],
}

/// One person or loudspeaker to be told over one channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Telling {
    pub(crate) recipient: String,
    pub(crate) channel: String,
    pub(crate) due_at: UnixMicros,
    /// It is not held back to be told together with others.
    pub(crate) urgent: bool,
    /// Which step of the chain.
    pub(crate) step: u32,
}

/// A chain that goes on until somebody acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) group: String,
    pub(crate) step: u32,
    pub(crate) due_at: UnixMicros,
}

/// What follows from an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) tell: Vec<Telling>,
    pub(crate) chains: Vec<Chain>,
}

/// Decides.
pub(crate) fn decide(roster: &Roster, event: &Event<'_>, now: UnixMicros) -> Decision {
    let mut decision = Decision::default();
    let higher = event.kind == TransitionKind::Raised && event.level > event.before;
    if higher || event.kind == TransitionKind::NoData {
        for group in roster.groups.iter().filter(|group| on_call(group, event)) {
            let Some(step) = group.steps.first() else { continue };
            decision.tell.extend(tellings(roster, step, 0, event.level, now));
            decision.chains.extend(next(group, 0, now));
        }
    }
    // Whoever was told of the beginning is told how it goes on, and of the end.
    for (recipient, channel) in event.told {
        let Some(person) = roster.people.get(recipient) else { continue };
        if person.reach.contains_key(channel) {
            decision.tell.push(to(person, channel, event.level, now, 0));
        }
    }
    decision.tell.extend(aloud(roster, event, now));
    let mut seen = BTreeSet::new();
    decision.tell.retain(|t| seen.insert((t.recipient.clone(), t.channel.clone())));
    decision
}

/// The tellings of one step of a group.
pub(crate) fn tellings(
    roster: &Roster,
    step: &Step,
    number: u32,
    level: u8,
    now: UnixMicros,
) -> Vec<Telling> {
    let people = step.people.iter().filter_map(|id| roster.people.get(id));
    let told = people.flat_map(|person| {
        let asked = |channel: &&String| step.channels.is_empty() || step.channels.contains(channel);
        person.reach.keys().filter(asked).map(move |channel| {
            let telling = to(person, channel, level, now, number);
            Telling { urgent: number > 0, ..telling }
        })
    });
    told.collect()
}

/// What comes after a step.
pub(crate) fn next(group: &Group, step: u32, began: UnixMicros) -> Option<Chain> {
    let step = step.saturating_add(1);
    let after = group.steps.get(usize::try_from(step).ok()?)?.after;
    Some(Chain { group: group.id.clone(), step, due_at: began.plus(after) })
}

fn on_call(group: &Group, event: &Event<'_>) -> bool {
    let area = group.areas.is_empty() || group.areas.iter().any(|area| area == event.area);
    let hazard = group.hazards.is_empty()
        || event.hazard.is_some_and(|hazard| group.hazards.contains(&hazard));
    let named = event.notify.is_empty() || event.notify.contains(&group.id);
    area && hazard && named && event.level >= group.min_level
}

fn to(person: &Person, channel: &str, level: u8, now: UnixMicros, step: u32) -> Telling {
    let quiet = person.quiet.filter(|_| level < LOUD_FROM).and_then(|quiet| quiet.ends(now));
    Telling {
        recipient: person.id.clone(),
        channel: channel.to_owned(),
        due_at: quiet.unwrap_or(now),
        urgent: false,
        step,
    }
}

/// Loudspeakers speak to the public: of a level that somebody has to approve they say nothing
/// before that, and of the end only where they have said the beginning.
fn aloud(roster: &Roster, event: &Event<'_>, now: UnixMicros) -> Vec<Telling> {
    let mut tell = Vec::new();
    for speakers in &roster.speakers {
        let area = speakers.areas.is_empty() || speakers.areas.iter().any(|a| a == event.area);
        let hazard = speakers.hazards.is_empty()
            || event.hazard.is_some_and(|hazard| speakers.hazards.contains(&hazard));
        let named = event.notify.is_empty() || event.notify.contains(&speakers.channel);
        let public = (1..=event.public).contains(&event.level) && event.level >= speakers.min_level;
        let raised = event.kind == TransitionKind::Raised && event.level > event.before;
        for station in &speakers.stations {
            let said = event.told.iter().any(|(r, c)| r == station && *c == speakers.channel);
            if (area && hazard && named && public && raised) || (said && !raised) {
                tell.push(Telling {
                    recipient: station.clone(),
                    channel: speakers.channel.clone(),
                    due_at: now,
                    urgent: false,
                    step: 0,
                });
            }
        }
    }
    tell
}
