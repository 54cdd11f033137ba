//! Whether each channel works: tried once a week, and whenever it is used.

use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::Serialize;
use tram_rules::Language;
use tram_wire::UnixMicros;

use super::{
    notice::{Notice, NoticeKind, Row, SELF_TEST, digest, insert},
    roster::SelfTest,
    words,
};
use crate::{
    AlertsError, DeliveryResult, outbox,
    settings::Settings,
    time::{self, HOUR, LOCAL_AHEAD},
};

const DAY: i64 = 24 * HOUR;
/// A channel over which nothing has got through for so long is said not to be proved: a week and a
/// day, so that the weekly test has a day to get through.
pub const UNPROVED_AFTER: i64 = 8 * DAY;

/// How well a channel is known to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelState {
    /// Its name in the configuration.
    pub name: String,
    /// Whether something got through within [`UNPROVED_AFTER`].
    pub proved: bool,
    /// When something last got through, RFC 3339 in UTC.
    pub proved_at: Option<String>,
    /// When it was last tested, RFC 3339 in UTC.
    pub tried_at: Option<String>,
    /// Seconds since something got through; absent when nothing ever did.
    pub age_s: Option<i64>,
    /// Why the last attempt failed, when it did.
    pub error: Option<String>,
}

/// Notes how an attempt over a channel ended.
pub(crate) fn note(
    tx: &Transaction<'_>,
    channel: &str,
    result: &DeliveryResult,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    match result {
        DeliveryResult::Delivered | DeliveryResult::Sent(_) => {
            tx.prepare_cached(
                "INSERT INTO proof (channel, proved_at) VALUES (?1, ?2) \
                 ON CONFLICT (channel) DO UPDATE SET proved_at = ?2, error = NULL",
            )?
            .execute((channel, now.0))?;
        }
        DeliveryResult::Refused(error)
        | DeliveryResult::Failed(error)
        | DeliveryResult::Unclear(error) => {
            tx.prepare_cached(
                "INSERT INTO proof (channel, error) VALUES (?1, ?2) \
                 ON CONFLICT (channel) DO UPDATE SET error = ?2",
            )?
            .execute((channel, outbox::clipped(error)))?;
        }
    }
    Ok(())
}

/// The last time at or before `now` at which channels are to be tried.
fn slot(test: &SelfTest, now: UnixMicros) -> i64 {
    let local = now.0.saturating_add(LOCAL_AHEAD);
    let day = local.div_euclid(DAY);
    // 1 January 1970 was a Thursday.
    let back = (day + 3 - test.weekday).rem_euclid(7);
    let slot = (day - back) * DAY + test.at;
    let slot = if slot > local { slot - 7 * DAY } else { slot };
    slot - LOCAL_AHEAD
}

/// Queues a test of every channel when it is time; whether it was.
pub(crate) fn self_test(
    tx: &Transaction<'_>,
    settings: &Settings,
    now: UnixMicros,
) -> Result<bool, AlertsError> {
    let roster = &settings.roster;
    let Some(test) = &roster.self_test else { return Ok(false) };
    let slot = slot(test, now);
    let last: Option<i64> = tx
        .prepare_cached("SELECT slot FROM self_test")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if last.is_some_and(|last| last >= slot) {
        return Ok(false);
    }
    tx.prepare_cached("INSERT OR REPLACE INTO self_test (one, slot) VALUES (1, ?1)")?
        .execute([slot])?;
    // An installation that is new waits for its first hour like any other.
    if last.is_none() {
        return Ok(false);
    }
    for channel in &roster.channels {
        try_channel(tx, settings, channel, slot, now)?;
    }
    Ok(true)
}

/// Queues a test of one channel.
fn try_channel(
    tx: &Transaction<'_>,
    settings: &Settings,
    channel: &str,
    slot: i64,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    let roster = &settings.roster;
    let person = roster.self_test.as_ref().and_then(|test| roster.people.get(&test.person));
    let speaker = roster.speakers.iter().find(|speakers| speakers.channel == channel);
    let reached = person.filter(|person| person.reach.contains_key(channel));
    let recipient = match (speaker, reached) {
        (Some(speakers), _) => speakers.stations.first().map_or("", String::as_str),
        (None, Some(person)) => person.id.as_str(),
        (None, None) => "",
    };
    let language = reached.map_or(Language::Vi, |person| person.language);
    let (subject, line) = words::self_test(language);
    let notice = Notice {
        key: digest(&[SELF_TEST, channel, &slot.to_string()]),
        kind: NoticeKind::SelfTest,
        status: "test".to_owned(),
        language,
        hazard: SELF_TEST.to_owned(),
        area: String::new(),
        level: 0,
        over: false,
        subject: subject.to_owned(),
        lines: vec![line.to_owned()],
        more: None,
        instruction: None,
        links: Vec::new(),
        episodes: Vec::new(),
    };
    // A test of last week that never got through is of no use to anybody.
    tx.prepare_cached(
        "UPDATE notice SET state = 'given_up', finished_at = ?2 \
         WHERE channel = ?1 AND topic = ?3 AND state = 'pending'",
    )?
    .execute((channel, now.0, SELF_TEST))?;
    let row = Row { topic: SELF_TEST, level: 0, escalated: -1, burst: 0 };
    insert(tx, channel, recipient, &row, &notice, now)?;
    tx.prepare_cached(
        "INSERT INTO proof (channel, tried_at) VALUES (?1, ?2) \
         ON CONFLICT (channel) DO UPDATE SET tried_at = ?2",
    )?
    .execute((channel, now.0))?;
    Ok(())
}

/// How well each channel is known to work, in the order of the configuration.
pub(crate) fn states(
    connection: &Connection,
    settings: &Settings,
    now: UnixMicros,
) -> Result<Vec<ChannelState>, AlertsError> {
    let mut query = connection
        .prepare_cached("SELECT tried_at, proved_at, error FROM proof WHERE channel = ?1")?;
    let mut states = Vec::with_capacity(settings.roster.channels.len());
    for channel in &settings.roster.channels {
        type Found = (Option<i64>, Option<i64>, Option<String>);
        let found: Option<Found> = query
            .query_row([channel], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let (tried_at, proved_at, error) = found.unwrap_or_default();
        let age = proved_at.map(|at| now.0.saturating_sub(at).max(0));
        let utc = |at: i64| time::utc(UnixMicros(at));
        states.push(ChannelState {
            name: channel.clone(),
            proved: age.is_some_and(|age| age < UNPROVED_AFTER),
            proved_at: proved_at.map(utc),
            tried_at: tried_at.map(utc),
            age_s: age.map(|age| age / time::SECOND),
            error,
        });
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::START;

    #[test]
    fn the_hour_of_the_test_is_the_last_one_of_its_weekday() {
        // START is Monday, 9 September 2024, 08:00 local time.
        let monday = |at: i64| START.0 - 8 * HOUR + at;
        for (weekday, at, expected) in [
            (0, 8 * HOUR, monday(8 * HOUR)),
            (0, 9 * HOUR, monday(9 * HOUR) - 7 * DAY),
            (6, 9 * HOUR, monday(9 * HOUR) - DAY),
            (1, 0, monday(0) - 6 * DAY),
        ] {
            let test = SelfTest { weekday, at, person: String::new() };
            assert_eq!(slot(&test, START), expected, "{weekday} {at}");
        }
    }
}
