//! Drills: a warning that people play, from the first message to the all-clear.
//!
//! A drill is an episode of its own that no reading began. It goes the whole way of a warning, to
//! the same receivers and through the same approval; each of its messages is an exercise (CAP
//! `status` Exercise) and says so in its headline and its texts. It sounds no siren: a siren is
//! sounded by a rule on its node or by an order that names it, and a drill is made of neither.

use rusqlite::Connection;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tram_rules::{Rule, Selector, TransitionKind, Words};
use tram_wire::{NodeId, UnixMicros};

use crate::{
    Alarm, Alerts, AlertsError,
    acting::person,
    audit,
    change::Change,
    episode::Episode,
    ledger::{self, Recorded},
    settings::Settings,
    signature::hex,
    sweep,
    time::HOUR,
};

/// The most drills at once.
pub const MAX_DRILLS: usize = 8;
/// After this long a drill that nobody has ended is over.
pub const DRILL_LASTS: i64 = 4 * HOUR;
/// The channel of a drill whose rule names none.
const CHANNEL: &str = "drill";

/// What is to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrillRequest<'a> {
    /// The rule whose warning it is.
    pub rule: &'a str,
    /// The station at which the level is said to be reached.
    pub station: &'a str,
    /// The level.
    pub level: u8,
    /// Who asks for it.
    pub by: &'a str,
    /// What the drill is about; may be empty.
    pub comment: &'a str,
}

/// A rule that can be played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drillable {
    /// The rule.
    pub rule: String,
    /// What it warns of, for people.
    pub event: Words,
    /// Its levels, ascending.
    pub levels: Vec<DrillLevel>,
    /// The stations it looks at, in the order of their names.
    pub stations: Vec<String>,
}

/// A level that can be played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrillLevel {
    /// 1 to 5.
    pub level: u8,
    /// What people call it.
    pub name: Words,
    /// Whether the public is told only when a person approves.
    pub approval: bool,
}

impl Alerts {
    /// What can be played: every rule with levels, and the stations it looks at.
    #[must_use]
    pub fn drillable(&self) -> Vec<Drillable> {
        let rules = self.settings.rules.iter().filter(|rule| !rule.levels.is_empty());
        let level = |rule: &Rule, level: &tram_rules::Level| DrillLevel {
            level: level.level,
            name: level.name.clone(),
            approval: level.level >= rule.approve_from,
        };
        rules
            .map(|rule| Drillable {
                rule: rule.id.to_string(),
                event: Words {
                    vi: rule.texts.vi.event.clone(),
                    en: rule.texts.en.event.clone(),
                    zh: rule.texts.zh.event.clone(),
                },
                levels: rule.levels.iter().map(|l| level(rule, l)).collect(),
                stations: stations(&self.settings, rule),
            })
            .collect()
    }

    /// Begins a drill. It ends by [`all_clear`](Self::all_clear), or after [`DRILL_LASTS`].
    ///
    /// # Errors
    /// [`AlertsError::Invalid`] when there is no such rule, station or level,
    /// [`AlertsError::Conflict`] when [`MAX_DRILLS`] go on; [`AlertsError`] when a text is unfit or
    /// it could not be written.
    pub fn drill(
        &mut self,
        asked: &DrillRequest<'_>,
        now: UnixMicros,
    ) -> Result<Alarm, AlertsError> {
        person(asked.by, asked.comment)?;
        let change = begin(&self.settings, asked, now)?;
        if running(&self.connection)?.len() >= MAX_DRILLS {
            return Err(AlertsError::Conflict(
                "eight drills go on already: end one of them by its all-clear",
            ));
        }
        let detail = serde_json::json!({
            "comment": asked.comment,
            "rule": asked.rule,
            "station": asked.station,
            "level": asked.level,
        });
        let tx = self.connection.transaction()?;
        audit::append(&tx, now, "drill", &change.episode, asked.by, &detail.to_string())?;
        let recorded = ledger::record(&tx, &self.settings, &change, now)?;
        match recorded {
            Recorded::Written(alarm, _) => {
                tx.commit()?;
                Ok(*alarm)
            }
            Recorded::Nothing => Err(AlertsError::Conflict("this drill has begun already")),
            Recorded::Refused => Err(AlertsError::Limit("too many alarms go on for a drill")),
        }
    }
}

/// The end of each drill that has lasted long enough.
pub(crate) fn over(connection: &Connection, now: UnixMicros) -> Result<Vec<Change>, AlertsError> {
    let old = |drill: &Episode| now.0.saturating_sub(drill.raised_at) >= DRILL_LASTS;
    let drills = running(connection)?.into_iter().filter(old);
    Ok(drills.map(|drill| sweep::end(&drill, TransitionKind::Cleared, now)).collect())
}

/// The drills that go on.
fn running(connection: &Connection) -> Result<Vec<Episode>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT body FROM episode WHERE open = 1 AND json_extract(body, '$.drill')",
    )?;
    let bodies = query.query_map([], |row| row.get::<_, String>(0))?;
    bodies.map(|body| Ok(serde_json::from_str(&body?)?)).collect()
}

/// The change that begins a drill.
fn begin(
    settings: &Settings,
    asked: &DrillRequest<'_>,
    now: UnixMicros,
) -> Result<Change, AlertsError> {
    let rule = settings.rule(asked.rule).ok_or(AlertsError::Invalid("there is no such rule"))?;
    let applies = NodeId::new(asked.station).is_ok_and(|station| rule.applies_to_station(&station));
    if !applies {
        return Err(AlertsError::Invalid("the rule does not look at this station"));
    }
    let level =
        rule.level(asked.level).ok_or(AlertsError::Invalid("the rule has no such level"))?;
    let quantity = rule.quantity.unwrap_or(tram_wire::Quantity::Dimensionless);
    let channel = rule.channels.iter().find_map(|channel| match channel {
        Selector::One(name) => Some(name.to_string()),
        Selector::All => None,
    });
    Ok(Change {
        rule: rule.id.to_string(),
        version: rule.version,
        station: asked.station.to_owned(),
        channel: channel.unwrap_or_else(|| CHANNEL.to_owned()),
        quantity,
        episode: name(asked, now),
        replaces: None,
        kind: TransitionKind::Raised,
        level: level.level,
        at: now,
        // The level is said to be just reached.
        value: level.raise.counts(quantity).unwrap_or(0),
        node: false,
        evaluated: true,
        drill: true,
    })
}

/// The name of a drill's episode, which no measured episode has.
fn name(asked: &DrillRequest<'_>, now: UnixMicros) -> String {
    let mut hash = Sha256::new();
    hash.update(b"drill\0");
    for text in [asked.rule, asked.station, asked.by] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.update([asked.level]);
    hash.update(now.0.to_be_bytes());
    hex(hash.finalize().get(..16).unwrap_or_default())
}

/// The stations a rule looks at, as far as their names are known.
fn stations(settings: &Settings, rule: &Rule) -> Vec<String> {
    let known = settings.stations().filter(|station| rule.applies_to_station(station));
    let named = rule.stations.iter().filter_map(|station| match station {
        Selector::One(name) => Some(name),
        Selector::All => None,
    });
    let mut all: Vec<String> = known.chain(named).map(ToString::to_string).collect();
    all.sort_unstable();
    all.dedup();
    all
}
