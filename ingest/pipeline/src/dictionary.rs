//! What the channel numbers of a spool mean.

use core::fmt;

use tram_wire::{ChannelName, ChannelNumber, MAX_CHANNELS, NodeId, Quantity};

use crate::DatastreamKey;

/// Channel numbers of one spool and what they mean. Entries are added and never change: a number
/// is never reused within its spool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dictionary {
    /// Sorted by number.
    entries: Vec<(ChannelNumber, DatastreamKey)>,
}

/// The channel number already means something else, or there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction {
    /// The number.
    pub number: ChannelNumber,
    /// What it means already; `None` when there are [`MAX_CHANNELS`] others.
    pub known: Option<DatastreamKey>,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known {
            Some(known) => write!(
                f,
                "channel {} is {} ({}) in this spool since its first birth",
                self.number.0,
                known.channel,
                known.quantity.name()
            ),
            None => write!(f, "channel {} is one more than {MAX_CHANNELS}", self.number.0),
        }
    }
}

impl core::error::Error for Contradiction {}

impl Dictionary {
    /// Adds an entry; one that is there already is no change. Says whether it is new.
    ///
    /// # Errors
    /// [`Contradiction`] when the number means something else, or there are [`MAX_CHANNELS`].
    pub fn add(
        &mut self,
        node: NodeId,
        number: ChannelNumber,
        channel: ChannelName,
        quantity: Quantity,
    ) -> Result<bool, Contradiction> {
        let key = DatastreamKey { node, channel, quantity };
        match self.entries.binary_search_by_key(&number, |(n, _)| *n) {
            Ok(at) => match self.entries.get(at) {
                Some((_, known)) if *known != key => {
                    Err(Contradiction { number, known: Some(*known) })
                }
                _ => Ok(false),
            },
            Err(_) if self.entries.len() >= MAX_CHANNELS => {
                Err(Contradiction { number, known: None })
            }
            Err(at) => {
                self.entries.insert(at, (number, key));
                Ok(true)
            }
        }
    }

    /// What the number means.
    #[must_use]
    pub fn get(&self, number: ChannelNumber) -> Option<&DatastreamKey> {
        let at = self.entries.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        self.entries.get(at).map(|(_, key)| key)
    }

    /// Its entries, by number.
    pub fn entries(&self) -> impl Iterator<Item = (ChannelNumber, &DatastreamKey)> {
        self.entries.iter().map(|(n, key)| (*n, key))
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
