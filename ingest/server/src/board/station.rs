//! One station on the board.

use tram_wire::{Health, UnixMicros};

use crate::config::Station;

/// A station is late when its newest reading is older than this many expected intervals.
const LATE_AFTER: i64 = 2;
/// A station is lost when its newest reading is older than this many expected intervals.
const LOST_AFTER: i64 = 10;

/// How old what we know of a station is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Freshness {
    /// Its newest reading is at most two expected intervals old.
    Fresh,
    /// At most ten.
    Late,
    /// Older.
    Lost,
    /// Nothing was ever heard of it.
    Never,
}

impl Freshness {
    /// Every one, in the order of their numbers.
    pub(crate) const ALL: [Self; 4] = [Self::Fresh, Self::Late, Self::Lost, Self::Never];

    /// Its name in answers and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Late => "late",
            Self::Lost => "lost",
            Self::Never => "never",
        }
    }
}

/// What is known of a station.
pub(super) struct Entry {
    pub(super) station: Station,
    /// Event time of its newest reading.
    pub(super) last_seen: Option<UnixMicros>,
    pub(super) online: bool,
    pub(super) alarm_level: u8,
    /// How the node said last that it is, and when that was heard. In a box, since most devices
    /// of third parties say nothing.
    pub(super) health: Option<Box<(UnixMicros, Health)>>,
    /// As readers saw it last.
    shown: Freshness,
    changed: u64,
}

impl Entry {
    pub(super) fn new(station: Station) -> Self {
        let shown = Freshness::Never;
        Self {
            station,
            last_seen: None,
            online: false,
            alarm_level: 0,
            health: None,
            shown,
            changed: 0,
        }
    }

    /// The tick of its last change.
    pub(super) fn changed(&self) -> u64 {
        self.changed
    }

    pub(super) fn freshness(&self, now: UnixMicros) -> Freshness {
        let Some(seen) = self.last_seen else { return Freshness::Never };
        let expected = i64::try_from(self.station.expected.as_micros()).unwrap_or(i64::MAX);
        let age = now.since(seen);
        if age <= expected.saturating_mul(LATE_AFTER) {
            Freshness::Fresh
        } else if age <= expected.saturating_mul(LOST_AFTER) {
            Freshness::Late
        } else {
            Freshness::Lost
        }
    }

    pub(super) fn heard(&mut self, at: UnixMicros, tick: u64) {
        if self.last_seen.is_none_or(|seen| at > seen) {
            self.last_seen = Some(at);
            self.changed = tick;
        }
    }

    pub(super) fn online(&mut self, online: bool, tick: u64) {
        if self.online != online {
            self.online = online;
            self.changed = tick;
        }
    }

    pub(super) fn says(&mut self, health: Health, at: UnixMicros, tick: u64) {
        self.health = Some(Box::new((at, health)));
        self.changed = tick;
    }

    pub(super) fn alarm_level(&mut self, level: u8, tick: u64) {
        if self.alarm_level != level {
            self.alarm_level = level;
            self.changed = tick;
        }
    }

    pub(super) fn grow_old(&mut self, now: UnixMicros, tick: u64) {
        let freshness = self.freshness(now);
        if self.shown != freshness {
            self.shown = freshness;
            self.changed = tick;
        }
    }
}
