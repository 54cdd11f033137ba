//! Rules over readings: which level of which hazard holds at a station, and since when.
//!
//! A rule is data, read from TOML ([`Rule`]); evaluating it is a pure function over *event time*:
//! [`Rule::observe`] takes the state of one station, one reading and the time now, and returns
//! what changed. The same crate runs on the node, where it drives the siren with the network
//! dead, and in the centre; both give an episode the same [`EpisodeId`](tram_wire::EpisodeId).
//!
//! What holds, and is proved by property tests:
//! - Readings may arrive in any order within `late_s`: the episodes have the same names and the
//!   same ends, and no order hides a level.
//! - A level is raised at once and lowered only by good readings that stay at or below its clear
//!   value for `hold_s`. Missing and failed readings, silence and the clock never lower a level.
//! - A larger value never gives a lower level, for every statistic but the rate.
//!
//! A [`Siren`] is what the relay follows: it latches what rules call for, until somebody resets it or
//! it has sounded for its time.
//!
//! What is not here: no clock, no file, no delivery. Who is told, and how, is `tram-alerts`; the pin
//! of a siren's relay is `tram-edge`.
#![no_std]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod aqi;
mod as_text;
mod bins;
mod cap;
mod check;
mod combine;
mod decimal;
mod drill;
mod episode;
mod evaluate;
mod hazard;
mod machine;
mod memory;
mod observation;
mod plan;
mod rainfall;
mod rule;
mod selector;
mod shift;
mod siren;
mod soil;
mod state;
mod statistic;
mod texts;
mod tracks;
mod transition;
mod velocity;
mod window;

pub use cap::{Certainty, Response, Severity, Urgency};
pub use check::RuleMistake;
pub use combine::{Also, Combine, Need, Of};
pub use decimal::{Decimal, InvalidDecimal, MAX_DECIMAL_DIGITS};
pub use drill::{Rehearsal, rehearse};
pub use episode::{episode_id, silence_id};
pub use hazard::Hazard;
pub use observation::{Claim, Observation};
pub use rule::{
    Curve, Level, MAX_ALSO, MAX_LATE_S, MAX_LEVELS, MAX_RULE_CHANNELS, MAX_RULE_STATIONS,
    MAX_TRACKS, MAX_WINDOW_S, Rule,
};
pub use selector::Selector;
pub use siren::{
    Call, Latched, MAX_LATCHED, Phase, Siren, SirenRefusal, TEST_OFF_US, TEST_ON_US, TEST_PULSES,
    Tone,
};
pub use state::{MAX_HELD_READINGS, State};
pub use statistic::Statistic;
pub use texts::{
    Facts, Language, MAX_HEADLINE_CHARACTERS, MAX_TEXT_BYTES, PLACEHOLDERS, Text, Texts, Words,
};
pub use transition::{Transition, TransitionKind};
pub use velocity::{Forecast, MAX_REMAINING_H};
