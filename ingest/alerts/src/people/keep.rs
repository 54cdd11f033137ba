//! What is kept of people: its tables, and how they follow an episode.

use rusqlite::Transaction;

use crate::AlertsError;

/// Made when they are not there, so that a file from before gets them as well.
///
/// * `telling`: one recipient over one channel about one transition; once it is in a message,
///   `notice` says in which.
/// * `notice`: one message to one recipient over one channel.
/// * `escalation`: which step of which group's chain comes when.
/// * `answer`: when somebody opened a message about an episode, and when they confirmed it.
/// * `proof`: when a channel was last tried and when it last worked.
pub(crate) const TABLES: &str = "
CREATE TABLE IF NOT EXISTS telling (
    id INTEGER PRIMARY KEY AUTOINCREMENT, transition INTEGER NOT NULL, episode TEXT NOT NULL,
    recipient TEXT NOT NULL, channel TEXT NOT NULL, key TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL, level INTEGER NOT NULL, urgent INTEGER NOT NULL, step INTEGER NOT NULL,
    due_at INTEGER NOT NULL, created_at INTEGER NOT NULL, notice INTEGER
);
CREATE INDEX IF NOT EXISTS telling_waiting ON telling (channel, recipient, topic, due_at)
    WHERE notice IS NULL;
CREATE INDEX IF NOT EXISTS telling_episode ON telling (episode, recipient, channel);
CREATE INDEX IF NOT EXISTS telling_notice ON telling (notice);
CREATE TABLE IF NOT EXISTS notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, recipient TEXT NOT NULL,
    topic TEXT NOT NULL, key TEXT NOT NULL UNIQUE, level INTEGER NOT NULL,
    escalated INTEGER NOT NULL, burst INTEGER NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL, begun_at INTEGER, finished_at INTEGER, delivered_at INTEGER,
    reference TEXT, last_error TEXT, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS notice_pending ON notice (channel, recipient, topic, id)
    WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS notice_topic ON notice (channel, recipient, topic, id);
CREATE INDEX IF NOT EXISTS notice_reference ON notice (channel, reference);
CREATE TABLE IF NOT EXISTS escalation (
    episode TEXT NOT NULL, team TEXT NOT NULL, level INTEGER NOT NULL, step INTEGER NOT NULL,
    began_at INTEGER NOT NULL, due_at INTEGER NOT NULL, transition INTEGER NOT NULL,
    PRIMARY KEY (episode, team)
);
CREATE INDEX IF NOT EXISTS escalation_due ON escalation (due_at);
CREATE TABLE IF NOT EXISTS answer (
    episode TEXT NOT NULL, person TEXT NOT NULL, opened_at INTEGER, confirmed_at INTEGER,
    PRIMARY KEY (episode, person)
);
CREATE TABLE IF NOT EXISTS proof (
    channel TEXT PRIMARY KEY, tried_at INTEGER, proved_at INTEGER, error TEXT
);
CREATE TABLE IF NOT EXISTS self_test (
    one INTEGER PRIMARY KEY CHECK (one = 1), slot INTEGER NOT NULL
);
";

/// Gives an episode its new name.
pub(crate) fn rename(tx: &Transaction<'_>, old: &str, new: &str) -> Result<(), AlertsError> {
    for statement in [
        "UPDATE telling SET episode = ?2 WHERE episode = ?1",
        "UPDATE OR REPLACE escalation SET episode = ?2 WHERE episode = ?1",
        "UPDATE OR IGNORE answer SET episode = ?2 WHERE episode = ?1",
    ] {
        tx.prepare_cached(statement)?.execute([old, new])?;
    }
    Ok(())
}

/// Forgets what was said about an episode.
pub(crate) fn forget(tx: &Transaction<'_>, episode: &str) -> Result<(), AlertsError> {
    for statement in [
        "DELETE FROM notice WHERE state <> 'pending' AND id IN \
         (SELECT notice FROM telling WHERE episode = ?1) AND NOT EXISTS \
         (SELECT 1 FROM telling t WHERE t.notice = notice.id AND t.episode <> ?1)",
        "DELETE FROM telling WHERE episode = ?1",
        "DELETE FROM escalation WHERE episode = ?1",
        "DELETE FROM answer WHERE episode = ?1",
    ] {
        tx.prepare_cached(statement)?.execute([episode])?;
    }
    Ok(())
}
