//! One line of the history.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use tram_wire::ClockState;

use crate::clock::Moment;

/// The longest name, serial number or note, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 200;

/// What somebody found out or did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Counts up from 1.
    pub(crate) id: u32,
    /// RFC 3339 in UTC, as far as the clock could be believed.
    pub(crate) at: String,
    /// How the clock stood.
    pub(crate) clock: ClockWord,
    /// Who did it.
    pub(crate) by: String,
    /// The part and its place, as the birth names it: `tipping bucket pin 17`.
    pub(crate) part: String,
    /// What was done.
    pub(crate) change: Change,
    /// Whatever somebody wanted to add.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
}

/// How the clock stood when an entry was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ClockWord {
    /// Set over the network.
    Ntp,
    /// From a battery-backed clock.
    Rtc,
    /// Never set: the time of the entry is a guess.
    Unset,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Change {
    /// A number was measured.
    Calibrated {
        /// Of the part; `none` when it has none.
        serial: String,
        /// What the station file said.
        file: Setting,
        /// What held before.
        was: Setting,
        /// What holds from now on.
        now: Setting,
        /// What was measured, by the names of the figures, such as `millilitres`.
        measured: BTreeMap<String, f64>,
    },
    /// The part was replaced: what was found out about the old one does not hold for this.
    Replaced {
        /// Of the new part.
        serial: String,
    },
    /// An entry is taken back; what held before it holds again.
    Undone {
        /// Its id.
        entry: u32,
        /// Why.
        reason: String,
    },
}

/// A number of the station file that is measured on the spot, in the file's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Setting {
    /// Rain of one tip of the bucket.
    TipMm(f64),
    /// Height of a level gauge's face above the gauge's zero.
    DatumM(f64),
    /// Gravity along the axes of an inclinometer at rest.
    ZeroUg([i32; 3]),
    /// From the leading edge of the first loop to that of the second.
    SpacingM(f64),
}

/// A moment as entries and reports name it: RFC 3339 in UTC to the second, and how far it may be
/// believed.
pub(crate) fn now_as_text(now: Moment) -> (String, ClockWord) {
    let clock = match now.state {
        ClockState::Ntp => ClockWord::Ntp,
        ClockState::Rtc => ClockWord::Rtc,
        ClockState::Unsynchronised { .. } => ClockWord::Unset,
    };
    let second = jiff::Timestamp::from_second(now.unix.0.div_euclid(1_000_000));
    (second.map_or_else(|_| String::new(), |t| t.to_string()), clock)
}

impl Setting {
    /// The key in the station file.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::TipMm(_) => "tip_mm",
            Self::DatumM(_) => "datum_m",
            Self::ZeroUg(_) => "zero_ug",
            Self::SpacingM(_) => "spacing_m",
        }
    }

    /// Whether a part can have it; the same ranges as the station file's.
    pub(crate) fn possible(&self) -> bool {
        match self {
            Self::TipMm(mm) => (0.01..=10.0).contains(mm),
            Self::DatumM(m) => (-1000.0..=10_000.0).contains(m),
            Self::SpacingM(m) => (0.5..=50.0).contains(m),
            Self::ZeroUg(axes) => {
                let length = axes.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>().sqrt();
                (500_000.0..=1_500_000.0).contains(&length)
            }
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TipMm(mm) => write!(f, "tip {mm:.3} mm"),
            Self::DatumM(m) => write!(f, "datum {m:.3} m"),
            Self::ZeroUg([x, y, z]) => write!(f, "zero {x} {y} {z} µg"),
            Self::SpacingM(m) => write!(f, "loops {m:.3} m apart"),
        }
    }
}

impl Entry {
    /// The day it was made, or nothing when the clock was not set.
    pub(crate) fn day(&self) -> &str {
        match self.clock {
            ClockWord::Unset => "",
            ClockWord::Ntp | ClockWord::Rtc => self.at.get(..10).unwrap_or_default(),
        }
    }

    /// Whether the texts have a reasonable length and the number is possible.
    pub(crate) fn sound(&self) -> bool {
        let short = |t: &str| t.len() <= MAX_TEXT_BYTES && !t.chars().any(char::is_control);
        let texts = short(&self.at) && short(&self.by) && short(&self.part) && short(&self.note);
        texts
            && match &self.change {
                Change::Calibrated { serial, file, was, now, measured } => {
                    let same = file.key() == now.key() && was.key() == now.key();
                    short(serial) && same && now.possible() && measured.len() <= 16
                }
                Change::Replaced { serial } => short(serial),
                Change::Undone { entry, reason } => *entry < self.id && short(reason),
            }
    }
}
