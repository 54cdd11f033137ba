//! `tram-ingest validate`: checks a configuration and its rules without starting anything.

use std::path::Path;

use crate::{broker::Credentials, config, config::Broker, failure::Failure, replica, rules};

/// Checks, and says what was found.
///
/// # Errors
/// [`Failure`] for the first mistake.
pub(crate) fn validate(path: &Path) -> Result<(), Failure> {
    let config = config::load(path)?;
    let shown = path.display();
    if let Broker::Embedded(embedded) = &config.broker
        && let Some(credentials) = &embedded.credentials
    {
        // The key matters only to what is verified later.
        let credentials = Credentials::open(credentials, [0; 32])?;
        println!("{shown}: {} nodes have a password", credentials.len());
    }
    let found = match config.alerts {
        Some(_) => rules::load(&config.rules)?,
        None => Vec::new(),
    };
    for unknown in rules::unknown_stations(&found, &config.stations) {
        println!("{shown}: note: {unknown}, which has no [[station]] here");
    }
    for note in replica::notes(&config) {
        println!("{shown}: note: {note}");
    }
    println!("{shown}: good; {} stations, {} rules", config.stations.len(), found.len());
    Ok(())
}
