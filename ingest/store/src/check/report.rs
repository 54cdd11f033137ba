//! What a check found, as values.

use std::fmt;

use serde::Serialize;
use tram_pipeline::DatastreamKey;
use tram_wire::{NodeId, UnixMicros};

use crate::export::Time;

/// The most findings that are listed; more are counted.
pub const MAX_FINDINGS: usize = 1_000;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// What is wrong, in the order in which it was found, at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more_findings: u64,
    /// What was read.
    pub seen: Seen,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Seen {
    /// Databases.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Entries of the log.
    pub log_entries: u64,
    /// Chunks of the days.
    pub chunks: u64,
    /// Readings in the chunks; with `quick` as their summaries say.
    pub readings: u64,
    /// Buckets of the rollups.
    pub buckets: u64,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that was stored is not there, or is not what was stored.
    Damage,
    /// Nothing is lost; worth knowing.
    Note,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// In which file, below the folder that was checked.
    pub file: String,
    /// What is wrong, a sentence without its full stop.
    pub what: String,
    /// What suffers by it.
    pub affects: Affects,
    /// What to do, likewise.
    pub fix: String,
}

/// What suffers by it, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Affects {
    /// Which station.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
    /// Which of its channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// From this time on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Up to this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How many readings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readings: Option<u64>,
}

impl Affects {
    /// Nothing that can be named.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    pub(crate) fn station(node: &NodeId) -> Self {
        Self { station: Some(node.to_string()), ..Self::default() }
    }

    pub(crate) fn series(key: &DatastreamKey) -> Self {
        Self { channel: Some(key.channel.to_string()), ..Self::station(&key.node) }
    }

    pub(crate) fn between(self, from: i64, to: i64) -> Self {
        Self { from: Some(Time(from).to_string()), to: Some(Time(to).to_string()), ..self }
    }

    pub(crate) fn at(self, time: UnixMicros) -> Self {
        self.between(time.0, time.0)
    }

    pub(crate) fn readings(self, readings: u64) -> Self {
        Self { readings: Some(readings), ..self }
    }
}

impl fmt::Display for Affects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (&self.station, &self.channel) {
            (Some(station), Some(channel)) => parts.push(format!("{station}/{channel}")),
            (Some(station), None) => parts.push(station.clone()),
            _ => {}
        }
        match (&self.from, &self.to) {
            (Some(from), Some(to)) if from == to => parts.push(format!("at {from}")),
            (Some(from), Some(to)) => parts.push(format!("{from} to {to}")),
            _ => {}
        }
        parts.extend(self.readings.map(|n| format!("{n} readings")));
        f.write_str(&parts.join(", "))
    }
}

impl Report {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.more_findings == 0 && self.findings.iter().all(|f| f.severity != Severity::Damage)
    }

    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more_findings += 1;
        }
    }

    pub(crate) fn damage(
        &mut self,
        file: &str,
        what: impl Into<String>,
        affects: Affects,
        fix: &str,
    ) {
        self.add(Finding {
            severity: Severity::Damage,
            file: file.to_owned(),
            what: what.into(),
            affects,
            fix: fix.to_owned(),
        });
    }

    pub(crate) fn note(
        &mut self,
        file: &str,
        what: impl Into<String>,
        affects: Affects,
        fix: &str,
    ) {
        self.add(Finding {
            severity: Severity::Note,
            file: file.to_owned(),
            what: what.into(),
            affects,
            fix: fix.to_owned(),
        });
    }
}
