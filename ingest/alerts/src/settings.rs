//! What the engine knows besides the readings: who speaks, about where, by which rules, to whom.

use std::collections::HashMap;

use tram_rules::{Rule, Words};
use tram_wire::NodeId;

use crate::{AlertsError, Config, MessageStatus, Station, area::Area, people::Roster, time::HOUR};

/// The most rules.
pub const MAX_RULES: usize = 256;
/// The most stations whose names are known.
pub const MAX_STATIONS: usize = 10_000;

/// A machine that is told of every transition, as far as deciding needs it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) min_level: u8,
}

/// The configuration in the shape in which it is used.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) sender: String,
    pub(crate) sender_name: Words,
    pub(crate) status: MessageStatus,
    pub(crate) public_url: String,
    pub(crate) contact: Option<String>,
    /// Who may approve; everybody when empty.
    approvers: Vec<String>,
    /// Microseconds a message stands.
    pub(crate) expires: i64,
    pub(crate) targets: Vec<Target>,
    pub(crate) rules: Vec<Rule>,
    /// Everybody who may be told.
    pub(crate) roster: Roster,
    stations: HashMap<NodeId, Words>,
    areas: Vec<Area>,
    default_area: usize,
    area_of: HashMap<String, usize>,
}

impl Settings {
    /// Checks everything and puts it in place.
    pub(crate) fn new(
        config: &Config,
        rules: Vec<Rule>,
        stations: Vec<Station>,
    ) -> Result<Self, AlertsError> {
        if let Some(mistake) = config.check().into_iter().next() {
            return Err(AlertsError::Config(mistake));
        }
        if rules.len() > MAX_RULES || stations.len() > MAX_STATIONS {
            return Err(AlertsError::Limit("more rules or stations than the documented limit"));
        }
        let areas: Vec<Area> = config.area.iter().filter_map(|a| a.area().ok()).collect();
        let listed = config.area.iter().enumerate();
        let area_of = listed
            .flat_map(|(i, area)| area.stations.iter().map(move |station| (station.clone(), i)))
            .collect();
        let default_area =
            config.area.iter().position(|area| area.id == config.default_area).unwrap_or(0);
        let target = |hook: &crate::WebhookConfig| Target {
            name: hook.name.clone(),
            min_level: hook.min_level,
        };
        let managers = config
            .alertmanager
            .iter()
            .map(|manager| Target { name: manager.name.clone(), min_level: manager.min_level });
        Ok(Self {
            sender: config.sender.clone(),
            sender_name: config.sender_name.clone(),
            status: config.status,
            public_url: config.public_url.clone(),
            contact: config.contact.clone(),
            approvers: config.approvers.clone(),
            expires: i64::from(config.expires_h) * HOUR,
            targets: config.webhook.iter().map(target).chain(managers).collect(),
            rules,
            roster: Roster::new(config),
            stations: stations.into_iter().map(|s| (s.id, s.name)).collect(),
            areas,
            default_area,
            area_of,
        })
    }

    /// The rule of this name.
    pub(crate) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id.as_str() == id)
    }

    /// The stations whose names are known.
    pub(crate) fn stations(&self) -> impl Iterator<Item = &NodeId> {
        self.stations.keys()
    }

    /// Whether a person may let the public be told.
    pub(crate) fn may_approve(&self, person: &str) -> bool {
        self.approvers.is_empty() || self.approvers.iter().any(|name| name == person)
    }

    /// What people call a station; its own name when nobody has said.
    pub(crate) fn station_name(&self, id: &str) -> Words {
        let known = NodeId::new(id).ok().and_then(|id| self.stations.get(&id)).cloned();
        known.unwrap_or_else(|| Words { vi: id.to_owned(), en: id.to_owned(), zh: id.to_owned() })
    }

    /// The area a station's alarms concern.
    pub(crate) fn area(&self, station: &str) -> Option<&Area> {
        self.areas.get(self.area_of.get(station).copied().unwrap_or(self.default_area))
    }
}
