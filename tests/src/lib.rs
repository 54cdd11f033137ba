//! Starts the real programs, each as a process of its own, and asks them over their own doors:
//! HTTP, MQTT, files. Only [`Run`] and [`Folder`] know the inside of a program: the store's folder.

mod alone;
mod broker;
mod centre;
mod corruption;
mod demonstration;
mod engine;
mod everything;
mod fleet;
mod machine;
mod memory;
mod node;
pub mod outbox;
mod outposts;
pub mod page;
mod power_cut;
mod program;
mod random;
mod recorded;
mod recording;
mod skip;
pub mod soak;
mod tally;
mod wait;
mod week_away;

pub use alone::{Reactions, reactions};
pub use broker::Mosquitto;
pub use centre::Centre;
pub use corruption::{Folder, Found};
pub use demonstration::{Demonstration, STATIONS};
pub use engine::{Counting, VictoriaMetrics};
pub use everything::Everything;
pub use fleet::{Fleet, Spread, Sum, Victim};
pub use machine::Machine;
pub use memory::shared_memory;
pub use node::{Node, Readings};
pub use outposts::{Account, Outposts};
pub use power_cut::{Run, Survived, try_fault};
pub use program::{Program, binary};
pub use random::Random;
pub use recorded::Recorded;
pub use recording::{Received, Recording, SECRET, Trap};
pub use skip::skip;
pub use tally::{PARTS, Tally, stored};
pub use wait::until;
pub use week_away::{Return, come_back};
