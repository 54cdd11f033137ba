//! Who is told: people, the groups that are on call for an area and a hazard, chains of escalation,
//! quiet hours, and the receipts of what they were told.
//!
//! Deciding is pure ([`decide`]); [`telling`] keeps what was decided, [`notice`] puts it into
//! messages, [`receipt`] says how far each is.

mod api;
mod config;
mod decide;
mod desk;
mod escalation;
mod keep;
mod notice;
mod proof;
mod quiet;
mod receipt;
mod roster;
mod telling;
mod words;

pub use config::{
    GroupConfig, MAX_GROUPS, MAX_PEOPLE, MAX_STEPS, PersonConfig, SelfTestConfig, StepConfig,
    Weekday,
};
pub use notice::{MAX_LISTED_EPISODES, Notice, NoticeKind, NoticeLink};
pub use proof::{ChannelState, UNPROVED_AFTER};
pub use receipt::{Receipt, ReceiptState};
pub use telling::MAX_WAITING;

pub(crate) use config::{check, simple};
pub(crate) use escalation::escalate;
pub(crate) use keep::{TABLES, forget, rename};
pub(crate) use notice::{begin, compose, done, due, give_up, next_due};
pub(crate) use proof::{note as note_proof, self_test, states as channel_states};
pub(crate) use receipt::confirmed;
pub(crate) use roster::Roster;
pub(crate) use telling::{tell, tell_approved};

#[cfg(test)]
mod tests;
