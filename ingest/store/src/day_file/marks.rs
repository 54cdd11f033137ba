//! Which series of a day have to be rolled up.

use rusqlite::Row;
use tram_pipeline::DatastreamKey;
use tram_wire::{ChannelName, NodeId, Quantity};

use super::{DayFile, quantities};
use crate::{StoreError, error::corrupt, shelf::Quantities};

impl DayFile {
    pub(crate) fn quantities(&self) -> Result<Quantities, StoreError> {
        quantities(&self.db).map_err(|e| self.error(&e))
    }

    /// Marks a series to be rolled up.
    pub(crate) fn mark(&self, series: i64) -> Result<(), StoreError> {
        self.set("UPDATE series SET changed = 1 WHERE id = ? AND changed <> 1", series)
    }

    /// Takes the mark away.
    pub(crate) fn clear(&self, series: i64) -> Result<(), StoreError> {
        self.set("UPDATE series SET changed = 0 WHERE id = ?", series)
    }

    /// Notes that a series cannot be rolled up before somebody repairs the file.
    pub(crate) fn give_up(&self, series: i64) -> Result<(), StoreError> {
        self.set("UPDATE series SET changed = 2 WHERE id = ?", series)
    }

    fn set(&self, sql: &str, series: i64) -> Result<(), StoreError> {
        self.db
            .prepare_cached(sql)
            .and_then(|mut s| s.execute([series]))
            .map(drop)
            .map_err(|e| self.error(&e))
    }

    /// Marks every series of some quantities, but for those that were given up.
    pub(crate) fn mark_all(&self, of: Quantities) -> Result<(), StoreError> {
        for quantity in of.iter() {
            self.set(
                "UPDATE series SET changed = 1 WHERE quantity = ? AND changed = 0",
                quantity.number().into(),
            )?;
        }
        Ok(())
    }

    /// Some series that are marked, at most `limit`.
    pub(crate) fn marked(&self, limit: usize) -> Result<Vec<(i64, DatastreamKey)>, StoreError> {
        self.keys(
            "SELECT id, node, channel, quantity FROM series WHERE changed = 1 LIMIT ?",
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
    }

    /// Every series that is marked or given up.
    pub(crate) fn stale(&self) -> Result<Vec<(i64, DatastreamKey)>, StoreError> {
        self.keys("SELECT id, node, channel, quantity FROM series WHERE changed > ?", 0)
    }

    /// Whether there is one of these.
    pub(crate) fn any_stale(&self) -> Result<bool, StoreError> {
        self.db
            .prepare_cached("SELECT EXISTS(SELECT 1 FROM series WHERE changed > 0)")
            .and_then(|mut s| s.query_row([], |r| r.get(0)))
            .map_err(|e| self.error(&e))
    }

    /// Every series of a quantity.
    pub(crate) fn series_of(
        &self,
        quantity: Quantity,
    ) -> Result<Vec<(i64, DatastreamKey)>, StoreError> {
        self.keys(
            "SELECT id, node, channel, quantity FROM series WHERE quantity = ?",
            quantity.number().into(),
        )
    }

    fn keys(&self, sql: &str, n: i64) -> Result<Vec<(i64, DatastreamKey)>, StoreError> {
        let rows: Vec<_> = self
            .db
            .prepare_cached(sql)
            .and_then(|mut s| s.query_map([n], series_row)?.collect())
            .map_err(|e| self.error(&e))?;
        rows.into_iter()
            .map(|(id, key)| {
                let key =
                    key.ok_or_else(|| corrupt(&self.path, format!("series {id}: its name")))?;
                Ok((id, key))
            })
            .collect()
    }
}

/// A series by number, node, channel and quantity; `None` for names that nobody wrote so.
pub(crate) fn series_row(r: &Row<'_>) -> rusqlite::Result<(i64, Option<DatastreamKey>)> {
    let (node, channel, quantity): (String, String, u8) = (r.get(1)?, r.get(2)?, r.get(3)?);
    let key = NodeId::new(&node).ok().zip(ChannelName::new(&channel).ok());
    let key = key.zip(Quantity::from_number(quantity));
    let key = key.map(|((node, channel), quantity)| DatastreamKey { node, channel, quantity });
    Ok((r.get(0)?, key))
}
