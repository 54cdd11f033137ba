//! What the engine answers about people and channels.

use tram_wire::{EpisodeId, UnixMicros};

use super::{ChannelState, Receipt, receipt};
use crate::{Alerts, AlertsError, Links, database, people};

impl Alerts {
    /// Gives the engine what makes the links in messages to people.
    pub fn set_links(&mut self, links: Links) {
        self.settings.roster.links = Some(links);
    }

    /// Who has been told of an alarm, and what became of it; people first.
    ///
    /// # Errors
    /// [`AlertsError`] when there is no such alarm or the file cannot be read.
    pub fn receipts(&self, id: &EpisodeId) -> Result<Vec<Receipt>, AlertsError> {
        let episode = database::resolve(&self.connection, &id.to_string())?;
        let episode = episode.ok_or(AlertsError::Unknown(*id))?;
        receipt::receipts(&self.connection, &self.settings, &episode)
    }

    /// Notes that somebody, by id or name, has opened a message about an alarm.
    ///
    /// # Errors
    /// [`AlertsError`] when there is no such alarm or it could not be written.
    pub fn opened(
        &mut self,
        id: &EpisodeId,
        who: &str,
        now: UnixMicros,
    ) -> Result<(), AlertsError> {
        let episode = database::resolve(&self.connection, &id.to_string())?;
        let episode = episode.ok_or(AlertsError::Unknown(*id))?;
        let tx = self.connection.transaction()?;
        receipt::opened(&tx, &self.settings, &episode, who, now)?;
        Ok(tx.commit()?)
    }

    /// Notes that a channel says that a message has arrived, by the number it gave when it took it.
    /// Whether there is such a message.
    ///
    /// # Errors
    /// [`AlertsError`] when it could not be written.
    pub fn arrived(
        &mut self,
        channel: &str,
        reference: &str,
        now: UnixMicros,
    ) -> Result<bool, AlertsError> {
        let tx = self.connection.transaction()?;
        let known = receipt::delivered(&tx, channel, reference, now)?;
        tx.commit()?;
        Ok(known)
    }

    /// How well each channel is known to work, in the order of the configuration.
    ///
    /// # Errors
    /// [`AlertsError`] when the file cannot be read.
    pub fn channels(&self, now: UnixMicros) -> Result<Vec<ChannelState>, AlertsError> {
        people::channel_states(&self.connection, &self.settings, now)
    }
}
