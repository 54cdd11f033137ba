//! What a node makes of its sensors: when to sample, what a pulse, an echo or an acceleration
//! means, how good a reading is, and how readings become batches.
//!
//! Everything here decides and nothing acts: time comes in as an argument, readings and drafts of
//! batches go out as values. There is no bus, file, network or clock. Reading registers and
//! cleaning edges is `tram-drivers`; keeping and sending is `tram-spool` and `tram-edge`.
//!
//! | type | from | to |
//! |---|---|---|
//! | [`Schedule`] | the clock | which channel is due, aligned to its interval |
//! | [`RainCounter`] | tips of a bucket | rain of an interval, intensity |
//! | [`Level`] | echoes | water level above the datum |
//! | [`LoopPair`] | changes of two loops | vehicles, speed, occupancy |
//! | [`Tilt`] | vectors of gravity | inclination on two axes |
//! | [`Qc`] | a reading and those before it | its QARTOD flag |
//! | [`Batcher`] | readings | drafts of batches within the wire's limits |
//!
//! Times of readings are microseconds on the node's clock as it stands, Unix time or time since
//! boot, as in [`Point::micros`](tram_wire::Point::micros).
#![no_std]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod batcher;
mod level;
mod loop_pair;
mod measured;
mod qc;
mod rain_counter;
mod rounding;
mod schedule;
mod tilt;

pub use batcher::{BatchLimits, Batcher, Draft, MAX_DRAFT_READINGS};
pub use level::{Level, LevelSettings, MAX_BURST};
pub use loop_pair::{
    LaneReading, LoopGeometry, LoopPair, MAX_PENDING_PULSES, Vehicle, VehicleClass,
};
pub use measured::Measured;
pub use qc::{FlatLine, Limits, MAX_REASONABLE, Qc, Span};
pub use rain_counter::{Bucket, Micrometre, RainCounter, RainReading};
pub use schedule::{Due, MAX_INTERVAL, MAX_SCHEDULED, MIN_INTERVAL, Schedule, ScheduleError};
pub use tilt::{MAX_TILT_SAMPLES, Tilt, TiltReading};
