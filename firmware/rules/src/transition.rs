//! What a rule says.

use tram_wire::{AlarmKind, ChannelName, EpisodeId, NodeId, RuleId, UnixMicros};

/// What happened to an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransitionKind {
    /// A level was reached, the first or a higher one; or, when
    /// [`replaces`](Transition::replaces) is set, an episode already announced got its final name.
    Raised,
    /// A lower level holds, never 0: the clear value of the higher one has been kept to for the
    /// hold time, or a late reading showed that the higher one was never reached.
    Lowered,
    /// The episode is over: every level's clear value has been kept to for the hold time.
    Cleared,
    /// No usable reading for `no_data_s`: an alert of its own, under an episode of its own
    /// ([`silence_id`](crate::silence_id)). The level that held still holds.
    NoData,
    /// Usable readings come again; ends the episode of the silence.
    DataBack,
    /// A late reading showed that an announced episode never was (possible only with `for_s`
    /// above 0, a mean or a rate), or the rule was changed under it. Not an all-clear.
    Withdrawn,
}

impl TransitionKind {
    /// The name in JSON and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Lowered => "lowered",
            Self::Cleared => "cleared",
            Self::NoData => "no_data",
            Self::DataBack => "data_back",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// How an alarm message of a node says it; `None` for what a node does not send. A node's
    /// readings arrive in order, so nothing is ever withdrawn there.
    #[must_use]
    pub fn alarm(self) -> Option<AlarmKind> {
        match self {
            Self::Raised => Some(AlarmKind::Raised),
            Self::Lowered => Some(AlarmKind::Lowered),
            Self::Cleared => Some(AlarmKind::Cleared),
            Self::NoData | Self::DataBack | Self::Withdrawn => None,
        }
    }
}

/// One change of one episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Which rule.
    pub rule: RuleId,
    /// Which version of it.
    pub version: u32,
    /// At which station.
    pub station: NodeId,
    /// The channel whose reading decided.
    pub channel: ChannelName,
    /// Which episode.
    pub episode: EpisodeId,
    /// Set on a `Raised` when a late reading moved the start of an episode, or joined two: what
    /// was announced under this other name is this episode. The receiver renames (or merges) what
    /// it has; people need not be told again unless the level is higher than they were told.
    pub replaces: Option<EpisodeId>,
    /// What happened.
    pub kind: TransitionKind,
    /// The level that holds now, 1 to 5; 0 when cleared or withdrawn. On `NoData` and `DataBack`
    /// the level of the rule that holds meanwhile, 0 when none does.
    pub level: u8,
    /// Event time of the reading that decided. On `NoData`, when the silence had lasted
    /// `no_data_s`.
    pub at: UnixMicros,
    /// The statistic that decided, in counts of the quantity (per hour for a rate). On `NoData`
    /// and `DataBack` the last usable reading, 0 when there was none.
    pub value: i64,
}
