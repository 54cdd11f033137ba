//! `tram-ingest node add`: a password for a node.

use std::{fmt::Write, path::Path};

use tram_wire::NodeId;

use super::credentials;
use crate::{config::Broker, failure::Failure};

/// Makes a password, keeps its hash, and returns the password. `config` is the file that `broker`
/// is from.
///
/// # Errors
/// [`Failure`] when the configuration has no place for it, or the file cannot be written.
pub(crate) fn node_add(config: &Path, broker: &Broker, node: &NodeId) -> Result<String, Failure> {
    let path = match broker {
        Broker::Embedded(embedded) => embedded.credentials.as_ref().ok_or_else(|| {
            Failure::new(
                format!("{} names no credentials file", config.display()),
                "Add `credentials = \"FILE\"` to the section [broker]",
            )
        })?,
        Broker::External(_) => {
            return Err(Failure::new(
                "the configuration uses a broker of its own",
                "Add the node there; for Mosquitto: mosquitto_passwd FILE NAME",
            ));
        }
    };
    let (password, salt): ([u8; 16], [u8; 16]) = (random()?, random()?);
    let password = hexadecimal(&password);
    let hash = credentials::hash(&password, &salt)
        .map_err(|e| Failure::new(format!("the password cannot be hashed: {e}"), ""))?;
    credentials::write(path, node, &hash).map_err(|e| {
        Failure::new(
            format!("{} cannot be written: {e}", path.display()),
            "Run the command as the user the file belongs to",
        )
    })?;
    Ok(password)
}

/// Random bytes from the system.
///
/// # Errors
/// [`Failure`] when the system has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Failure::new(format!("the system gives no random numbers: {e}"), ""))?;
    Ok(bytes)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{b:02x}");
        text
    })
}
