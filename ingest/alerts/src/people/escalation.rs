//! Chains: while nobody has acknowledged, the next people are told at their time. No limit on how
//! often somebody is told holds this up.

use rusqlite::Transaction;
use tram_wire::UnixMicros;

use super::{
    decide::{next, tellings},
    telling::{About, hazard, insert, topic},
};
use crate::{AlertsError, episode::Episode, settings::Settings};

/// The most chains that go on at one look; the others do at the next, a second later.
const MAX_STEPS_AT_ONCE: u32 = 1_000;

/// A row of the table.
struct Due {
    episode: String,
    team: String,
    level: u8,
    step: u32,
    began_at: i64,
    transition: i64,
}

/// What became of a look at the chains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Escalated {
    /// How many steps were taken.
    pub(crate) steps: u64,
    /// How many tellings there was no room for.
    pub(crate) refused: u64,
}

/// Takes every step whose time has come, and ends the chains somebody has answered.
pub(crate) fn escalate(
    tx: &Transaction<'_>,
    settings: &Settings,
    now: UnixMicros,
) -> Result<Escalated, AlertsError> {
    let mut escalated = Escalated::default();
    for due in due(tx, now)? {
        let episode = Episode::load(tx, &due.episode)?;
        if let Some(until) = episode.as_ref().and_then(|episode| shelved(episode, now)) {
            tx.prepare_cached(
                "UPDATE escalation SET due_at = ?3 WHERE episode = ?1 AND team = ?2",
            )?
            .execute((&due.episode, &due.team, until))?;
            continue;
        }
        tx.prepare_cached("DELETE FROM escalation WHERE episode = ?1 AND team = ?2")?
            .execute([&due.episode, &due.team])?;
        let Some(episode) = episode.filter(|episode| !answered(episode)) else { continue };
        let roster = &settings.roster;
        let Some(group) = roster.groups.iter().find(|group| group.id == due.team) else { continue };
        let number = usize::try_from(due.step).unwrap_or(usize::MAX);
        let Some(step) = group.steps.get(number) else { continue };
        let hazard = hazard(settings, &episode);
        let topic = topic(hazard, roster.area_of(&episode.station), episode.drill);
        let about = About {
            episode: &episode.id,
            topic: &topic,
            transition: due.transition,
            level: due.level,
            // A chain that begins anew with a higher level tells everybody anew.
            name: &format!("escalated/{}/{}", due.level, due.began_at),
        };
        let tell = tellings(roster, step, due.step, due.level, now);
        escalated.refused += insert(tx, &tell, &about, now)?;
        escalated.steps += 1;
        if let Some(chain) = next(group, due.step, UnixMicros(due.began_at)) {
            tx.prepare_cached(
                "INSERT OR REPLACE INTO escalation \
                 (episode, team, level, step, began_at, due_at, transition) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                &due.episode,
                &due.team,
                due.level,
                chain.step,
                due.began_at,
                chain.due_at.0,
                due.transition,
            ))?;
        }
    }
    Ok(escalated)
}

/// Whether nobody needs to be asked any more: the alarm is over, or acknowledged at its level.
fn answered(episode: &Episode) -> bool {
    let acked = episode.acked.as_ref().is_some_and(|mark| mark.level >= episode.level);
    !episode.open || acked
}

/// Until when an alarm is put aside; its chains go on then.
fn shelved(episode: &Episode, now: UnixMicros) -> Option<i64> {
    let mark = episode.shelved.as_ref().filter(|_| episode.open)?;
    (mark.level >= episode.level && mark.at > now.0).then_some(mark.at)
}

fn due(tx: &Transaction<'_>, now: UnixMicros) -> Result<Vec<Due>, AlertsError> {
    let mut query = tx.prepare_cached(
        "SELECT episode, team, level, step, began_at, transition FROM escalation \
         WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2",
    )?;
    let rows = query.query_map((now.0, MAX_STEPS_AT_ONCE), |row| {
        Ok(Due {
            episode: row.get(0)?,
            team: row.get(1)?,
            level: row.get(2)?,
            step: row.get(3)?,
            began_at: row.get(4)?,
            transition: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
