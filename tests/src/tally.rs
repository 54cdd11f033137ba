//! What a node sampled against what the centre stores, reading by reading.

use std::{collections::BTreeMap, fmt, time::Duration};

use anyhow::{Context, Result, ensure};
use tram_wire::Quantity;

use crate::{Centre, Node, until};

/// The most readings of one batch that a kill of the node can leave unlogged by the test's own log:
/// what it samples in the time between the spool's fsync and that log's.
const BATCH: usize = 64;
/// How long everything may take to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

/// The channels of the nodes that are killed, and what they measure.
const CHANNELS: [(&str, Quantity); 4] = [
    ("pressure", Quantity::Pressure),
    ("air_temperature", Quantity::Temperature),
    ("soil_temperature", Quantity::Temperature),
    ("rain", Quantity::Rain),
];

/// The parts that give them, as fast as they can.
pub const PARTS: &str = r#"
[[dps310]]
interval_s = 0.5
pressure = "pressure"
temperature = "air_temperature"
[[tmp105]]
interval_s = 0.05
temperature = "soil_temperature"
[[rain_gauge]]
pin = 17
interval_s = 0.05
rain = "rain"
"#;

/// The outcome of a comparison in which nothing was lost and nothing stored twice.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    /// Readings the node had safe in its spool.
    pub sampled: usize,
    /// Readings the store holds.
    pub stored: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} readings sampled, {} in the store, each once", self.sampled, self.stored)
    }
}

/// How many readings of `node` the store holds.
#[must_use]
pub fn stored(centre: &Centre, node: &str) -> usize {
    let all = CHANNELS.iter().map(|(name, quantity)| {
        centre.history(node, name, quantity.decimals()).map_or(0, |rows| rows.len())
    });
    all.sum()
}

impl Tally {
    /// Stops the node in order, waits until everything has arrived, and compares. `kills` is how
    /// often the node itself was killed: each may leave one batch that only the store tells of.
    ///
    /// # Errors
    /// When a reading is missing, differs, is there twice, or was sampled by nobody.
    pub fn of(centre: &Centre, node: &mut Node, kills: usize) -> Result<Self> {
        let arrived = |node: &Node| {
            let sampled = node.sampled().ok()?.len();
            (stored(centre, &node.name) >= sampled).then_some(())
        };
        until("acknowledgement of everything", PATIENCE, || arrived(node))?;
        node.stop()?;
        until("last reading in the store", PATIENCE, || arrived(node))?;
        let sampled = node.sampled()?;
        let mut in_store = BTreeMap::new();
        for (name, quantity) in CHANNELS {
            for (time, value) in centre.history(&node.name, name, quantity.decimals())? {
                let twice = in_store.insert((name.to_owned(), time), value);
                ensure!(twice.is_none(), "{name} of {} at {time} is stored twice", node.name);
            }
        }
        for (key, value) in &sampled {
            let found = in_store.get(key).with_context(|| format!("{key:?} is lost"))?;
            ensure!(found == value, "{key:?} was {value:?} and is stored as {found:?}");
        }
        let unknown = in_store.keys().filter(|key| !sampled.contains_key(*key)).count();
        ensure!(unknown <= kills * BATCH, "{unknown} readings are stored that nobody sampled");
        let (received, sum) = centre.identity()?;
        ensure!(received == sum, "received {received}, but the parts add up to {sum}");
        Ok(Self { sampled: sampled.len(), stored: in_store.len() })
    }
}
