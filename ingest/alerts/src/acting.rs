//! What people do with alarms. Each act is on the disk, with its line in the audit, before the
//! call returns.

use rusqlite::Connection;
use tram_rules::TransitionKind;
use tram_wire::{EpisodeId, UnixMicros};

use crate::{
    Alarm, Alerts, AlertsError, ApprovalState, AuditLine, CapMessage, audit, database,
    episode::{Episode, Mark},
    ledger::{self, Recorded},
    messages, people,
    publish::Occasion,
    sweep,
    time::{self, HOUR},
};

/// The most alarms listed. Those that go on come before those that are over.
pub const MAX_LISTED: u32 = 1_000;
/// The longest name of a person, in bytes.
pub const MAX_PERSON_BYTES: usize = 100;
/// The longest comment, in bytes.
pub const MAX_COMMENT_BYTES: usize = 1_000;
/// The longest shelving: a week.
pub const MAX_SHELVE: i64 = 7 * 24 * HOUR;

impl Alerts {
    /// The alarm list, newest first, at most [`MAX_LISTED`]. When there are more, those that are
    /// over are left out first.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn alarms(&self, now: UnixMicros) -> Result<Vec<Alarm>, AlertsError> {
        let mut query = self.connection.prepare_cached(
            "SELECT body FROM (SELECT body, raised_at FROM episode \
             ORDER BY open DESC, raised_at DESC LIMIT ?1) ORDER BY raised_at DESC",
        )?;
        let bodies = query.query_map([MAX_LISTED], |row| row.get::<_, String>(0))?;
        bodies
            .map(|body| {
                let episode: Episode = serde_json::from_str(&body?)?;
                ledger::view(&self.connection, &self.settings, &episode, now)
            })
            .collect()
    }

    /// One alarm, by its id or one it had before.
    ///
    /// # Errors
    /// [`AlertsError::Unknown`] when there is none.
    pub fn alarm(&self, id: &EpisodeId, now: UnixMicros) -> Result<Alarm, AlertsError> {
        let episode = find(&self.connection, id)?;
        ledger::view(&self.connection, &self.settings, &episode, now)
    }

    /// Says that somebody has seen the alarm at its present level.
    ///
    /// # Errors
    /// [`AlertsError`] when there is no such alarm, a text is unfit, or it could not be written.
    pub fn acknowledge(
        &mut self,
        id: &EpisodeId,
        by: &str,
        comment: &str,
        now: UnixMicros,
    ) -> Result<Alarm, AlertsError> {
        person(by, comment)?;
        let detail = serde_json::json!({ "comment": comment }).to_string();
        self.act("ack", id, by, &detail, now, |episode| {
            episode.acked = Some(mark(by, comment, now, episode.level));
        })
    }

    /// Puts the alarm aside until a time. It ends by itself then, or when the level rises.
    ///
    /// # Errors
    /// [`AlertsError`] when there is no such alarm, a text or the time is unfit, or it could not be
    /// written.
    pub fn shelve(
        &mut self,
        id: &EpisodeId,
        by: &str,
        until: UnixMicros,
        comment: &str,
        now: UnixMicros,
    ) -> Result<Alarm, AlertsError> {
        person(by, comment)?;
        if until <= now || until.since(now) > MAX_SHELVE {
            return Err(AlertsError::Invalid(
                "an alarm is shelved for at least a moment, at most a week",
            ));
        }
        let detail = serde_json::json!({ "comment": comment, "until": time::utc(until) });
        self.act("shelve", id, by, &detail.to_string(), now, |episode| {
            episode.shelved = Some(mark(by, comment, until, episode.level));
        })
    }

    /// Takes an alarm back that should not have been. The public gets a CAP Cancel, receivers a
    /// `withdrawn`. When the rule finds the level reached once more, the alarm is back.
    ///
    /// # Errors
    /// [`AlertsError`] when there is no such alarm or it is over, a text is unfit, or it could not be
    /// written.
    pub fn withdraw(
        &mut self,
        id: &EpisodeId,
        by: &str,
        comment: &str,
        now: UnixMicros,
    ) -> Result<Alarm, AlertsError> {
        person(by, comment)?;
        let episode = find(&self.connection, id)?;
        if !episode.open {
            return Err(OVER);
        }
        let detail = serde_json::json!({ "comment": comment }).to_string();
        let tx = self.connection.transaction()?;
        audit::append(&tx, now, "withdraw", &episode.id, by, &detail)?;
        let change = sweep::withdrawal(&episode, now);
        let recorded = ledger::record(&tx, &self.settings, &change, now)?;
        tx.commit()?;
        match recorded {
            Recorded::Written(alarm, _) => Ok(*alarm),
            Recorded::Nothing | Recorded::Refused => self.alarm(id, now),
        }
    }

    /// Lets the public be told of the level that holds: what was a draft is published, and so is
    /// every lower level of this episode from now on. `level` is what the person was shown.
    ///
    /// # Errors
    /// [`AlertsError::Conflict`] when the alarm stands at another level by now, or nothing waits;
    /// [`AlertsError`] when there is no such alarm, a text is unfit, or it could not be written.
    pub fn approve(
        &mut self,
        id: &EpisodeId,
        by: &str,
        level: u8,
        comment: &str,
        now: UnixMicros,
    ) -> Result<Alarm, AlertsError> {
        let mut episode = self.waiting(id, by, level, comment)?;
        episode.approved = Some(mark(by, comment, now, level));
        episode.rejected = None;
        let tx = self.connection.transaction()?;
        episode.save(&tx)?;
        messages::send(&tx, &self.settings, &episode, Occasion::Approved, now)?;
        people::tell_approved(&tx, &self.settings, &episode, level, now)?;
        let published = messages::newest_public(&tx, &episode.id)?.map(|m| m.identifier);
        let detail =
            serde_json::json!({ "comment": comment, "level": level, "published": published });
        audit::append(&tx, now, "approve", &episode.id, by, &detail.to_string())?;
        tx.commit()?;
        ledger::view(&self.connection, &self.settings, &episode, now)
    }

    /// Keeps the public from being told of the level that holds. The next level asks anew.
    ///
    /// # Errors
    /// As of [`approve`](Self::approve); the comment says why and must not be empty.
    pub fn reject(
        &mut self,
        id: &EpisodeId,
        by: &str,
        level: u8,
        comment: &str,
        now: UnixMicros,
    ) -> Result<Alarm, AlertsError> {
        reason(comment)?;
        let episode = self.waiting(id, by, level, comment)?;
        let detail = serde_json::json!({ "comment": comment, "level": level }).to_string();
        let id = episode.id.parse().unwrap_or(*id);
        self.act("reject", &id, by, &detail, now, |episode| {
            episode.rejected = Some(mark(by, comment, now, level));
        })
    }

    /// Says that the danger is over, whatever the readings say or fail to say. The public gets an
    /// all-clear, receivers a `cleared`; only a rise brings the alarm back.
    ///
    /// # Errors
    /// [`AlertsError::Conflict`] when it is over already; [`AlertsError`] when there is no such
    /// alarm, the comment is empty or a text unfit, or it could not be written.
    pub fn all_clear(
        &mut self,
        id: &EpisodeId,
        by: &str,
        comment: &str,
        now: UnixMicros,
    ) -> Result<Alarm, AlertsError> {
        person(by, comment)?;
        reason(comment)?;
        let mut episode = find(&self.connection, id)?;
        if !episode.open {
            return Err(OVER);
        }
        let detail = serde_json::json!({ "comment": comment }).to_string();
        let tx = self.connection.transaction()?;
        audit::append(&tx, now, "all-clear", &episode.id, by, &detail)?;
        episode.all_clear = Some(mark(by, comment, now, episode.level));
        episode.save(&tx)?;
        let change = sweep::end(&episode, TransitionKind::Cleared, now);
        ledger::record(&tx, &self.settings, &change, now)?;
        tx.commit()?;
        self.alarm(id, now)
    }

    /// The newest draft of an alarm: what the public would be told.
    ///
    /// # Errors
    /// [`AlertsError::Unknown`] when there is no such alarm; [`AlertsError`] when the file cannot
    /// be read.
    pub fn draft(&self, id: &EpisodeId) -> Result<Option<CapMessage>, AlertsError> {
        messages::newest_draft(&self.connection, &find(&self.connection, id)?.id)
    }

    /// The episode whose draft of `level` waits for a person's word.
    fn waiting(
        &self,
        id: &EpisodeId,
        by: &str,
        level: u8,
        comment: &str,
    ) -> Result<Episode, AlertsError> {
        person(by, comment)?;
        if !self.settings.may_approve(by) {
            return Err(AlertsError::Forbidden(
                "`alerts.approvers` does not name this person: only those approve and reject",
            ));
        }
        let episode = find(&self.connection, id)?;
        if !episode.open {
            return Err(OVER);
        }
        if episode.level != level {
            return Err(AlertsError::Conflict(
                "the alarm stands at another level by now: look at it again, then decide",
            ));
        }
        let rule = self.settings.rule(&episode.rule);
        match rule.and_then(|rule| episode.approval(rule)).map(|approval| approval.state) {
            Some(ApprovalState::Waiting | ApprovalState::Rejected) => Ok(episode),
            Some(ApprovalState::Approved) => {
                Err(AlertsError::Conflict("the level is approved already"))
            }
            None => Err(AlertsError::Conflict("the level needs nobody's approval")),
        }
    }

    /// Writes down an order to a node, or what became of one: `action` in one word, `actor` who gave
    /// it or which node answered, `detail` as JSON.
    ///
    /// # Errors
    /// [`AlertsError`] when a text is unfit, or it could not be written.
    pub fn note_order(
        &mut self,
        action: &str,
        actor: &str,
        detail: &str,
        now: UnixMicros,
    ) -> Result<(), AlertsError> {
        person(actor, detail)?;
        let tx = self.connection.transaction()?;
        audit::append(&tx, now, action, "", actor, detail)?;
        Ok(tx.commit()?)
    }

    /// The newest lines of the audit, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn audit(&self, limit: u32) -> Result<Vec<AuditLine>, AlertsError> {
        audit::newest(&self.connection, limit.min(MAX_LISTED))
    }

    /// The number of the first line of the audit that is not as it was written; `None` when all
    /// are.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn verify_audit(&self) -> Result<Option<u64>, AlertsError> {
        audit::verify(&self.connection)
    }

    fn act(
        &mut self,
        action: &str,
        id: &EpisodeId,
        by: &str,
        detail: &str,
        now: UnixMicros,
        change: impl FnOnce(&mut Episode),
    ) -> Result<Alarm, AlertsError> {
        let mut episode = find(&self.connection, id)?;
        change(&mut episode);
        let tx = self.connection.transaction()?;
        episode.save(&tx)?;
        audit::append(&tx, now, action, &episode.id, by, detail)?;
        if action == "ack" {
            people::confirmed(&tx, &self.settings, &episode.id, by, now)?;
        }
        tx.commit()?;
        ledger::view(&self.connection, &self.settings, &episode, now)
    }
}

fn find(connection: &Connection, id: &EpisodeId) -> Result<Episode, AlertsError> {
    let known = match database::resolve(connection, &id.to_string())? {
        Some(id) => Episode::load(connection, &id)?,
        None => None,
    };
    known.ok_or(AlertsError::Unknown(*id))
}

/// What nothing more can be decided about.
const OVER: AlertsError = AlertsError::Conflict("the alarm is over already");

fn mark(by: &str, comment: &str, at: UnixMicros, level: u8) -> Mark {
    Mark { by: by.to_owned(), comment: comment.to_owned(), at: at.0, level }
}

/// What is decided against a warning needs its reason.
fn reason(comment: &str) -> Result<(), AlertsError> {
    if comment.trim().is_empty() {
        return Err(AlertsError::Invalid("`comment` says why; it must not be empty"));
    }
    Ok(())
}

pub(crate) fn person(by: &str, comment: &str) -> Result<(), AlertsError> {
    if by.trim().is_empty() || by.len() > MAX_PERSON_BYTES {
        return Err(AlertsError::Invalid("`by` is the name of a person, 1 to 100 bytes"));
    }
    if comment.len() > MAX_COMMENT_BYTES {
        return Err(AlertsError::Invalid("`comment` is at most 1000 bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
