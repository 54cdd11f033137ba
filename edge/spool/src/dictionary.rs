//! The channels this spool has numbered.

use tram_wire::{ChannelName, ChannelNumber, MAX_CHANNELS, Quantity};

use crate::SpoolError;

/// One channel of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// What stands for it in batches of this spool.
    pub number: ChannelNumber,
    /// Its name.
    pub name: ChannelName,
    /// What it measures.
    pub quantity: Quantity,
}

/// Every channel the spool has ever numbered, in the order of their numbers; at most
/// [`MAX_CHANNELS`]. A number never changes its meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dictionary {
    channels: Vec<Channel>,
}

impl Dictionary {
    /// The channels in the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Channel> {
        self.channels.iter()
    }

    /// The channel of this name, if the spool has seen it.
    #[must_use]
    pub fn get(&self, name: &ChannelName) -> Option<&Channel> {
        self.channels.iter().find(|c| c.name == *name)
    }

    /// What the channel of this number measures.
    #[must_use]
    pub fn quantity(&self, number: ChannelNumber) -> Option<Quantity> {
        let at = self.channels.binary_search_by_key(&number, |c| c.number).ok()?;
        self.channels.get(at).map(|c| c.quantity)
    }

    /// The number of a known channel, or `None` for one that has to be added.
    pub(crate) fn number(
        &self,
        name: &ChannelName,
        quantity: Quantity,
    ) -> Result<Option<ChannelNumber>, SpoolError> {
        match self.get(name) {
            Some(c) if c.quantity == quantity => Ok(Some(c.number)),
            Some(c) => Err(SpoolError::ChannelChanged { name: *name, was: c.quantity }),
            None if self.channels.len() >= MAX_CHANNELS => Err(SpoolError::TooManyChannels),
            None => Ok(None),
        }
    }

    /// This dictionary with one channel more, and its number.
    pub(crate) fn with(&self, name: ChannelName, quantity: Quantity) -> (Self, ChannelNumber) {
        let last = self.channels.last().map_or(0, |c| c.number.0.saturating_add(1));
        let number = ChannelNumber(last);
        let mut next = self.clone();
        next.channels.push(Channel { number, name, quantity });
        (next, number)
    }

    /// Adds a channel read from disk; `None` when it contradicts the others.
    pub(crate) fn restore(&mut self, channel: Channel) -> Option<()> {
        let ascending = self.channels.last().is_none_or(|c| c.number < channel.number);
        let fits = ascending && self.get(&channel.name).is_none();
        (fits && self.channels.len() < MAX_CHANNELS).then(|| self.channels.push(channel))
    }
}
