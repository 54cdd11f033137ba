//! The program that runs on the Raspberry Pi beside the sensors: it samples, warns with the siren,
//! keeps what it has measured until the centre says that it has it, and sends it when it can.
//!
//! Three threads, of which none waits for the next: the [sampler] reads parts and drives
//! the siren, the [keeper] writes to the spool, and the [publisher] talks to
//! the broker through the one module that knows the MQTT client, [link].

mod backoff;
mod births;
mod calibration;
mod clock;
mod command;
mod condition;
mod config;
mod control;
mod describe;
mod enrol;
mod gauges;
mod hal;
mod handover;
mod health;
mod keeper;
mod ledger;
mod link;
mod lost;
mod notice;
mod opening;
mod orders;
mod pace;
mod publisher;
mod released;
mod replace;
mod run;
mod sampled_log;
mod sampler;
mod sensor;
mod shelf;
mod siren;
mod speech;
mod technician;
mod trouble;
mod watchdog;
mod window;
mod witness;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::execute()
}
