//! What was decided, written down in the transaction of what it is about.

use rusqlite::{Connection, Transaction};
use sha2::{Digest, Sha256};
use tram_rules::{Hazard, TransitionKind};
use tram_wire::UnixMicros;

use super::decide::{Chain, Decision, Event, Telling, decide};
use crate::{AlertsError, change::Change, episode::Episode, settings::Settings, signature::hex};

/// The most tellings that wait to be put into a message; beyond it a person is told about fewer
/// episodes than there are, which is counted and said in the log.
pub const MAX_WAITING: u32 = 100_000;

/// What a telling is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) episode: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) transition: i64,
    pub(crate) level: u8,
    /// Names the transition in every key.
    pub(crate) name: &'a str,
}

/// Decides who is told of a change, and writes it down. `before` is the highest level there was,
/// `late` says that a later word overtook it. Returns how many could not be kept.
pub(crate) fn tell(
    tx: &Transaction<'_>,
    settings: &Settings,
    episode: &Episode,
    (transition, change): (i64, &Change),
    (before, late): (u8, bool),
    now: UnixMicros,
) -> Result<u64, AlertsError> {
    let roster = &settings.roster;
    let higher = change.kind == TransitionKind::Raised && change.level > before;
    let renamed = change.replaces.is_some();
    if (roster.groups.is_empty() && roster.speakers.is_empty()) || ((late || renamed) && !higher) {
        return Ok(0);
    }
    let rule = settings.rule(&episode.rule);
    let hazard = hazard(settings, episode);
    let area = roster.area_of(&episode.station);
    let told = told(tx, &episode.id)?;
    let event = Event {
        area,
        hazard,
        kind: change.kind,
        level: if late { change.level } else { episode.shown_level() },
        before,
        public: rule.map_or(0, |rule| episode.free_up_to(rule)),
        notify: rule.map_or(&[], |rule| &rule.notify),
        told: &told,
    };
    let decision = decide(roster, &event, now);
    let topic = topic(hazard, area, episode.drill);
    let name = format!("{}/{}/{}", change.kind.name(), change.level, change.at.0);
    let about =
        About { episode: &episode.id, topic: &topic, transition, level: event.level, name: &name };
    write(tx, &decision, &about, now)
}

/// Lets the public hear what somebody has approved.
pub(crate) fn tell_approved(
    tx: &Transaction<'_>,
    settings: &Settings,
    episode: &Episode,
    level: u8,
    now: UnixMicros,
) -> Result<u64, AlertsError> {
    let roster = &settings.roster;
    let hazard = hazard(settings, episode);
    let area = roster.area_of(&episode.station);
    let told = told(tx, &episode.id)?;
    let rule = settings.rule(&episode.rule);
    let event = Event {
        area,
        hazard,
        kind: TransitionKind::Raised,
        level,
        before: level.saturating_sub(1),
        public: level,
        notify: rule.map_or(&[], |rule| &rule.notify),
        told: &told,
    };
    let mut decision = decide(roster, &event, now);
    decision.chains.clear();
    decision.tell.retain(|t| roster.speakers.iter().any(|s| s.channel == t.channel));
    let transition: i64 = tx
        .prepare_cached("SELECT coalesce(max(number), 0) FROM transition WHERE episode = ?1")?
        .query_row([&episode.id], |row| row.get(0))?;
    let topic = topic(hazard, area, episode.drill);
    let name = format!("approved/{level}/{}", now.0);
    let about = About { episode: &episode.id, topic: &topic, transition, level, name: &name };
    write(tx, &decision, &about, now)
}

/// What the topic of a drill begins with.
pub(crate) const DRILL: &str = "drill:";

/// What an episode is about; a station that says nothing is a matter of equipment.
pub(crate) fn hazard(settings: &Settings, episode: &Episode) -> Option<Hazard> {
    if episode.silence {
        return Some(Hazard::Equipment);
    }
    settings.rule(&episode.rule).map(|rule| rule.hazard)
}

/// What is told together: one hazard in one area. A drill is never told with what is real.
pub(crate) fn topic(hazard: Option<Hazard>, area: &str, drill: bool) -> String {
    let played = if drill { DRILL } else { "" };
    format!("{played}{}|{area}", hazard.map_or("unknown", Hazard::name))
}

/// Writes a decision down.
fn write(
    tx: &Transaction<'_>,
    decision: &Decision,
    about: &About<'_>,
    now: UnixMicros,
) -> Result<u64, AlertsError> {
    for Chain { group, step, due_at } in &decision.chains {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO escalation \
             (episode, team, level, step, began_at, due_at, transition) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            about.episode,
            group,
            about.level,
            step,
            now.0,
            due_at.0,
            about.transition,
        ))?;
    }
    insert(tx, &decision.tell, about, now)
}

/// Writes tellings down; how many there was no room for.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    tell: &[Telling],
    about: &About<'_>,
    now: UnixMicros,
) -> Result<u64, AlertsError> {
    if tell.is_empty() {
        return Ok(0);
    }
    let waiting: u32 = tx
        .prepare_cached("SELECT count(*) FROM telling WHERE notice IS NULL")?
        .query_row([], |row| row.get(0))?;
    let room = usize::try_from(MAX_WAITING.saturating_sub(waiting)).unwrap_or(0);
    for telling in tell.iter().take(room) {
        tx.prepare_cached(
            "INSERT OR IGNORE INTO telling (transition, episode, recipient, channel, key, topic, \
             level, urgent, step, due_at, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            about.transition,
            about.episode,
            &telling.recipient,
            &telling.channel,
            key(about, telling),
            about.topic,
            about.level,
            telling.urgent,
            telling.step,
            telling.due_at.0,
            now.0,
        ))?;
    }
    Ok(tell.len().saturating_sub(room) as u64)
}

/// The key of one telling: a digest of episode, transition, recipient, channel and step.
fn key(about: &About<'_>, telling: &Telling) -> String {
    let mut hash = Sha256::new();
    let step = telling.step.to_string();
    for part in [about.episode, about.name, &telling.recipient, &telling.channel, &step] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(hash.finalize().get(..16).unwrap_or_default())
}

/// Recipients and channels that were told of an episode.
fn told(connection: &Connection, episode: &str) -> Result<Vec<(String, String)>, AlertsError> {
    let mut query = connection
        .prepare_cached("SELECT DISTINCT recipient, channel FROM telling WHERE episode = ?1")?;
    let rows = query.query_map([episode], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
