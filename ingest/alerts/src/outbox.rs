//! Who still has to be told what, and when to try again.
//!
//! A row is written in the transaction of its transition and stays until the receiver has taken
//! it. A receiver gets the transitions of one episode in order, one after the other; episodes
//! don't wait for each other.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use sha2::{Digest, Sha256};
use tram_wire::UnixMicros;

use crate::{
    AlertsError, Delivery, DeliveryResult,
    change::Change,
    episode::Episode,
    settings::Settings,
    signature::hex,
    time::{HOUR, SECOND},
};

/// The most deliveries handed out at once.
pub const MAX_DUE: u32 = 16;
/// The most deliveries that wait; beyond it those of episodes that are over are given up, the
/// oldest first, and counted.
pub const MAX_PENDING: u32 = 100_000;
/// How long a delivery is tried after its episode is over; while it lasts there is no end.
pub const GIVE_UP_AFTER: i64 = 72 * HOUR;
/// The longest wait between two attempts at a receiver that does not answer.
pub const MAX_WAIT: i64 = 4 * SECOND;
/// The longest wait between two attempts at something a receiver refuses.
pub const MAX_WAIT_REFUSED: i64 = 60 * SECOND;
/// The longest text of an error that is kept, in bytes.
const MAX_ERROR_BYTES: usize = 300;

/// The key of one delivery: a digest of episode, transition, channel and recipient.
pub(crate) fn key(change: &Change, target: &str) -> String {
    let mut hash = Sha256::new();
    let at = change.at.0.to_string();
    let level = change.level.to_string();
    for part in [change.episode.as_str(), change.kind.name(), &level, &at, "webhook", target] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(hash.finalize().get(..16).unwrap_or_default())
}

/// Queues a transition for everybody who is to be told.
pub(crate) fn enqueue(
    tx: &Transaction<'_>,
    settings: &Settings,
    episode: &Episode,
    transition: i64,
    change: &Change,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    let notify = settings.rule(&episode.rule).map_or(&[][..], |rule| &rule.notify);
    for target in &settings.targets {
        let asked = notify.is_empty() || notify.contains(&target.name);
        if !asked || episode.highest < target.min_level {
            continue;
        }
        tx.prepare_cached(
            "INSERT OR IGNORE INTO outbox \
             (transition, episode, target, key, state, attempts, due_at, created_at) \
             VALUES (?1, ?2, ?3, ?4, 'pending', 0, ?5, ?5)",
        )?
        .execute((
            transition,
            &episode.id,
            &target.name,
            key(change, &target.name),
            now.0,
        ))?;
    }
    Ok(())
}

/// The newest transition of each open episode that a machine is told about.
pub(crate) fn standing(
    connection: &Connection,
    settings: &Settings,
    target: &str,
) -> Result<Vec<Vec<u8>>, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT t.body FROM episode e JOIN transition t ON t.number = \
         (SELECT max(l.number) FROM transition l WHERE l.episode = e.id) \
         WHERE e.open = 1 AND EXISTS \
         (SELECT 1 FROM outbox o WHERE o.episode = e.id AND o.target = ?1) LIMIT ?2",
    )?;
    let most = crate::MAX_OPEN_EPISODES;
    // A machine that is no longer told of anything is not told of this either.
    if !settings.targets.iter().any(|t| t.name == target) {
        return Ok(Vec::new());
    }
    let rows = query.query_map((target, most), |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How the receivers have been answering since the program started.
#[derive(Debug, Default)]
pub(crate) struct Receivers(HashMap<String, Silence>);

/// A receiver that does not answer.
#[derive(Debug)]
struct Silence {
    failures: u32,
    until: UnixMicros,
}

impl Receivers {
    /// How many deliveries a receiver may be asked with: one that did not answer with a single
    /// one, and not before its time.
    pub(crate) fn limit(&self, target: &str, now: UnixMicros) -> u32 {
        match self.0.get(target) {
            Some(silence) if silence.until > now => 0,
            Some(_) => 1,
            None => MAX_DUE,
        }
    }

    /// Until when a receiver that did not answer is left alone.
    pub(crate) fn silent_until(&self, target: &str) -> Option<UnixMicros> {
        self.0.get(target).map(|silence| silence.until)
    }

    /// What is due to one receiver.
    pub(crate) fn due(
        &self,
        connection: &Connection,
        target: &str,
        limit: u32,
        now: UnixMicros,
    ) -> Result<Vec<Delivery>, AlertsError> {
        let mut query = connection.prepare_cached(&format!(
            "SELECT o.id, o.key, t.body, o.attempts FROM outbox o \
             JOIN transition t ON t.number = o.transition \
             WHERE o.due_at <= ?2 AND {FIRST} ORDER BY o.attempts, o.id LIMIT ?3"
        ))?;
        let delivery = |row: &Row<'_>| {
            Ok(Delivery {
                id: row.get(0)?,
                notice: false,
                target: target.to_owned(),
                recipient: String::new(),
                address: String::new(),
                repeated: false,
                idempotency_key: row.get(1)?,
                body: row.get(2)?,
                attempts: row.get(3)?,
            })
        };
        let rows = query.query_map((target, now.0, limit), delivery)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When there is something to do for one receiver; `None` when nothing waits.
    pub(crate) fn next_due(
        &self,
        connection: &Connection,
        target: &str,
    ) -> Result<Option<UnixMicros>, AlertsError> {
        let mut query = connection.prepare_cached(&format!(
            "SELECT o.due_at FROM outbox o WHERE {FIRST} ORDER BY o.due_at LIMIT 1"
        ))?;
        let due: Option<i64> = query.query_row([target], |row| row.get(0)).optional()?;
        Ok(due.map(UnixMicros))
    }

    /// Remembers whether a receiver answers.
    pub(crate) fn note(&mut self, target: &str, result: &DeliveryResult, now: UnixMicros) {
        match result {
            DeliveryResult::Delivered | DeliveryResult::Sent(_) | DeliveryResult::Refused(_) => {
                self.0.remove(target);
            }
            DeliveryResult::Failed(_) | DeliveryResult::Unclear(_) => {
                let silence =
                    self.0.entry(target.to_owned()).or_insert(Silence { failures: 0, until: now });
                silence.failures = silence.failures.saturating_add(1);
                silence.until = now.plus(wait(target, silence.failures, MAX_WAIT));
            }
        }
    }

    /// Marks how an attempt ended.
    pub(crate) fn done(
        tx: &Transaction<'_>,
        delivery: &Delivery,
        result: &DeliveryResult,
        now: UnixMicros,
    ) -> Result<(), AlertsError> {
        let attempts = delivery.attempts.saturating_add(1);
        let error = match result {
            DeliveryResult::Delivered | DeliveryResult::Sent(_) => {
                tx.prepare_cached(
                    "UPDATE outbox SET state = 'delivered', attempts = ?2, finished_at = ?3 \
                     WHERE id = ?1",
                )?
                .execute((delivery.id, attempts, now.0))?;
                return Ok(());
            }
            DeliveryResult::Refused(error)
            | DeliveryResult::Failed(error)
            | DeliveryResult::Unclear(error) => error,
        };
        let refused = matches!(result, DeliveryResult::Refused(_));
        let longest = if refused { MAX_WAIT_REFUSED } else { MAX_WAIT };
        let due = now.plus(wait(&delivery.idempotency_key, attempts, longest));
        tx.prepare_cached(
            "UPDATE outbox SET attempts = ?2, due_at = ?3, last_error = ?4 WHERE id = ?1",
        )?
        .execute((delivery.id, attempts, due.0, clipped(error)))?;
        Ok(())
    }
}

/// `o` waits for receiver `?1`, and nothing of the same episode waits before it.
const FIRST: &str = "o.target = ?1 AND o.state = 'pending' AND NOT EXISTS (\
    SELECT 1 FROM outbox e WHERE e.target = o.target AND e.episode = o.episode \
    AND e.state = 'pending' AND e.id < o.id)";

/// How long to wait after so many failures: half a second, doubled each time up to `longest`, and
/// up to a fifth less, so that receivers and deliveries do not all come at once. The spread is
/// drawn from `seed`, not from chance.
pub(crate) fn wait(seed: &str, failures: u32, longest: i64) -> i64 {
    let doubled = (SECOND / 2).saturating_mul(1 << failures.saturating_sub(1).min(16));
    let wait = doubled.min(longest);
    let digest = Sha256::digest(format!("{seed}/{failures}"));
    let spread = i64::from(digest.first().copied().unwrap_or(0));
    wait - wait / 5 * spread / 255
}

/// An error within its limit.
pub(crate) fn clipped(error: &str) -> &str {
    let end = error.char_indices().map(|(i, _)| i).find(|i| *i > MAX_ERROR_BYTES);
    error.get(..end.unwrap_or(error.len())).unwrap_or_default()
}

/// Gives up what nobody can be told any more; how many.
pub(crate) fn give_up(
    tx: &Transaction<'_>,
    settings: &Settings,
    now: UnixMicros,
) -> Result<u64, AlertsError> {
    let mut given_up = tx
        .prepare_cached(
            "UPDATE outbox SET state = 'given_up', finished_at = ?1, last_error = 'too old' \
             WHERE state = 'pending' AND created_at < ?2 \
             AND episode IN (SELECT id FROM episode WHERE open = 0)",
        )?
        .execute((now.0, now.0.saturating_sub(GIVE_UP_AFTER)))?;
    let names: Vec<&str> = settings.targets.iter().map(|target| target.name.as_str()).collect();
    given_up += tx
        .prepare_cached(
            "UPDATE outbox SET state = 'given_up', finished_at = ?1, \
             last_error = 'no such receiver any more' WHERE state = 'pending' \
             AND target NOT IN (SELECT value FROM json_each(?2))",
        )?
        .execute((now.0, serde_json::to_string(&names)?))?;
    let pending: u32 = tx
        .prepare_cached("SELECT count(*) FROM outbox WHERE state = 'pending'")?
        .query_row([], |row| row.get(0))?;
    if pending > MAX_PENDING {
        given_up += tx
            .prepare_cached(
                "UPDATE outbox SET state = 'given_up', finished_at = ?1, \
                 last_error = 'too many wait' WHERE id IN (SELECT o.id FROM outbox o \
                 JOIN episode e ON e.id = o.episode WHERE o.state = 'pending' AND e.open = 0 \
                 ORDER BY o.id LIMIT ?2)",
            )?
            .execute((now.0, pending - MAX_PENDING))?;
    }
    Ok(given_up as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Centre, MINUTE, flood, told};

    fn failed() -> DeliveryResult {
        DeliveryResult::Failed("connection refused".to_owned())
    }

    /// Fails whatever is due until `until`; how often was tried.
    fn outage(centre: &mut Centre, until: UnixMicros) -> usize {
        let mut tries = 0;
        loop {
            let Some(next) = centre.alerts.next_due("demo", centre.now).unwrap() else {
                return tries;
            };
            if next > until {
                centre.now = until;
                return tries;
            }
            centre.now = next;
            for delivery in centre.alerts.due("demo", centre.now).unwrap() {
                tries += 1;
                centre.alerts.done(&delivery, &failed(), next).unwrap();
            }
        }
    }

    #[test]
    fn raised_and_cleared_during_an_outage_are_both_delivered_within_seconds_of_its_end() {
        let mut rule = flood();
        rule.hold_s = 60;
        rule.late_s = 0;
        let mut centre = Centre::new(vec![rule]);
        centre.river(&[79_000, 80_100, 79_000, 79_000, 79_000]);
        let end = centre.now.plus(10 * MINUTE);
        let tries = outage(&mut centre, end);
        assert!((150..=250).contains(&tries), "{tries} attempts in 10 minutes");
        let next = centre.alerts.next_due("demo", end).unwrap().unwrap();
        assert!(next.since(end) <= MAX_WAIT, "{}", next.since(end));
        centre.now = next;
        let kinds: Vec<String> = centre.deliver().iter().map(told).collect();
        assert_eq!(kinds, ["raised 1", "cleared 0"]);
    }

    #[test]
    fn a_receiver_that_does_not_answer_is_asked_with_one_delivery() {
        let mut centre = Centre::new(vec![flood()]);
        for n in 0..40_u8 {
            let mut alarm =
                crate::fixture::word("siren-only", 1, tram_wire::AlarmKind::Raised, 1, 0);
            alarm.episode = tram_wire::EpisodeId([n; 16]);
            centre.take(Vec::new(), vec![alarm]);
        }
        let now = centre.now;
        let due = centre.alerts.due("demo", now).unwrap();
        assert_eq!(due.len(), MAX_DUE as usize);
        centre.alerts.done(&due[0], &failed(), now).unwrap();
        assert_eq!(centre.alerts.due("demo", now).unwrap(), []);
        let next = centre.alerts.next_due("demo", now).unwrap().unwrap();
        assert!(next > now);
        let probe = centre.alerts.due("demo", next).unwrap();
        assert_eq!(probe.len(), 1);
        assert_ne!(probe[0].id, due[0].id, "one that was not tried yet goes first");
        centre.now = next;
        assert_eq!(centre.deliver().len(), 40);
    }

    #[test]
    fn what_one_receiver_refuses_holds_up_neither_other_episodes_nor_other_receivers() {
        let mut centre = Centre::new(vec![flood()]);
        centre.config.webhook.push(crate::WebhookConfig {
            name: "other".to_owned(),
            min_level: 2,
            ..centre.config.webhook[0].clone()
        });
        centre.reopen();
        centre.rise();
        let now = centre.now;
        let due = centre.alerts.due("demo", now).unwrap();
        assert_eq!(due.len(), 1, "in one episode one waits for the other");
        let refused = DeliveryResult::Refused("answered 400".to_owned());
        centre.alerts.done(&due[0], &refused, now).unwrap();
        centre.take(
            Vec::new(),
            vec![crate::fixture::word("siren-only", 1, tram_wire::AlarmKind::Raised, 1, 0)],
        );
        assert_eq!(centre.deliver().iter().map(told).collect::<Vec<_>>(), ["raised 1"]);
        let other = centre.alerts.due("other", now).unwrap();
        assert_eq!(other.iter().map(told).collect::<Vec<_>>(), ["raised 2"]);
        assert_ne!(other[0].idempotency_key, due[0].idempotency_key);
    }

    #[test]
    fn a_delivery_is_given_up_only_long_after_its_episode() {
        let mut centre = Centre::new(vec![flood()]);
        centre.rise();
        centre.now = centre.now.plus(GIVE_UP_AFTER * 2);
        centre.alerts.tick(centre.now).unwrap();
        assert_eq!(centre.alerts.counters().unwrap().given_up_total, 0);
        assert!(centre.alerts.next_due("demo", centre.now).unwrap().is_some());
        let id = centre.alerts.alarms(centre.now).unwrap().pop().unwrap().id;
        let now = centre.now;
        centre.alerts.withdraw(&id, "x", "", now).unwrap();
        centre.now = centre.now.plus(MINUTE);
        centre.alerts.tick(centre.now).unwrap();
        let counters = centre.alerts.counters().unwrap();
        assert_eq!(counters.given_up_total, 2, "{counters:?}");
    }

    #[test]
    fn what_waits_for_a_receiver_that_was_removed_is_given_up() {
        let mut centre = Centre::new(vec![flood()]);
        centre.rise();
        centre.config.webhook.clear();
        centre.reopen();
        centre.alerts.tick(centre.now).unwrap();
        assert_eq!(centre.alerts.counters().unwrap().pending_deliveries, 0);
    }

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread_by_a_fifth_at_most() {
        for (failures, longest) in [(1, SECOND / 2), (2, SECOND), (3, 2 * SECOND), (4, MAX_WAIT)] {
            let waits: Vec<i64> =
                (0..50).map(|i| wait(&format!("k{i}"), failures, MAX_WAIT)).collect();
            assert!(waits.iter().all(|w| *w <= longest && *w >= longest * 4 / 5), "{waits:?}");
            assert!(waits.iter().any(|w| *w != waits[0]), "no spread");
        }
        assert!(wait("k", u32::MAX, MAX_WAIT) <= MAX_WAIT);
        assert_eq!(wait("k", 7, MAX_WAIT), wait("k", 7, MAX_WAIT));
    }
}
