//! What was found out about the parts of this station on the spot: rain of a tip, height of the
//! level gauge's face, gravity at rest, distance of two loops.
//!
//! It is a history: an entry is added and never changed, by whom, when and for which part is part
//! of it, and taking one back is an entry, too. The file is `calibrations.jsonl` in the data
//! folder, one JSON object a line. What is in force replaces the number of the station file, and
//! the birth tells the centre.

mod apply;
mod entry;
mod history;

pub(crate) use apply::{Slot, apply, slot, slots};
pub(crate) use entry::{Change, ClockWord, Entry, Setting, now_as_text};
pub(crate) use history::{FILE, History};
