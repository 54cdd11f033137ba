//! The people and groups of a configuration in the shape in which deciding needs them.

use std::collections::{BTreeMap, HashMap};

use tram_rules::{Hazard, Language, Words};

use super::{
    config::Weekday,
    quiet::{Quiet, time_of_day},
};
use crate::{Config, Links, time::SECOND};

/// Somebody who is told.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) language: Language,
    pub(crate) quiet: Option<Quiet>,
    /// Channel to address.
    pub(crate) reach: BTreeMap<String, String>,
}

/// A step of a chain.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Microseconds after the alarm.
    pub(crate) after: i64,
    pub(crate) people: Vec<String>,
    pub(crate) channels: Vec<String>,
}

/// People on call.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) areas: Vec<String>,
    pub(crate) hazards: Vec<Hazard>,
    pub(crate) min_level: u8,
    pub(crate) steps: Vec<Step>,
}

/// Loudspeakers, which everybody hears.
#[derive(Debug, Clone)]
pub(crate) struct Speakers {
    /// The channel's name.
    pub(crate) channel: String,
    pub(crate) stations: Vec<String>,
    pub(crate) areas: Vec<String>,
    pub(crate) hazards: Vec<Hazard>,
    pub(crate) min_level: u8,
}

/// When channels are tried, and who gets that.
#[derive(Debug, Clone)]
pub(crate) struct SelfTest {
    /// Days since Monday.
    pub(crate) weekday: i64,
    /// Microseconds since local midnight.
    pub(crate) at: i64,
    pub(crate) person: String,
}

/// Everybody who may be told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster {
    pub(crate) people: HashMap<String, Person>,
    pub(crate) groups: Vec<Group>,
    pub(crate) speakers: Vec<Speakers>,
    /// The names of every channel, in the order of the file.
    pub(crate) channels: Vec<String>,
    pub(crate) self_test: Option<SelfTest>,
    /// Makes the links in messages.
    pub(crate) links: Option<Links>,
    area_names: HashMap<String, Words>,
    area_of: HashMap<String, String>,
    default_area: String,
}

impl Roster {
    /// Takes over a checked configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let person = |p: &super::PersonConfig| Person {
            id: p.id.clone(),
            name: p.name.clone(),
            language: p.language,
            quiet: p.quiet.as_deref().and_then(Quiet::parse),
            reach: p.reach.clone(),
        };
        let step = |s: &super::StepConfig| Step {
            after: i64::from(s.after_min) * 60 * SECOND,
            people: s.people.clone(),
            channels: s.channels.clone(),
        };
        let group = |g: &super::GroupConfig| Group {
            id: g.id.clone(),
            areas: g.areas.clone(),
            hazards: g.hazards.clone(),
            min_level: g.min_level,
            steps: g.step.iter().map(step).collect(),
        };
        let speakers = |s: &crate::LoudspeakerConfig| Speakers {
            channel: s.name.clone(),
            stations: s.stations.clone(),
            areas: s.areas.clone(),
            hazards: s.hazards.clone(),
            min_level: s.min_level,
        };
        let listed = config.area.iter();
        Self {
            people: config.person.iter().map(|p| (p.id.clone(), person(p))).collect(),
            groups: config.group.iter().map(group).collect(),
            speakers: config.loudspeaker.iter().map(speakers).collect(),
            channels: config.channels().map(str::to_owned).collect(),
            self_test: config.self_test.as_ref().map(|test| SelfTest {
                weekday: match test.weekday {
                    Weekday::Monday => 0,
                    Weekday::Tuesday => 1,
                    Weekday::Wednesday => 2,
                    Weekday::Thursday => 3,
                    Weekday::Friday => 4,
                    Weekday::Saturday => 5,
                    Weekday::Sunday => 6,
                },
                at: time_of_day(&test.at).unwrap_or(0),
                person: test.person.clone(),
            }),
            links: None,
            area_names: listed.clone().map(|a| (a.id.clone(), a.name.clone())).collect(),
            area_of: listed
                .flat_map(|a| a.stations.iter().map(|s| (s.clone(), a.id.clone())))
                .collect(),
            default_area: config.default_area.clone(),
        }
    }

    /// The id of the area a station's alarms concern.
    pub(crate) fn area_of(&self, station: &str) -> &str {
        self.area_of.get(station).unwrap_or(&self.default_area)
    }

    /// What people call an area.
    pub(crate) fn area_name(&self, id: &str, language: Language) -> String {
        self.area_names.get(id).map_or_else(|| id.to_owned(), |name| name.get(language).to_owned())
    }

    /// Where a recipient is reached over a channel: a person's address, a loudspeaker's name.
    pub(crate) fn address(&self, channel: &str, recipient: &str) -> Option<&str> {
        if let Some(speakers) = self.speakers.iter().find(|s| s.channel == channel) {
            return speakers.stations.iter().find(|s| *s == recipient).map(String::as_str);
        }
        self.people.get(recipient)?.reach.get(channel).map(String::as_str)
    }

    /// The person that somebody means who writes an id or a name.
    pub(crate) fn person(&self, who: &str) -> Option<&Person> {
        self.people.get(who).or_else(|| self.people.values().find(|person| person.name == who))
    }

    /// Whether a channel leads to people or loudspeakers, so that it gets notices.
    pub(crate) fn takes_notices(&self, channel: &str) -> bool {
        self.speakers.iter().any(|s| s.channel == channel)
            || self.people.values().any(|person| person.reach.contains_key(channel))
    }
}
