//! SenML packs (RFC 8428) of third-party devices, in JSON and CBOR.

/// The longest SenML pack in bytes.
pub const MAX_SENML_BYTES: usize = 65_536;
/// The most records in a SenML pack.
pub const MAX_SENML_RECORDS: usize = 4096;
