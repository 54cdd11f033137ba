//! The soak: does anything grow that should not? A day of a whole province in some minutes of
//! simulated time, and half an hour of the real programs. Here is what both share and the
//! simulated one, which knows the inside of the centre: pipeline, log, sealer, alarms and a sink
//! of the real code, without network, threads and clock.

mod day;
mod engine;
mod flat;
mod fleet;
mod inside;
mod plot;

pub use day::{Day, Outcome, Plan};
pub use engine::Engine;
pub use flat::{Flat, Limit};
pub use plot::{Chart, Line, svg};
