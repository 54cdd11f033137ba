//! Who has been told of an alarm, and what became of it.

use rusqlite::{Connection, Transaction};
use serde::Serialize;
use tram_wire::UnixMicros;

use crate::{AlertsError, settings::Settings, time};

/// How far a recipient is, each state including the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiptState {
    /// Nobody will be told any more: the recipient is gone, or it is long over.
    GivenUp,
    /// It waits: for its turn, for the end of quiet hours, for the channel.
    Queued,
    /// The channel has taken it.
    Sent,
    /// The channel says that it has reached its recipient.
    Delivered,
    /// The recipient has opened a link in it.
    Opened,
    /// The recipient has acknowledged the alarm.
    Confirmed,
}

/// One recipient of what was said about one alarm over one channel. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Who: a person's id, a loudspeaker's station; the channel's own name where it is a machine.
    pub recipient: String,
    /// Their name.
    pub name: String,
    /// Over which channel.
    pub channel: String,
    /// How far the newest message is.
    pub state: ReceiptState,
    /// At which level they were told last.
    pub level: u8,
    /// When the first message was decided.
    pub queued_at: String,
    /// When the channel took the newest message.
    pub sent_at: Option<String>,
    /// When the channel said that it had arrived.
    pub delivered_at: Option<String>,
    /// When they first opened a link.
    pub opened_at: Option<String>,
    /// When they acknowledged.
    pub confirmed_at: Option<String>,
    /// How many attempts the newest message has taken.
    pub attempts: u32,
    /// Why the last attempt failed, when it did.
    pub error: Option<String>,
}

/// Who was told of an episode, people first.
pub(crate) fn receipts(
    connection: &Connection,
    settings: &Settings,
    episode: &str,
) -> Result<Vec<Receipt>, AlertsError> {
    let mut receipts = people(connection, settings, episode)?;
    receipts.extend(machines(connection, episode)?);
    Ok(receipts)
}

fn utc(at: Option<i64>) -> Option<String> {
    at.map(|at| time::utc(UnixMicros(at)))
}

fn people(
    connection: &Connection,
    settings: &Settings,
    episode: &str,
) -> Result<Vec<Receipt>, AlertsError> {
    // SQLite takes the other columns from the row that has the maximum.
    let mut query = connection.prepare_cached(
        "SELECT t.recipient, t.channel, max(t.id), t.level, \
         (SELECT min(f.created_at) FROM telling f WHERE f.episode = ?1 \
          AND f.recipient = t.recipient AND f.channel = t.channel), \
         n.state, n.finished_at, n.delivered_at, coalesce(n.attempts, 0), n.last_error, \
         a.opened_at, a.confirmed_at \
         FROM telling t LEFT JOIN notice n ON n.id = t.notice \
         LEFT JOIN answer a ON a.episode = t.episode AND a.person = t.recipient \
         WHERE t.episode = ?1 GROUP BY t.recipient, t.channel ORDER BY 5, t.recipient, t.channel",
    )?;
    let rows = query.query_map([episode], |row| {
        let (recipient, state): (String, Option<String>) = (row.get(0)?, row.get(5)?);
        let (opened, confirmed): (Option<i64>, Option<i64>) = (row.get(10)?, row.get(11)?);
        let delivered: Option<i64> = row.get(7)?;
        let state = match (confirmed, opened, delivered, state.as_deref()) {
            (Some(_), ..) => ReceiptState::Confirmed,
            (_, Some(_), ..) => ReceiptState::Opened,
            (_, _, Some(_), _) => ReceiptState::Delivered,
            (_, _, _, Some("sent" | "delivered")) => ReceiptState::Sent,
            (_, _, _, Some("given_up")) => ReceiptState::GivenUp,
            _ => ReceiptState::Queued,
        };
        let person = settings.roster.people.get(&recipient);
        Ok(Receipt {
            name: person.map_or_else(|| recipient.clone(), |person| person.name.clone()),
            recipient,
            channel: row.get(1)?,
            state,
            level: row.get(3)?,
            queued_at: time::utc(UnixMicros(row.get(4)?)),
            sent_at: utc(row.get(6)?),
            delivered_at: utc(delivered),
            opened_at: utc(opened),
            confirmed_at: utc(confirmed),
            attempts: row.get(8)?,
            error: row.get(9)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn machines(connection: &Connection, episode: &str) -> Result<Vec<Receipt>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT o.target, max(o.id), t.level, (SELECT min(f.created_at) FROM outbox f \
         WHERE f.episode = ?1 AND f.target = o.target), o.state, o.finished_at, o.attempts, \
         o.last_error FROM outbox o JOIN transition t ON t.number = o.transition \
         WHERE o.episode = ?1 GROUP BY o.target ORDER BY o.target",
    )?;
    let rows = query.query_map([episode], |row| {
        let (target, state): (String, String) = (row.get(0)?, row.get(4)?);
        let finished: Option<i64> = row.get(5)?;
        let delivered = state == "delivered";
        Ok(Receipt {
            name: target.clone(),
            recipient: target.clone(),
            channel: target,
            state: match state.as_str() {
                "delivered" => ReceiptState::Delivered,
                "given_up" => ReceiptState::GivenUp,
                _ => ReceiptState::Queued,
            },
            level: row.get(2)?,
            queued_at: time::utc(UnixMicros(row.get(3)?)),
            sent_at: utc(finished.filter(|_| delivered)),
            delivered_at: utc(finished.filter(|_| delivered)),
            opened_at: None,
            confirmed_at: None,
            attempts: row.get(6)?,
            error: row.get::<_, Option<String>>(7)?.filter(|_| !delivered),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes that somebody has opened a message about an episode; the first time counts.
pub(crate) fn opened(
    tx: &Transaction<'_>,
    settings: &Settings,
    episode: &str,
    who: &str,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    let Some(person) = settings.roster.person(who) else { return Ok(()) };
    tx.prepare_cached(
        "INSERT INTO answer (episode, person, opened_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (episode, person) DO UPDATE SET opened_at = coalesce(opened_at, ?3)",
    )?
    .execute((episode, &person.id, now.0))?;
    Ok(())
}

/// Notes that somebody has acknowledged an episode; the last time counts.
pub(crate) fn confirmed(
    tx: &Transaction<'_>,
    settings: &Settings,
    episode: &str,
    who: &str,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    let Some(person) = settings.roster.person(who) else { return Ok(()) };
    tx.prepare_cached(
        "INSERT INTO answer (episode, person, confirmed_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (episode, person) DO UPDATE SET confirmed_at = ?3",
    )?
    .execute((episode, &person.id, now.0))?;
    Ok(())
}

/// Notes that a channel says that a message has arrived; whether it was known.
pub(crate) fn delivered(
    tx: &Transaction<'_>,
    channel: &str,
    reference: &str,
    now: UnixMicros,
) -> Result<bool, AlertsError> {
    let changed = tx
        .prepare_cached(
            "UPDATE notice SET state = 'delivered', delivered_at = coalesce(delivered_at, ?3) \
             WHERE channel = ?1 AND reference = ?2",
        )?
        .execute((channel, reference, now.0))?;
    Ok(changed > 0)
}
