//! A file of readings.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use tram_pages::{Row, Value};
use tram_pipeline::DatastreamKey;
use tram_wire::{ChannelName, NodeId, Quantity};

use super::Rescue;
use crate::{
    StoreError,
    check::{Affects, Finding},
    chunk, schema,
};

/// Saves what can be read of a file of readings that nobody writes to.
pub(crate) fn save(dir: &Path, path: &Path, why: &str) -> Result<Vec<Finding>, StoreError> {
    let mut rescue = Rescue::begin(dir, path, &schema::DAY)?;
    rescue.run("BEGIN", [])?;
    rescue.names()?;
    // Who looks for a quantity looks there first.
    rescue.run("INSERT OR IGNORE INTO quantity SELECT DISTINCT quantity FROM series", [])?;
    let keys = rescue.keys()?;
    rescue.chunks(&keys)?;
    rescue.run("COMMIT", [])?;
    rescue.end(why)
}

/// Saves what can be read of a file of rollups. What is missing is made again from elsewhere.
pub(crate) fn save_rollups(dir: &Path, path: &Path, why: &str) -> Result<Vec<Finding>, StoreError> {
    let mut rescue = Rescue::begin(dir, path, &schema::ROLLUP)?;
    rescue.run("BEGIN", [])?;
    rescue.names()?;
    rescue.run("COMMIT", [])?;
    rescue.end(why)
}

/// What is known of a chunk that is not there.
struct Lost {
    series: i64,
    first: i64,
    last: i64,
    readings: Option<i64>,
}

fn integer(row: &Row, column: usize) -> Option<i64> {
    row.record.values.get(column).and_then(Value::integer)
}

impl Rescue<'_> {
    /// Names of series that are lost stand in the index as well.
    pub(super) fn names(&mut self) -> Result<(), StoreError> {
        if !self.hurt("series") {
            return Ok(());
        }
        let root = self.root("sqlite_autoindex_series_1")?;
        let mut rows = Vec::new();
        self.raw.walk(root, |row| rows.push(row));
        for row in rows.iter().filter(|row| row.record.whole) {
            let [node, channel, quantity, id] = row.record.values.as_slice() else { continue };
            self.run(
                "INSERT OR IGNORE INTO series(id, node, channel, quantity) VALUES (?, ?, ?, ?)",
                (id, node, channel, quantity),
            )?;
        }
        Ok(())
    }

    fn keys(&self) -> Result<HashMap<i64, DatastreamKey>, StoreError> {
        let rows: Vec<(i64, String, String, u8)> = self
            .list("SELECT id, node, channel, quantity FROM series", |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
            })?;
        let key = |(id, node, channel, quantity): (i64, String, String, u8)| {
            let node = NodeId::new(&node).ok()?;
            let channel = ChannelName::new(&channel).ok()?;
            let quantity = Quantity::from_number(quantity)?;
            Some((id, DatastreamKey { node, channel, quantity }))
        };
        Ok(rows.into_iter().filter_map(key).collect())
    }

    /// Leaves out chunks that are not what was written, and says which are missing: those of which
    /// a part could be read, and those only the index knows.
    fn chunks(&mut self, keys: &HashMap<i64, DatastreamKey>) -> Result<(), StoreError> {
        let mut lost: HashMap<i64, Lost> = self.unsound(keys)?;
        let partial = self.copied.get("chunk").map(|t| t.partial.clone()).unwrap_or_default();
        for row in &partial {
            let (Some(id), Some(series), Some(first), Some(last)) =
                (row.id, integer(row, 1), integer(row, 2), integer(row, 3))
            else {
                continue;
            };
            lost.insert(id, Lost { series, first, last, readings: integer(row, 4) });
        }
        let present: HashSet<i64> =
            self.list("SELECT id FROM chunk", |r| r.get(0))?.into_iter().collect();
        let root = self.root("chunk_time")?;
        let mut entries = Vec::new();
        self.raw.walk(root, |row| {
            let [series, first, last, id] = row.record.values.as_slice() else { return };
            let numbers = [series, first, last, id].map(Value::integer);
            if let [Some(series), Some(first), Some(last), Some(id)] = numbers {
                entries.push((id, Lost { series, first, last, readings: None }));
            }
        });
        for (id, entry) in entries {
            if !present.contains(&id) {
                lost.entry(id).or_insert(entry);
            }
        }
        let told = !lost.is_empty();
        let mut lost: Vec<_> = lost.into_values().collect();
        lost.sort_by_key(|l| (l.series, l.first));
        for Lost { series, first, last, readings } in lost {
            self.run(
                "INSERT INTO lost(series, first, last) VALUES (?, ?, ?)",
                [series, first, last],
            )?;
            let affects = keys.get(&series).map_or_else(Affects::unknown, Affects::series);
            let affects = affects.between(first, last);
            let affects = match readings {
                Some(n) => affects.readings(n.unsigned_abs()),
                None => affects,
            };
            self.damage("a chunk of readings is lost".to_owned(), affects);
        }
        if self.hurt("chunk") && !told {
            let what = "chunks of readings may be lost; nothing says of what".to_owned();
            self.damage(what, Affects::unknown());
        }
        Ok(())
    }

    /// Takes chunks out that cannot be decoded, or whose series has no name.
    fn unsound(
        &self,
        keys: &HashMap<i64, DatastreamKey>,
    ) -> Result<HashMap<i64, Lost>, StoreError> {
        let mut lost = HashMap::new();
        let ids: Vec<i64> = self.list("SELECT id FROM chunk", |r| r.get(0))?;
        for id in ids {
            let sql = "SELECT series, first, last, count, crc, data FROM chunk WHERE id = ?";
            let found = self.db.prepare_cached(sql).and_then(|mut s| {
                s.query_row([id], |r| {
                    let data: &[u8] = r.get_ref(5)?.as_blob()?;
                    let sound =
                        crc32fast::hash(data) == r.get::<_, u32>(4)? && chunk::decode(data).is_ok();
                    let readings = r.get(3)?;
                    let lost =
                        Lost { series: r.get(0)?, first: r.get(1)?, last: r.get(2)?, readings };
                    Ok((sound && keys.contains_key(&lost.series), lost))
                })
            });
            match found {
                Ok((true, _)) => {}
                Ok((false, chunk)) => {
                    self.run("DELETE FROM chunk WHERE id = ?", [id])?;
                    lost.insert(id, chunk);
                }
                // A value of another type than is written.
                Err(_) => {
                    self.run("DELETE FROM chunk WHERE id = ?", [id])?;
                }
            }
        }
        Ok(lost)
    }
}
