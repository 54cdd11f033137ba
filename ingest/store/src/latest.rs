//! The latest reading of a datastream.

use rusqlite::{Connection, params};
use tram_pipeline::DatastreamKey;
use tram_wire::{ChannelName, NodeId, Quality, Quantity, UnixMicros};

use crate::head::SeriesId;

/// The reading of a datastream with the latest event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latest {
    /// Of what.
    pub key: DatastreamKey,
    /// Event time.
    pub time: UnixMicros,
    /// Value in counts of the quantity; `None` when the sensor gave nothing.
    pub value: Option<i64>,
    /// How good it is.
    pub quality: Quality,
    /// When the centre received it.
    pub received: UnixMicros,
}

/// Writes the latest reading of a series.
pub(crate) fn save(db: &Connection, id: SeriesId, latest: &Latest) -> rusqlite::Result<()> {
    let row = i64::try_from(id).unwrap_or(i64::MAX).saturating_add(1);
    db.prepare_cached(
        "INSERT OR REPLACE INTO latest(series, time, value, quality, received)
         VALUES (?, ?, ?, ?, ?)",
    )?
    .execute(params![
        row,
        latest.time.0,
        latest.value,
        latest.quality.code(),
        latest.received.0
    ])?;
    Ok(())
}

/// A series as the log's database knows it.
pub(crate) struct KnownSeries {
    pub(crate) id: i64,
    pub(crate) key: DatastreamKey,
    /// Whether a SenML pack brought it first.
    pub(crate) senml: bool,
    pub(crate) latest: Option<Latest>,
}

/// Every series in the order of its number; `None` stands for a row that nobody wrote so.
pub(crate) fn series(db: &Connection) -> rusqlite::Result<Vec<Option<KnownSeries>>> {
    db.prepare(
        "SELECT s.id, s.node, s.channel, s.quantity, s.senml,
                l.time, l.value, l.quality, l.received
         FROM series s LEFT JOIN latest l ON l.series = s.id ORDER BY s.id",
    )?
    .query_map([], |r| {
        let (node, channel, quantity): (String, String, u8) = (r.get(1)?, r.get(2)?, r.get(3)?);
        let (Ok(node), Ok(channel), Some(quantity)) =
            (NodeId::new(&node), ChannelName::new(&channel), Quantity::from_number(quantity))
        else {
            return Ok(None);
        };
        let key = DatastreamKey { node, channel, quantity };
        let latest = match r.get::<_, Option<i64>>(5)? {
            Some(time) => Some(Latest {
                key,
                time: UnixMicros(time),
                value: r.get(6)?,
                quality: Quality::from_code(r.get(7)?).unwrap_or_default(),
                received: UnixMicros(r.get(8)?),
            }),
            None => None,
        };
        Ok(Some(KnownSeries { id: r.get(0)?, key, senml: r.get(4)?, latest }))
    })?
    .collect()
}
