//! Drivers for the parts of a Trạm station, one file a part, over the embedded-hal 1.0 traits.
//!
//! A driver turns registers, edges or bytes into a physical value in `tram-wire`'s fixed-point
//! units, and says when the part cannot be believed. It does not wait, retry, filter or judge: a
//! call that finds the part busy returns [`Error::NotReady`], and what a tip, an echo or the time
//! between two loops *means* is the business of `tram-node`. There is no clock here; an edge brings
//! its time with it.
//!
//! | part | file | reaches it through |
//! |---|---|---|
//! | DPS310 pressure and temperature | [`dps310`] | I²C |
//! | TMP105 temperature | [`tmp105`] | I²C |
//! | ADXL355 three-axis accelerometer, as an inclinometer | [`adxl355`] | I²C |
//! | tipping-bucket rain gauge | [`rain_gauge`] | [`EdgeSource`] |
//! | dual inductive loop | [`inductive_loop`] | [`EdgeSource`] |
//! | ultrasonic range finder | [`ultrasonic`] | bytes of a UART |
//!
//! SHT4x and SEN5x are read with the crates `sht4x` and `sen5x`.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod adxl355;
pub mod dps310;
mod edge;
mod error;
pub mod inductive_loop;
pub mod rain_gauge;
pub mod tmp105;
pub mod ultrasonic;

#[cfg(test)]
mod register_file;

pub use adxl355::Adxl355;
pub use dps310::Dps310;
pub use edge::{Edge, EdgeSource, MAX_EDGES_PER_POLL};
pub use error::Error;
pub use inductive_loop::DualLoop;
pub use rain_gauge::RainGauge;
pub use tmp105::Tmp105;
