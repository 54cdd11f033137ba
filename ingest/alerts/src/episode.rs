//! An episode as it is kept: one warning at one station, from its first level to its end.

use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::{Deserialize, Serialize};
use tram_rules::{Rule, Severity, Words};
use tram_wire::{EpisodeId, Quantity, UnixMicros};

use crate::{
    Acknowledged, Alarm, AlarmState, AlertsError, Approval, ApprovalState, MessageStatus, Shelved,
    Source, messages::Public, settings::Settings, time,
};

/// What a person did to an episode, at which level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) by: String,
    pub(crate) comment: String,
    /// When it was done; of a shelving, until when it lasts.
    pub(crate) at: i64,
    pub(crate) level: u8,
}

/// One episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Episode {
    pub(crate) id: String,
    pub(crate) rule: String,
    pub(crate) version: u32,
    pub(crate) station: String,
    pub(crate) channel: String,
    /// The quantity's name.
    pub(crate) quantity: String,
    /// It is about a station that says nothing, not about what it measures.
    pub(crate) silence: bool,
    pub(crate) open: bool,
    /// The level that holds; 0 in a silence and at the end.
    pub(crate) level: u8,
    /// The highest level so far.
    pub(crate) highest: u8,
    /// It was taken back: it never was, or its rule changed under it.
    pub(crate) withdrawn: bool,
    /// The station says nothing while the warning stands.
    pub(crate) no_data: bool,
    pub(crate) node: bool,
    pub(crate) raised_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) cleared_at: Option<i64>,
    pub(crate) value: i64,
    pub(crate) headline: Words,
    pub(crate) acked: Option<Mark>,
    pub(crate) shelved: Option<Mark>,
    /// People play it; nothing was measured.
    #[serde(default)]
    pub(crate) drill: bool,
    /// Up to which level the public may be told, and who said so.
    #[serde(default)]
    pub(crate) approved: Option<Mark>,
    /// Who does not want the public told of the level that holds.
    #[serde(default)]
    pub(crate) rejected: Option<Mark>,
    /// Who said that it is over, at which level.
    #[serde(default)]
    pub(crate) all_clear: Option<Mark>,
}

impl Episode {
    /// Reads one.
    pub(crate) fn load(connection: &Connection, id: &str) -> Result<Option<Self>, AlertsError> {
        let mut query = connection.prepare_cached("SELECT body FROM episode WHERE id = ?1")?;
        let body: Option<String> = query.query_row([id], |row| row.get(0)).optional()?;
        Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
    }

    /// Writes it, new or changed.
    pub(crate) fn save(&self, tx: &Transaction<'_>) -> Result<(), AlertsError> {
        let body = serde_json::to_string(self)?;
        tx.prepare_cached(
            "INSERT INTO episode (id, rule, station, open, raised_at, updated_at, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET \
             open = ?4, raised_at = ?5, updated_at = ?6, body = ?7",
        )?
        .execute((
            &self.id,
            &self.rule,
            &self.station,
            self.open,
            self.raised_at,
            self.updated_at,
            body,
        ))?;
        Ok(())
    }

    /// The open warnings of a rule at a station, silences and drills left out.
    pub(crate) fn open_warnings(
        connection: &Connection,
        rule: &str,
        station: &str,
    ) -> Result<Vec<Self>, AlertsError> {
        let mut query = connection.prepare_cached(
            "SELECT body FROM episode WHERE open = 1 AND rule = ?1 AND station = ?2",
        )?;
        let bodies = query.query_map([rule, station], |row| row.get::<_, String>(0))?;
        let mut episodes = Vec::new();
        for body in bodies {
            let episode: Self = serde_json::from_str(&body?)?;
            if !episode.silence && !episode.drill {
                episodes.push(episode);
            }
        }
        Ok(episodes)
    }

    /// What the episode measures.
    pub(crate) fn quantity(&self) -> Quantity {
        Quantity::from_name(&self.quantity).unwrap_or(Quantity::Dimensionless)
    }

    /// The level people are shown: the one that holds, or the highest once it is over.
    pub(crate) fn shown_level(&self) -> u8 {
        if self.open { self.level } else { self.highest }
    }

    /// What it claims to be: a drill is an exercise wherever it is held.
    pub(crate) fn status(&self, settings: &Settings) -> MessageStatus {
        if self.drill { MessageStatus::Exercise } else { settings.status }
    }

    /// The highest level of which the public may be told without asking anybody again.
    pub(crate) fn free_up_to(&self, rule: &Rule) -> u8 {
        let approved = self.approved.as_ref().map_or(0, |mark| mark.level);
        approved.max(rule.approve_from.saturating_sub(1))
    }

    /// What has become of the draft at the level people are shown; `None` when none was called for.
    pub(crate) fn approval(&self, rule: &Rule) -> Option<Approval> {
        let level = self.shown_level();
        if self.silence || level < rule.approve_from {
            return None;
        }
        let decided = |state, mark: &Mark| Approval {
            state,
            level,
            by: Some(mark.by.clone()),
            comment: mark.comment.clone(),
            at: Some(time::utc(UnixMicros(mark.at))),
        };
        let approved = self.approved.as_ref().filter(|mark| mark.level >= level);
        let rejected = self.rejected.as_ref().filter(|mark| mark.level == level);
        match (approved, rejected) {
            (Some(mark), _) => Some(decided(ApprovalState::Approved, mark)),
            (None, Some(mark)) => Some(decided(ApprovalState::Rejected, mark)),
            // Nobody can approve any more what is over.
            (None, None) => self.open.then(|| Approval {
                state: ApprovalState::Waiting,
                level,
                by: None,
                comment: String::new(),
                at: None,
            }),
        }
    }

    /// The row of the alarm list; `public` is the newest public message.
    pub(crate) fn alarm(
        &self,
        settings: &Settings,
        public: Option<&Public>,
        now: UnixMicros,
    ) -> Alarm {
        let rule = settings.rule(&self.rule);
        let level = self.shown_level();
        let severity = rule
            .and_then(|rule| rule.level(level))
            .map_or_else(|| Severity::of_level(level), tram_rules::Level::severity);
        let quantity = self.quantity();
        let utc = |at: i64| time::utc(UnixMicros(at));
        let acked = self.acked.as_ref().filter(|mark| mark.level >= self.level);
        let shelved = self.shelved.as_ref();
        let shelved = shelved.filter(|mark| mark.level >= self.level && mark.at > now.0);
        Alarm {
            id: self.id.parse().unwrap_or(EpisodeId([0; 16])),
            rule: self.rule.clone(),
            version: self.version,
            hazard: rule.map_or("unknown", |rule| rule.hazard.name()).to_owned(),
            station: self.station.clone(),
            channel: self.channel.clone(),
            level,
            severity,
            state: if self.open { AlarmState::Raised } else { AlarmState::Cleared },
            no_data: self.no_data || (self.silence && self.open),
            raised_at: utc(self.raised_at),
            updated_at: utc(self.updated_at),
            cleared_at: self.cleared_at.map(utc),
            value: number(self.value, quantity),
            unit: quantity.unit(),
            headline: self.headline.clone(),
            acked: acked.map(said),
            shelved: shelved.map(|mark| Shelved {
                by: mark.by.clone(),
                until: utc(mark.at),
                comment: mark.comment.clone(),
            }),
            drill: self.drill,
            approval: rule.and_then(|rule| self.approval(rule)),
            all_clear: self.all_clear.as_ref().map(said),
            public_level: public.filter(|m| m.expires > now).map(|m| m.level),
            cap: public.map(|m| format!("/cap/{}.xml", m.identifier)),
            unofficial: rule.is_some_and(|rule| rule.unofficial_at(level)),
            source: if self.node { Source::Node } else { Source::Centre },
        }
    }
}

/// What somebody said, and when.
fn said(mark: &Mark) -> Acknowledged {
    Acknowledged {
        by: mark.by.clone(),
        comment: mark.comment.clone(),
        at: time::utc(UnixMicros(mark.at)),
    }
}

/// Counts of a quantity in its unit, for JSON.
#[expect(clippy::cast_precision_loss, reason = "physical values are far below 2^53 counts")]
fn number(value: i64, quantity: Quantity) -> f64 {
    value as f64 / quantity.scale() as f64
}
