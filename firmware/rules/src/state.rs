//! What a rule remembers of one station.

use alloc::vec::Vec;
use core::cmp::Ordering;

use serde::{Deserialize, Serialize};
use tram_wire::{ChannelName, EpisodeId, NodeId, UnixMicros};

use crate::{Rule, as_text, episode_id, machine::Machine};

/// The most readings one state holds. Beyond it the oldest go and are counted
/// ([`State::overflow_total`]); a window that lost readings clears nothing.
pub const MAX_HELD_READINGS: usize = 8192;

/// The state of one rule at one station. Bounded by [`MAX_HELD_READINGS`]; serializable, so that
/// it survives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    #[serde(with = "as_text")]
    pub(crate) station: NodeId,
    /// Of the rule it has been evaluated with; 0 before the first time.
    pub(crate) version: u32,
    pub(crate) hearing: Hearing,
    /// In the order of time, then channel. The first `settled` are final and stay for the window.
    pub(crate) entries: Vec<Entry>,
    pub(crate) settled: usize,
    /// Nothing before this time is taken any more.
    pub(crate) settled_to: i64,
    /// Time of the newest usable reading.
    pub(crate) newest: i64,
    /// After the settled entries.
    pub(crate) base: Machine,
    /// After all entries.
    pub(crate) tip: Machine,
    /// Episodes that have been announced and not yet closed.
    pub(crate) announced: Vec<Announced>,
    pub(crate) late_total: u64,
    pub(crate) overflow_total: u64,
}

/// When usable readings were last heard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Hearing {
    /// The newest event time, never later than the time of arrival.
    pub(crate) heard: Option<i64>,
    /// First call without any reading.
    pub(crate) waiting_since: Option<i64>,
    /// The silence that has been announced: when it had lasted long enough.
    pub(crate) silent: Option<i64>,
    #[serde(with = "as_text::optional")]
    pub(crate) channel: Option<ChannelName>,
    pub(crate) value: i64,
}

/// An episode that has been announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announced {
    pub(crate) start: i64,
    pub(crate) level: u8,
}

type Packed = (i64, u8, Option<i64>, bool, Option<(u8, i64)>);

/// One reading, one claim, or both of the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub(crate) struct Entry {
    pub(crate) at: i64,
    /// Which track of the rule.
    pub(crate) channel: u8,
    /// `None` when missing or failed.
    pub(crate) value: Option<i64>,
    pub(crate) suspect: bool,
    /// A node's word: level and statistic.
    pub(crate) claim: Option<(u8, i64)>,
}

impl From<Packed> for Entry {
    fn from((at, channel, value, suspect, claim): Packed) -> Self {
        Self { at, channel, value, suspect, claim }
    }
}

impl From<Entry> for Packed {
    fn from(e: Entry) -> Self {
        (e.at, e.channel, e.value, e.suspect, e.claim)
    }
}

impl Entry {
    fn order(&self, other: &Self) -> Ordering {
        (self.at, self.channel).cmp(&(other.at, other.channel))
    }

    /// What two entries of the same time and channel amount to, whichever came first: the worse
    /// value, believed when either is, and any value rather than none. It errs to the high side.
    fn joined(self, other: Self, worse: Worse) -> Self {
        let rank = |e: &Self| (e.value.map(|v| worse.rank(v)), e.value);
        let value = if rank(&self) >= rank(&other) { self.value } else { other.value };
        let believed = |e: &Self| e.value.is_some() && !e.suspect;
        Self {
            value,
            suspect: value.is_some() && !believed(&self) && !believed(&other),
            claim: self.claim.max(other.claim),
            ..self
        }
    }
}

/// Which of two values is the worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Worse {
    pub(crate) absolute: bool,
    pub(crate) below: bool,
}

impl Worse {
    fn rank(self, value: i64) -> i64 {
        let size = if self.absolute { value.saturating_abs() } else { value };
        if self.below { size.saturating_neg() } else { size }
    }
}

/// Where an entry went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// Behind all others.
    Last,
    /// Before others, or it changed one: everything behind must be looked at again.
    Between,
    /// It says nothing new.
    Known,
    /// Before the settled time.
    TooLate,
}

impl State {
    /// The state of a station nothing has been heard of.
    #[must_use]
    pub fn new(station: NodeId) -> Self {
        Self {
            station,
            version: 0,
            hearing: Hearing::default(),
            entries: Vec::new(),
            settled: 0,
            settled_to: i64::MIN,
            newest: i64::MIN,
            base: Machine::default(),
            tip: Machine::default(),
            announced: Vec::new(),
            late_total: 0,
            overflow_total: 0,
        }
    }

    /// Which station.
    #[must_use]
    pub fn station(&self) -> &NodeId {
        &self.station
    }

    /// The highest level that has been announced and holds; 0 when none does.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.announced.iter().map(|a| a.level).max().unwrap_or(0)
    }

    /// Whether a silence has been announced and lasts.
    #[must_use]
    pub fn silent(&self) -> bool {
        self.hearing.silent.is_some()
    }

    /// The episodes that have been announced and not yet closed, with their levels.
    pub fn open<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = (EpisodeId, u8)> + 'a {
        self.announced.iter().map(|a| {
            let id = episode_id(&rule.id, self.version, &self.station, UnixMicros(a.start));
            (id, a.level)
        })
    }

    /// Readings and claims that came later than `late_s` allows and were not looked at.
    #[must_use]
    pub fn late_total(&self) -> u64 {
        self.late_total
    }

    /// Readings that were let go because the state was full.
    #[must_use]
    pub fn overflow_total(&self) -> u64 {
        self.overflow_total
    }

    pub(crate) fn place(&mut self, entry: Entry, worse: Worse) -> Placed {
        if entry.at < self.settled_to {
            self.late_total = self.late_total.saturating_add(1);
            return Placed::TooLate;
        }
        if entry.value.is_some() || entry.claim.is_some() {
            self.newest = self.newest.max(entry.at);
        }
        if self.entries.last().is_none_or(|last| last.order(&entry).is_lt()) {
            self.entries.push(entry);
            return Placed::Last;
        }
        match self.entries.binary_search_by(|e| e.order(&entry)) {
            Ok(i) => {
                let Some(known) = self.entries.get_mut(i) else { return Placed::Known };
                let joined = known.joined(entry, worse);
                if joined == *known {
                    return Placed::Known;
                }
                *known = joined;
            }
            Err(i) => self.entries.insert(i, entry),
        }
        Placed::Between
    }

    /// Forgets all times once everything is settled, and keeps what holds.
    pub(crate) fn start_times_anew(&mut self) {
        self.entries.clear();
        self.settled = 0;
        self.settled_to = i64::MIN;
        self.newest = i64::MIN;
        self.base.forget_times();
        self.tip = self.base.clone();
    }

    /// Lets go of settled entries at or before `before`.
    pub(crate) fn forget(&mut self, before: i64) {
        let old = self.entries.iter().take(self.settled).take_while(|e| e.at <= before).count();
        self.entries.drain(..old);
        self.settled = self.settled.saturating_sub(old);
    }

    /// Lets go of the oldest settled entries, an eighth of the room at once.
    pub(crate) fn make_room(&mut self) {
        let gone = self.settled.min(MAX_HELD_READINGS / 8);
        self.entries.drain(..gone);
        self.settled = self.settled.saturating_sub(gone);
        self.overflow_total = self.overflow_total.saturating_add(gone as u64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let value = prop_oneof![Just(None), (-3_i64..4).prop_map(Some)];
        let claim = prop_oneof![Just(None), (1_u8..4, -3_i64..4).prop_map(Some)];
        (value, any::<bool>(), claim).prop_map(|(value, doubt, claim)| {
            let suspect = doubt && value.is_some();
            Entry { at: 0, channel: 0, value, suspect, claim }
        })
    }

    proptest! {
        /// Two different readings of one instant are a fault of the sender; whichever comes first,
        /// they amount to the same.
        #[test]
        fn entries_of_one_instant_join_in_any_order(
            a in entry(), b in entry(), c in entry(), absolute in any::<bool>(),
            below in any::<bool>(),
        ) {
            let join = |x: Entry, y: Entry| x.joined(y, Worse { absolute, below });
            prop_assert_eq!(join(a, b), join(b, a));
            prop_assert_eq!(join(join(a, b), c), join(a, join(b, c)));
            prop_assert_eq!(join(a, a), a);
        }
    }
}
