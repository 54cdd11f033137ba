//! Starts the real programs, each as a process of its own, and asks them over their own doors:
//! HTTP, MQTT, files. Nothing here knows the inside of a program.

mod broker;
mod centre;
mod machine;
mod program;
mod wait;

pub use broker::Mosquitto;
pub use centre::Centre;
pub use machine::Machine;
pub use program::{Program, binary};
pub use wait::until;
