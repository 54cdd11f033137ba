//! The Common Alerting Protocol, version 1.2 (OASIS, 1 July 2010).

mod identifier;

pub(crate) use identifier::is_identifier;
