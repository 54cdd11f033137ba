//! What time alone calls for: renewals, withdrawals, forgetting.

use rusqlite::{Connection, Transaction};
use tram_rules::TransitionKind;
use tram_wire::UnixMicros;

use crate::{
    AlertsError, change::Change, episode::Episode, messages, people, publish::Occasion,
    settings::Settings, time::HOUR,
};

/// The most episodes kept once they are over; the oldest go first.
pub const MAX_EPISODES: u32 = 20_000;
/// How long a message stays in the feed after it has expired.
pub(crate) const FEED_AFTER_END: i64 = 24 * HOUR;
/// The most episodes forgotten at once.
const MAX_FORGOTTEN: u32 = 500;

/// Sends the messages of lasting episodes again before they expire.
pub(crate) fn renew(
    tx: &Transaction<'_>,
    settings: &Settings,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    let soon = now.plus(settings.expires / 4);
    let due: Vec<String> = tx
        .prepare_cached(
            "SELECT e.body FROM episode e WHERE e.open = 1 AND \
             (SELECT max(m.expires) FROM message m WHERE m.episode = e.id AND m.public = 1) < ?1",
        )?
        .query_map([soon.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for body in due {
        let episode: Episode = serde_json::from_str(&body)?;
        messages::send(tx, settings, &episode, Occasion::Renewal, now)?;
    }
    Ok(())
}

/// Withdrawals of what nobody will ever lower: announced by rules that are no more, or by states
/// that could not be read back (`lost`: rule and station). What a node announced by a rule of its
/// own stands until the node or a person ends it.
pub(crate) fn orphans(
    connection: &Connection,
    settings: &Settings,
    lost: &[(String, String)],
    now: UnixMicros,
) -> Result<Vec<Change>, AlertsError> {
    let mut query = connection.prepare("SELECT body FROM episode WHERE open = 1")?;
    let bodies = query.query_map([], |row| row.get::<_, String>(0))?;
    let mut changes = Vec::new();
    for body in bodies {
        let episode: Episode = serde_json::from_str(&body?)?;
        let gone = !episode.node && !episode.drill && settings.rule(&episode.rule).is_none();
        let lost = lost.iter().any(|(r, s)| *r == episode.rule && *s == episode.station);
        if gone || (lost && !episode.drill) {
            changes.push(withdrawal(&episode, now));
        }
    }
    Ok(changes)
}

/// The change that takes an episode back.
pub(crate) fn withdrawal(episode: &Episode, now: UnixMicros) -> Change {
    end(episode, TransitionKind::Withdrawn, now)
}

/// The change by which a person, or time, ends an episode.
pub(crate) fn end(episode: &Episode, kind: TransitionKind, now: UnixMicros) -> Change {
    Change {
        rule: episode.rule.clone(),
        version: episode.version,
        station: episode.station.clone(),
        channel: episode.channel.clone(),
        quantity: episode.quantity(),
        episode: episode.id.clone(),
        replaces: None,
        kind,
        level: 0,
        at: now,
        value: episode.value,
        node: false,
        evaluated: true,
        drill: episode.drill,
    }
}

/// Forgets the oldest episodes that are over, have nobody left to tell and no message in the feed.
pub(crate) fn forget(tx: &Transaction<'_>, now: UnixMicros) -> Result<(), AlertsError> {
    let over: u32 = tx
        .prepare_cached("SELECT count(*) FROM episode WHERE open = 0")?
        .query_row([], |row| row.get(0))?;
    let excess = over.saturating_sub(MAX_EPISODES).min(MAX_FORGOTTEN);
    if excess == 0 {
        return Ok(());
    }
    let ids: Vec<String> = tx
        .prepare_cached(
            "SELECT e.id FROM episode e WHERE e.open = 0 \
             AND NOT EXISTS (SELECT 1 FROM outbox o \
                 WHERE o.episode = e.id AND o.state = 'pending') \
             AND NOT EXISTS (SELECT 1 FROM message m \
                 WHERE m.episode = e.id AND m.expires > ?1) \
             ORDER BY e.raised_at LIMIT ?2",
        )?
        .query_map((now.0.saturating_sub(2 * FEED_AFTER_END), excess), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in ids {
        // What was told twice, when two episodes turned out to be one, has kept its old name.
        tx.execute(
            "DELETE FROM transition WHERE episode IN (SELECT old FROM alias WHERE episode = ?1)",
            [&id],
        )?;
        for table in ["outbox", "message", "transition", "alias"] {
            tx.execute(&format!("DELETE FROM {table} WHERE episode = ?1"), [&id])?;
        }
        people::forget(tx, &id)?;
        tx.execute("DELETE FROM episode WHERE id = ?1", [&id])?;
    }
    Ok(())
}
