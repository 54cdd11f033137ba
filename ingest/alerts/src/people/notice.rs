//! Messages to people: what waits for one recipient about one hazard in one area is told together.
//!
//! The first message of a topic goes at once, and so does a higher level. What follows waits a
//! minute, then two, four, up to fifteen, and is told in one message with the list behind it: a
//! thousand stations in an hour are some ten messages. After a quiet quarter of an hour it begins
//! anew.

use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tram_rules::Language;
use tram_wire::UnixMicros;

use super::{desk::Desk, roster::Roster, words};
use crate::{
    AlertsError, Delivery, DeliveryResult, outbox, settings::Settings, signature::hex, time::SECOND,
};

/// The most alarms that one message lists; of the others it says how many they are.
pub const MAX_LISTED_EPISODES: usize = 10;
/// The most tellings that go into one message; what is beyond goes into the next.
const MAX_TOGETHER: u32 = 10_000;
/// How long what follows a message waits, by how many there were.
const PAUSES: [i64; 5] = [60, 120, 240, 480, 900];
/// After so long without a message a topic begins anew.
const CALM: i64 = 900 * SECOND;
/// The longest wait before something is tried again that a channel refuses.
const MAX_WAIT_REFUSED: i64 = 1_800 * SECOND;
/// The topic of self-tests.
pub(super) const SELF_TEST: &str = "self-test";

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// Something has changed.
    Alarm,
    /// Nobody has acknowledged.
    Escalation,
    /// The channel is tried.
    SelfTest,
}

/// A link in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeLink {
    /// What it does, for people.
    pub label: String,
    /// Where it leads.
    pub url: String,
}

/// One message to one recipient, before a channel gives it its form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same at every attempt.
    pub key: String,
    /// Why it is sent.
    pub kind: NoticeKind,
    /// What it claims to be: `actual`, `exercise`, `system` or `test`.
    pub status: String,
    /// The language of its texts.
    pub language: Language,
    /// The hazard's name, such as `flood`.
    pub hazard: String,
    /// What people call the area.
    pub area: String,
    /// The highest level in it, 0 to 5.
    pub level: u8,
    /// Whether everything it is about is over.
    pub over: bool,
    /// One line that says it all.
    pub subject: String,
    /// One line an alarm, the highest level first, at most [`MAX_LISTED_EPISODES`].
    pub lines: Vec<String>,
    /// What is said about those that are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// What the reader can do by a link, the most important first.
    #[serde(default)]
    pub links: Vec<NoticeLink>,
    /// The alarms it is about, by their ids; those listed only.
    #[serde(default)]
    pub episodes: Vec<String>,
}

impl Notice {
    /// The message as plain text of several lines.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.subject.clone();
        if self.lines.len() > 1 || self.more.is_some() || self.kind == NoticeKind::SelfTest {
            for line in &self.lines {
                text.push_str("\n• ");
                text.push_str(line);
            }
        }
        for part in [&self.more, &self.instruction].into_iter().flatten() {
            text.push('\n');
            text.push_str(part);
        }
        for link in &self.links {
            text.push_str(&format!("\n{}: {}", link.label, link.url));
        }
        text
    }

    /// Says at its beginning that it may have come before.
    pub(crate) fn mark_repeated(&mut self) {
        self.subject = format!("{}{}", words::repeated(self.language), self.subject);
    }
}

/// The last message of a topic to a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    at: i64,
    burst: u32,
    level: i64,
    escalated: i64,
}

/// What waits for a recipient about a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    recipient: String,
    topic: String,
    due_at: i64,
    level: i64,
    /// The highest level of an escalation; -1 when there is none.
    escalated: i64,
}

/// When what waits may be told.
fn ready_at(waiting: &Waiting, last: Option<Last>) -> i64 {
    let Some(last) = last else { return waiting.due_at };
    let calm = waiting.due_at.saturating_sub(last.at) >= CALM;
    if calm || waiting.level > last.level || waiting.escalated > last.escalated {
        return waiting.due_at;
    }
    let pause = usize::try_from(last.burst).ok().and_then(|n| PAUSES.get(n)).copied();
    waiting.due_at.max(last.at.saturating_add(pause.unwrap_or(CALM / SECOND) * SECOND))
}

/// Puts what is due into messages; how many it made.
pub(crate) fn compose(
    tx: &Transaction<'_>,
    settings: &Settings,
    channel: &str,
    now: UnixMicros,
) -> Result<u64, AlertsError> {
    let mut made = 0;
    for waiting in waiting(tx, channel, now)? {
        let last = last(tx, channel, &waiting.recipient, &waiting.topic)?;
        if ready_at(&waiting, last) <= now.0 {
            write(tx, settings, channel, &waiting, last, now)?;
            made += 1;
        }
    }
    Ok(made)
}

/// What is in a message.
struct Told {
    id: i64,
    key: String,
    episode: String,
    level: u8,
    step: u32,
}

fn write(
    tx: &Transaction<'_>,
    settings: &Settings,
    channel: &str,
    waiting: &Waiting,
    last: Option<Last>,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    let told: Vec<Told> = tx
        .prepare_cached(
            "SELECT id, key, episode, level, step FROM telling WHERE channel = ?1 \
             AND recipient = ?2 AND topic = ?3 AND notice IS NULL AND due_at <= ?4 \
             ORDER BY id LIMIT ?5",
        )?
        .query_map((channel, &waiting.recipient, &waiting.topic, now.0, MAX_TOGETHER), |row| {
            Ok(Told {
                id: row.get(0)?,
                key: row.get(1)?,
                episode: row.get(2)?,
                level: row.get(3)?,
                step: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    let mut keys: Vec<&str> = told.iter().map(|t| t.key.as_str()).collect();
    keys.sort_unstable();
    let key = digest(&keys);
    let escalated = told.iter().filter(|t| t.step > 0).map(|t| i64::from(t.level)).max();
    let desk = Desk { tx, settings, channel, recipient: &waiting.recipient, now };
    let about = told.iter().map(|t| (t.episode.as_str(), t.level));
    let notice = desk.notice(&waiting.topic, &key, escalated.is_some(), about)?;
    // A topic that has been calm begins anew.
    let last = last.filter(|last| now.0.saturating_sub(last.at) < CALM);
    let level = i64::from(notice.level).max(last.map_or(-1, |last| last.level));
    let escalated = escalated.unwrap_or(-1).max(last.map_or(-1, |last| last.escalated));
    let burst = last.map_or(0, |last| last.burst.saturating_add(1));
    let about = Row { topic: &waiting.topic, level, escalated, burst };
    let id = insert(tx, channel, &waiting.recipient, &about, &notice, now)?;
    for told in &told {
        tx.prepare_cached("UPDATE telling SET notice = ?2 WHERE id = ?1")?
            .execute((told.id, id))?;
    }
    Ok(())
}

/// What the table knows of a message besides its texts.
pub(super) struct Row<'a> {
    pub(super) topic: &'a str,
    pub(super) level: i64,
    pub(super) escalated: i64,
    pub(super) burst: u32,
}

/// Queues a message.
pub(super) fn insert(
    tx: &Transaction<'_>,
    channel: &str,
    recipient: &str,
    row: &Row<'_>,
    notice: &Notice,
    now: UnixMicros,
) -> Result<i64, AlertsError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO notice (channel, recipient, topic, key, level, escalated, burst, \
         state, attempts, due_at, created_at, body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', 0, ?8, ?8, ?9)",
    )?
    .execute((
        channel,
        recipient,
        row.topic,
        &notice.key,
        row.level,
        row.escalated,
        row.burst,
        now.0,
        serde_json::to_vec(notice)?,
    ))?;
    Ok(tx.last_insert_rowid())
}

pub(super) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(hash.finalize().get(..16).unwrap_or_default())
}

fn waiting(
    connection: &Connection,
    channel: &str,
    now: UnixMicros,
) -> Result<Vec<Waiting>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT recipient, topic, min(due_at), max(level), \
         max(CASE WHEN urgent THEN level ELSE -1 END) FROM telling \
         WHERE channel = ?1 AND notice IS NULL AND due_at <= ?2 GROUP BY recipient, topic",
    )?;
    let rows = query.query_map((channel, now.0), |row| {
        Ok(Waiting {
            recipient: row.get(0)?,
            topic: row.get(1)?,
            due_at: row.get(2)?,
            level: row.get(3)?,
            escalated: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn last(
    connection: &Connection,
    channel: &str,
    recipient: &str,
    topic: &str,
) -> Result<Option<Last>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT created_at, burst, level, escalated FROM notice \
         WHERE channel = ?1 AND recipient = ?2 AND topic = ?3 ORDER BY id DESC LIMIT 1",
    )?;
    let last = query.query_row((channel, recipient, topic), |row| {
        Ok(Last { at: row.get(0)?, burst: row.get(1)?, level: row.get(2)?, escalated: row.get(3)? })
    });
    Ok(last.optional()?)
}

/// `n` waits for channel `?1`, and nothing of the same topic waits for its recipient before it.
const FIRST: &str = "n.channel = ?1 AND n.state = 'pending' AND NOT EXISTS (\
    SELECT 1 FROM notice e WHERE e.channel = n.channel AND e.recipient = n.recipient \
    AND e.topic = n.topic AND e.state = 'pending' AND e.id < n.id)";

/// Messages that are due over a channel, oldest first.
pub(crate) fn due(
    connection: &Connection,
    roster: &Roster,
    channel: &str,
    limit: u32,
    now: UnixMicros,
) -> Result<Vec<Delivery>, AlertsError> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT n.id, n.key, n.recipient, n.topic, n.attempts, n.begun_at, n.body FROM notice n \
         WHERE n.due_at <= ?2 AND {FIRST} ORDER BY n.attempts, n.id LIMIT ?3"
    ))?;
    let rows = query.query_map((channel, now.0, limit), |row| {
        let (recipient, topic): (String, String) = (row.get(2)?, row.get(3)?);
        let address = roster.address(channel, &recipient).map(str::to_owned);
        let address = address.or_else(|| (topic == SELF_TEST).then(String::new));
        let begun: Option<i64> = row.get(5)?;
        let delivery = Delivery {
            id: row.get(0)?,
            notice: true,
            target: channel.to_owned(),
            recipient,
            address: address.clone().unwrap_or_default(),
            repeated: begun.is_some(),
            idempotency_key: row.get(1)?,
            body: row.get(6)?,
            attempts: row.get(4)?,
        };
        Ok(address.map(|_| delivery))
    })?;
    let mut found = Vec::new();
    for row in rows {
        found.extend(row?);
    }
    Ok(found)
}

/// When there is something to do for a channel.
pub(crate) fn next_due(
    connection: &Connection,
    channel: &str,
    now: UnixMicros,
) -> Result<Option<UnixMicros>, AlertsError> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT n.due_at FROM notice n WHERE {FIRST} ORDER BY n.due_at LIMIT 1"
    ))?;
    let mut next: Option<i64> = query.query_row([channel], |row| row.get(0)).optional()?;
    // What is not due yet must not speak for what is: it may be of a higher level.
    let later: Option<i64> = connection
        .prepare_cached(
            "SELECT min(due_at) FROM telling \
             WHERE channel = ?1 AND notice IS NULL AND due_at > ?2",
        )?
        .query_row((channel, now.0), |row| row.get(0))?;
    next = next.into_iter().chain(later).min();
    for waiting in waiting(connection, channel, now)? {
        let last = last(connection, channel, &waiting.recipient, &waiting.topic)?;
        let ready = ready_at(&waiting, last);
        next = Some(next.map_or(ready, |next| next.min(ready)));
    }
    Ok(next.map(UnixMicros))
}

/// Remembers that an attempt begins: if nothing is heard of its end, the next one says so.
pub(crate) fn begin(
    connection: &Connection,
    delivery: &Delivery,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    connection
        .prepare_cached("UPDATE notice SET begun_at = ?2 WHERE id = ?1")?
        .execute((delivery.id, now.0))?;
    Ok(())
}

/// Marks how an attempt ended.
pub(crate) fn done(
    tx: &Transaction<'_>,
    delivery: &Delivery,
    result: &DeliveryResult,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    let attempts = delivery.attempts.saturating_add(1);
    let (state, reference) = match result {
        DeliveryResult::Delivered => ("delivered", None),
        DeliveryResult::Sent(reference) => ("sent", reference.as_deref()),
        DeliveryResult::Refused(error)
        | DeliveryResult::Failed(error)
        | DeliveryResult::Unclear(error) => {
            let refused = matches!(result, DeliveryResult::Refused(_));
            let unclear = matches!(result, DeliveryResult::Unclear(_));
            let longest = if refused { MAX_WAIT_REFUSED } else { outbox::MAX_WAIT };
            let due = now.plus(outbox::wait(&delivery.idempotency_key, attempts, longest));
            tx.prepare_cached(
                "UPDATE notice SET attempts = ?2, due_at = ?3, last_error = ?4, \
                 begun_at = CASE WHEN ?5 THEN begun_at END WHERE id = ?1",
            )?
            .execute((
                delivery.id,
                attempts,
                due.0,
                outbox::clipped(error),
                unclear,
            ))?;
            return Ok(());
        }
    };
    let delivered = (state == "delivered").then_some(now.0);
    tx.prepare_cached(
        "UPDATE notice SET state = ?2, attempts = ?3, finished_at = ?4, delivered_at = ?5, \
         reference = ?6, begun_at = NULL, last_error = NULL WHERE id = ?1",
    )?
    .execute((delivery.id, state, attempts, now.0, delivered, reference))?;
    Ok(())
}

/// Gives up what nobody can be told any more; how many.
pub(crate) fn give_up(
    tx: &Transaction<'_>,
    roster: &Roster,
    now: UnixMicros,
) -> Result<u64, AlertsError> {
    let old = now.0.saturating_sub(outbox::GIVE_UP_AFTER);
    let mut given_up = tx
        .prepare_cached(
            "UPDATE notice SET state = 'given_up', finished_at = ?1, \
             last_error = coalesce(last_error, 'too old') WHERE state = 'pending' \
             AND created_at < ?2 AND NOT EXISTS (SELECT 1 FROM telling t \
             JOIN episode e ON e.id = t.episode WHERE t.notice = notice.id AND e.open = 1)",
        )?
        .execute((now.0, old))?;
    let mut query = tx.prepare_cached(
        "SELECT DISTINCT channel, recipient FROM notice WHERE state = 'pending' AND topic <> ?1 \
         UNION SELECT DISTINCT channel, recipient FROM telling WHERE notice IS NULL",
    )?;
    let all: Vec<(String, String)> = query
        .query_map([SELF_TEST], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (channel, recipient) in all {
        if roster.address(&channel, &recipient).is_some() {
            continue;
        }
        given_up += tx
            .prepare_cached(
                "UPDATE notice SET state = 'given_up', finished_at = ?3, \
                 last_error = 'no such recipient any more' \
                 WHERE state = 'pending' AND channel = ?1 AND recipient = ?2",
            )?
            .execute((&channel, &recipient, now.0))?;
        given_up += tx
            .prepare_cached(
                "DELETE FROM telling WHERE notice IS NULL AND channel = ?1 AND recipient = ?2",
            )?
            .execute([&channel, &recipient])?;
    }
    Ok(given_up as u64)
}
