//! `tram-edge` as a process, against a broker in this test and a centre made of a few lines.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod calibrate;
mod centre;
mod delivery;
mod failure;
mod life;
mod node;
mod replay;
mod tools;
