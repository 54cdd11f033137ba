//! The CAP messages that were sent, as they are kept.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use tram_wire::UnixMicros;

use crate::{
    AlertsError,
    episode::Episode,
    publish::{Occasion, Outgoing, Sent, outgoing},
    settings::Settings,
    signature::hex,
};

/// A CAP message: a public one, or a draft for those who approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapMessage {
    /// Its identifier.
    pub identifier: String,
    /// The document, `application/cap+xml`.
    pub xml: String,
    /// A strong entity tag with its quotes.
    pub etag: String,
}

/// Decides on messages and keeps them.
pub(crate) fn send(
    tx: &Transaction<'_>,
    settings: &Settings,
    episode: &Episode,
    occasion: Occasion,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    let history = history(tx, &episode.id)?;
    for Outgoing { sent, title, xml, sound } in outgoing(settings, episode, occasion, &history, now)
    {
        // A message that breaks the standard, through a text of a rule that no check foresaw, is
        // kept for whoever mends it, but not shown as a warning.
        let public = sent.public && sound;
        tx.prepare_cached(
            "INSERT INTO message \
             (identifier, episode, number, sent, expires, public, level, ends, title, xml, sound) \
             VALUES (?1, ?2, (SELECT count(*) FROM message WHERE episode = ?2), \
             ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            sent.identifier,
            &episode.id,
            sent.sent.0,
            sent.expires.0,
            public,
            sent.level,
            sent.ends,
            title,
            xml,
            sound,
        ))?;
    }
    Ok(())
}

/// The messages of an episode, oldest first.
pub(crate) fn history(connection: &Connection, episode: &str) -> Result<Vec<Sent>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT identifier, sent, expires, public, level, ends FROM message \
         WHERE episode = ?1 ORDER BY sent, number",
    )?;
    let sent = |row: &Row<'_>| {
        Ok(Sent {
            identifier: row.get(0)?,
            sent: UnixMicros(row.get(1)?),
            expires: UnixMicros(row.get(2)?),
            public: row.get(3)?,
            level: row.get(4)?,
            ends: row.get(5)?,
        })
    };
    Ok(query.query_map([episode], sent)?.collect::<Result<_, _>>()?)
}

/// An episode's newest public message, as far as the alarm list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Public {
    pub(crate) identifier: String,
    pub(crate) level: u8,
    pub(crate) expires: UnixMicros,
}

/// An episode's newest public message.
pub(crate) fn newest_public(
    connection: &Connection,
    episode: &str,
) -> Result<Option<Public>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT identifier, level, expires FROM message WHERE episode = ?1 AND public = 1 \
         ORDER BY sent DESC, number DESC LIMIT 1",
    )?;
    let public = |row: &Row<'_>| {
        Ok(Public { identifier: row.get(0)?, level: row.get(1)?, expires: UnixMicros(row.get(2)?) })
    };
    Ok(query.query_row([episode], public).optional()?)
}

/// The newest draft of an episode: what the public would be told.
pub(crate) fn newest_draft(
    connection: &Connection,
    episode: &str,
) -> Result<Option<CapMessage>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT identifier, xml FROM message WHERE episode = ?1 AND public = 0 AND sound = 1 \
         ORDER BY sent DESC, number DESC LIMIT 1",
    )?;
    let found = query.query_row([episode], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(identifier, xml): (String, String)| CapMessage {
        identifier,
        etag: etag(xml.as_bytes()),
        xml,
    }))
}

/// A public message by its identifier.
pub(crate) fn public(
    connection: &Connection,
    identifier: &str,
) -> Result<Option<CapMessage>, AlertsError> {
    let mut query = connection
        .prepare_cached("SELECT xml FROM message WHERE identifier = ?1 AND public = 1")?;
    let xml: Option<String> = query.query_row([identifier], |row| row.get(0)).optional()?;
    Ok(xml.map(|xml| CapMessage {
        identifier: identifier.to_owned(),
        etag: etag(xml.as_bytes()),
        xml,
    }))
}

/// A strong entity tag: the first half of the content's SHA-256, in quotes.
pub(crate) fn etag(content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(content);
    format!("\"{}\"", hex(digest.get(..16).unwrap_or_default()))
}
