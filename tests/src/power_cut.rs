//! The power cut at every write of the store: a run of the real store is written down write by
//! write, and for each moment of it the disk is shown as a power cut would leave it, opened, and
//! asked for every reading by its identity.

mod check;
mod run;
mod script;

pub use check::Survived;
pub use run::Run;
