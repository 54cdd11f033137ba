//! One row of the alarm list, in the shape the HTTP interface answers with.

use serde::Serialize;
use tram_rules::{Severity, Words};
use tram_wire::EpisodeId;

/// Whether an episode goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlarmState {
    /// A level holds, or data is still missing.
    Raised,
    /// It is over.
    Cleared,
}

/// Who decided first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The rule in the centre.
    Centre,
    /// The rule on the node.
    Node,
}

/// Somebody has seen the alarm, or has ended it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// What they wrote.
    pub comment: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

/// Somebody has put the alarm aside for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shelved {
    /// Who.
    pub by: String,
    /// Until when, RFC 3339 in UTC.
    pub until: String,
    /// What they wrote.
    pub comment: String,
}

/// What has become of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// Nobody has decided yet; the public is told of the levels below.
    Waiting,
    /// A person has let the public be told.
    Approved,
    /// A person has kept the public from being told.
    Rejected,
}

/// Whether a person has let the public be told of a level that needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// What has become of it.
    pub state: ApprovalState,
    /// Of which level.
    pub level: u8,
    /// Who decided.
    pub by: Option<String>,
    /// What they wrote.
    pub comment: String,
    /// When, RFC 3339 in UTC.
    pub at: Option<String>,
}

/// One alarm. Serialises to the object of `GET /api/v1/alarms`; times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// The episode's id, 32 hexadecimal digits.
    #[serde(serialize_with = "as_text")]
    pub id: EpisodeId,
    /// The rule's id.
    pub rule: String,
    /// The rule's version.
    pub version: u32,
    /// The rule's hazard, such as `flood`; `unknown` for a node's rule the centre does not have.
    pub hazard: String,
    /// The station.
    pub station: String,
    /// The channel that decided.
    pub channel: String,
    /// The level that holds, 1 to 5; 0 for missing data; the highest reached once cleared.
    pub level: u8,
    /// From the level, as the rule says.
    pub severity: Severity,
    /// Whether it goes on.
    pub state: AlarmState,
    /// Whether the station sends no data while the alarm stands: the level is what was last known.
    pub no_data: bool,
    /// Event time of the reading that started it.
    pub raised_at: String,
    /// Event time of the last transition.
    pub updated_at: String,
    /// Event time of its end.
    pub cleared_at: Option<String>,
    /// The reading or statistic that decided last, in `unit`.
    pub value: f64,
    /// The unit people read.
    pub unit: &'static str,
    /// What happened, for people.
    pub headline: Words,
    /// Who has seen it; a higher level has to be seen again.
    pub acked: Option<Acknowledged>,
    /// Whether it is put aside; a higher level takes it out again.
    pub shelved: Option<Shelved>,
    /// People play it: nothing was measured, and nobody is in danger.
    pub drill: bool,
    /// Whether the public may be told of the level; `None` when it needs nobody's word.
    pub approval: Option<Approval>,
    /// Who ended it by saying that the danger is over; `None` while it goes on and when
    /// the readings ended it.
    pub all_clear: Option<Acknowledged>,
    /// The level of the public message that stands now; 0 for an all-clear.
    pub public_level: Option<u8>,
    /// Where the newest public CAP message is, if there is one.
    pub cap: Option<String>,
    /// Whether a constant of the rule is not confirmed by its legal source.
    pub unofficial: bool,
    /// Who decided first.
    pub source: Source,
}

fn as_text<S: serde::Serializer>(id: &EpisodeId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
