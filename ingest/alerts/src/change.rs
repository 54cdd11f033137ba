//! One change of one episode, whoever decided it.

use tram_rules::{Transition, TransitionKind};
use tram_wire::{AlarmKind, Quantity, UnixMicros};

use crate::NodeAlarm;

/// A transition on its way into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) rule: String,
    pub(crate) version: u32,
    pub(crate) station: String,
    pub(crate) channel: String,
    pub(crate) quantity: Quantity,
    pub(crate) episode: String,
    /// The name under which the episode was announced before.
    pub(crate) replaces: Option<String>,
    pub(crate) kind: TransitionKind,
    pub(crate) level: u8,
    pub(crate) at: UnixMicros,
    pub(crate) value: i64,
    /// A node said it.
    pub(crate) node: bool,
    /// The rules here decided it, so that it is the newest word on its episode; otherwise a node
    /// did, and its words may arrive in any order.
    pub(crate) evaluated: bool,
    /// People play it.
    pub(crate) drill: bool,
}

impl Change {
    /// What the rules here decided; `node` when a node's word made them.
    pub(crate) fn evaluated(t: &Transition, quantity: Quantity, node: bool) -> Self {
        Self {
            rule: t.rule.to_string(),
            version: t.version,
            station: t.station.to_string(),
            channel: t.channel.to_string(),
            quantity,
            episode: t.episode.to_string(),
            replaces: t.replaces.map(|id| id.to_string()),
            kind: t.kind,
            level: t.level,
            at: t.at,
            value: t.value,
            node,
            evaluated: true,
            drill: false,
        }
    }

    /// The word of a node whose rule is not evaluated here; none when it is about its siren.
    pub(crate) fn of_node(alarm: &NodeAlarm) -> Option<Self> {
        let kind = match alarm.kind {
            AlarmKind::Raised => TransitionKind::Raised,
            AlarmKind::Lowered => TransitionKind::Lowered,
            AlarmKind::Cleared => TransitionKind::Cleared,
            AlarmKind::Tested
            | AlarmKind::Reset
            | AlarmKind::Silenced
            | AlarmKind::Exhausted
            | AlarmKind::Drilled => return None,
        };
        Some(Self {
            rule: alarm.rule.to_string(),
            version: alarm.version,
            station: alarm.station.to_string(),
            channel: alarm.channel.to_string(),
            quantity: alarm.quantity,
            episode: alarm.episode.to_string(),
            replaces: None,
            kind,
            level: alarm.level,
            at: alarm.at,
            value: alarm.value,
            node: true,
            evaluated: false,
            drill: false,
        })
    }
}
