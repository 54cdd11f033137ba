//! The program as a process, spoken to as nodes, devices, pages and people speak to it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, and that is what it is for"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod alarms;
mod bad_input;
mod batches;
mod brokers;
mod commands;
mod failures;
mod gaps;
mod history;
mod live;
mod metrics;
mod rules;
mod senml;
mod sinks;
