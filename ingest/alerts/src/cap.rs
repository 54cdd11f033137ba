//! The Common Alerting Protocol, version 1.2 (OASIS, 1 July 2010).

mod check;
mod element;
mod identifier;
mod message;
mod read;
mod schema;

pub use check::{CapFault, FaultKind, MAX_FAULTS, check_cap};
pub use element::MAX_CAP_BYTES;
pub(crate) use element::{Element, parse};
pub(crate) use identifier::is_identifier;
pub(crate) use message::{Info, Message, MessageType, Reference};
pub use read::{CapAlert, CapArea, CapInfo, read_cap};

#[cfg(test)]
mod tests;
