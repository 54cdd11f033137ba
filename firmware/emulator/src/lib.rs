//! Register-level sensors and a small weather, behind the same traits as the real ones.
//!
//! A [`World`] holds the physical quantities of a place over time: a quiet day, a storm, or a
//! recording. A [`Board`] ties the parts of one station to it and hands out what a program would
//! otherwise open: an I²C bus, serial lines, lines with edges, outputs. Behind the bus sit
//! registers, conversion times and checksums, so a driver meets what it will meet on the mountain,
//! and [`Fault`]s let it meet the bad days too.
//!
//! Everything is repeatable: the same scenario, seed and times give the same bytes, however often
//! and in whatever steps the time is advanced. There is no clock here; the program says how much
//! time has passed ([`Board::advance`]).
//!
//! What the registers cannot carry, a replay cannot either:
//!
//! | quantity | part | steps |
//! |---|---|---|
//! | pressure | DPS310 | exact at 1 Pa |
//! | air temperature | DPS310 | exact at 1 m°C |
//! | temperature | TMP105 | 62.5 m°C |
//! | temperature, humidity | SHT4x | 2.7 m°C and 1.9 m%RH, less up to 3.7 and 2.9 that the crate `sht4x` cuts off |
//! | PM1 to PM10 | SEN5x | exact at 0.1 µg/m³ |
//! | temperature, humidity | SEN5x | 5 m°C and 10 m%RH |
//! | tilt | ADXL355 | 3.9 µrad |
//! | water level | ultrasonic | exact at 1 mm, when the part compensates temperature itself or the air has its reference temperature |
//! | rain | tipping bucket | whole tips; a remainder is carried to the next row |
//! | vehicles | dual loop | exact counts; speed exact at 0.1 km/h; occupancy exact at 0.1 % while vehicles fit |

mod adxl355;
mod board;
mod bus;
mod crc8;
mod dps310;
mod dual_loop;
mod edge_line;
mod fault;
mod part;
mod recording;
mod relay;
mod rounding;
mod sen5x;
mod sense;
mod sht4x;
mod signal;
mod tipping_bucket;
mod tmp105;
mod uart;
mod ultrasonic;
mod world;

pub use board::{Board, Delay, MAX_PARTS, WiringError};
pub use bus::{Bus, BusError, BusEvent, MAX_BUS_EVENTS};
pub use edge_line::{EdgeLine, MAX_QUEUED_EDGES};
pub use fault::{Fault, NotApplicable};
pub use part::{Medium, Part, PartKind, Sounding, SpeedOfSound};
pub use recording::{MAX_RECORDED_CHANNELS, MAX_RECORDED_ROWS, Recording, RecordingError};
pub use relay::{Output, RelayState};
pub use signal::Signal;
pub use uart::{MAX_UART_BYTES, Uart, UartError};
pub use world::{Clock, Scenario, World};
