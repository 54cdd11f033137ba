//! What people did: append-only, each line's hash taken over the line before.

use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tram_wire::{Actor, UnixMicros};

use crate::{AlertsError, NodeAlarm, signature::hex, time};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditLine {
    /// Its number, from 1, without gaps.
    pub number: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// `ack`, `shelve`, `approve`, `reject`, `all-clear`, `withdraw` or `drill`; `siren-…` for what was done with a siren; `order` and
    /// `order-…` for what a node was told to do, and what became of it.
    pub action: String,
    /// Which alarm; empty where there is none.
    pub episode: String,
    /// Who.
    pub actor: String,
    /// What they wrote, and until when a shelving lasts, as JSON.
    pub detail: String,
}

/// Adds a line.
pub(crate) fn append(
    tx: &Transaction<'_>,
    at: UnixMicros,
    action: &str,
    episode: &str,
    actor: &str,
    detail: &str,
) -> Result<(), AlertsError> {
    let last: Option<(i64, Vec<u8>)> = tx
        .prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (number, before) = last.map_or((1, Vec::new()), |(number, hash)| (number + 1, hash));
    let hash = chain(&before, number, at.0, [action, episode, actor, detail]);
    tx.prepare_cached(
        "INSERT INTO audit (number, at, action, episode, actor, detail, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((number, at.0, action, episode, actor, detail, hash.as_slice()))?;
    Ok(())
}

/// Adds what is known of a siren, unless it is there: the log is read again after a crash.
pub(crate) fn siren(
    tx: &Transaction<'_>,
    now: UnixMicros,
    alarm: &NodeAlarm,
) -> Result<(), AlertsError> {
    let actor = Actor::from_number(alarm.value).map_or("?", Actor::name);
    let episode = if alarm.version == 0 { String::new() } else { alarm.episode.to_string() };
    let detail = serde_json::json!({
        "station": alarm.station.to_string(),
        "at": time::utc(alarm.at),
        "at_us": alarm.at.0,
        "by": actor,
        "rule": alarm.rule.as_str(),
        "level": alarm.level,
    })
    .to_string();
    let action = alarm.kind.name();
    let known: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM audit WHERE action = ?1 AND detail = ?2)")?
        .query_row((action, &detail), |row| row.get(0))?;
    if known {
        return Ok(());
    }
    append(tx, now, action, &episode, &format!("{} ({actor})", alarm.station), &detail)
}

/// The number of the first line that is not what was written, or is missing; `None` when the
/// chain is whole. Lines cut off at the end are seen only by who remembers how many there were.
pub(crate) fn verify(connection: &Connection) -> Result<Option<u64>, AlertsError> {
    let mut query = connection.prepare(
        "SELECT number, at, action, episode, actor, detail, hash FROM audit ORDER BY number",
    )?;
    let mut rows = query.query([])?;
    let (mut expected, mut before) = (1_i64, Vec::new());
    while let Some(row) = rows.next()? {
        let (number, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let texts: [String; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        let hash: Vec<u8> = row.get(6)?;
        let [action, episode, actor, detail] = &texts;
        let right = chain(&before, number, at, [action, episode, actor, detail]);
        if number != expected || right.as_slice() != hash {
            return Ok(Some(expected.cast_unsigned()));
        }
        (expected, before) = (expected + 1, hash);
    }
    Ok(None)
}

/// What identifies everything that stands in an audit: its last line, whose digest covers all
/// before it. Written `NUMBER:DIGEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The line.
    pub number: u64,
    /// Its digest, 64 hexadecimal digits.
    digest: String,
}

impl core::fmt::Display for AuditHead {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}", self.number, self.digest)
    }
}

impl core::str::FromStr for AuditHead {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            "a head is NUMBER:DIGEST with 64 hexadecimal digits, as `audit verify` prints it";
        let (number, digest) = text.split_once(':').ok_or(wrong)?;
        let digest = digest.to_ascii_lowercase();
        if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        Ok(Self { number: number.parse().map_err(|_| wrong)?, digest })
    }
}

/// How a verification ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The first line that is missing or not what was written.
    pub broken: Option<u64>,
    /// The last line; `None` when there is none.
    pub head: Option<AuditHead>,
}

/// The audit of an alarm file, beside a running engine or without one.
#[derive(Debug)]
pub struct AuditReader(Connection);

impl AuditReader {
    /// Opens the audit of an alarm file for reading. `frozen` says that nobody writes it, as one in
    /// a backup.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn open(path: &std::path::Path, frozen: bool) -> Result<Self, AlertsError> {
        Ok(Self(crate::upkeep::open(path, frozen)?))
    }

    /// Looks at every line.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn verify(&self) -> Result<Verified, AlertsError> {
        // One view of the file: a running engine may add a line meanwhile.
        self.0.execute_batch("BEGIN")?;
        let broken = verify(&self.0)?;
        let head = self
            .0
            .prepare("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .optional()?;
        self.0.execute_batch("COMMIT")?;
        let head = head
            .map(|(number, hash)| AuditHead { number: number.cast_unsigned(), digest: hex(&hash) });
        Ok(Verified { broken, head })
    }

    /// Whether a head that was noted earlier still stands in it.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn has(&self, head: &AuditHead) -> Result<bool, AlertsError> {
        let hash: Option<Vec<u8>> = self
            .0
            .prepare("SELECT hash FROM audit WHERE number = ?1")?
            .query_row([head.number.cast_signed()], |row| row.get(0))
            .optional()?;
        Ok(hash.is_some_and(|hash| hex(&hash) == head.digest))
    }

    /// The newest lines, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn newest(&self, limit: u32) -> Result<Vec<AuditLine>, AlertsError> {
        newest(&self.0, limit.min(crate::MAX_LISTED))
    }
}

/// The newest lines, newest first.
pub(crate) fn newest(connection: &Connection, limit: u32) -> Result<Vec<AuditLine>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT number, at, action, episode, actor, detail FROM audit \
         ORDER BY number DESC LIMIT ?1",
    )?;
    let line = |row: &rusqlite::Row<'_>| {
        Ok(AuditLine {
            number: row.get::<_, i64>(0)?.cast_unsigned(),
            at: time::utc(UnixMicros(row.get(1)?)),
            action: row.get(2)?,
            episode: row.get(3)?,
            actor: row.get(4)?,
            detail: row.get(5)?,
        })
    };
    Ok(query.query_map([limit], line)?.collect::<Result<_, _>>()?)
}

/// The hash of a line: over the hash before it, its number, its time and its texts, each text with
/// its length in front.
fn chain(before: &[u8], number: i64, at: i64, texts: [&str; 4]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(number.to_be_bytes());
    hash.update(at.to_be_bytes());
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Centre, flood};

    /// A head that was noted shows what the chain alone cannot: that its end was cut off, or that
    /// all of it was written anew.
    #[test]
    fn a_head_that_is_kept_elsewhere_shows_what_was_cut_off() {
        let mut centre = Centre::new(vec![flood()]);
        centre.rise();
        let id = centre.alerts.alarms(centre.now).unwrap()[0].id;
        let reader = AuditReader::open(&centre.path(), false).unwrap();
        assert_eq!(reader.verify().unwrap(), Verified { broken: None, head: None });
        for person in ["a", "b", "c"] {
            centre.alerts.acknowledge(&id, person, "", centre.now).unwrap();
        }
        let found = reader.verify().unwrap();
        let head: AuditHead = found.head.unwrap().to_string().parse().unwrap();
        assert_eq!((found.broken, head.number), (None, 3));
        assert!(reader.has(&head).unwrap());
        centre.alerts.acknowledge(&id, "d", "", centre.now).unwrap();
        assert!(reader.has(&head).unwrap(), "more lines change nothing before them");
        assert_eq!(reader.newest(2).unwrap()[0].actor, "d");
        let sql = "DELETE FROM audit WHERE number >= 3";
        centre.alerts.connection.execute(sql, []).unwrap();
        assert_eq!(reader.verify().unwrap().broken, None, "the chain is whole");
        assert!(!reader.has(&head).unwrap());
        centre.alerts.acknowledge(&id, "c", "later", centre.now).unwrap();
        assert!(!reader.has(&head).unwrap());
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let digest = "0".repeat(64);
        assert!(format!("1:{digest}").parse::<AuditHead>().is_ok());
        for bad in ["", "1", "1:", "x:00", &format!(":{digest}"), &format!("1:{digest}0"), "1:é"] {
            assert!(bad.parse::<AuditHead>().is_err(), "{bad}");
        }
    }
}
