//! Reads a TOML file into a checked type. A mistake names the file, the line and what to write
//! instead, so that a technician on a mountain does not have to guess.
//!
//! This crate knows nothing of what the configuration means: the programs and the rule engine own
//! their types and their checks, and use [`Document::mistake`] to point at the line in question.

mod document;
mod mistake;

pub use document::{Document, MAX_FILE_BYTES, read};
pub use mistake::Mistake;
