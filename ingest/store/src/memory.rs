//! What the pipeline has to know again, read from `log.db`.

use std::{collections::HashMap, path::Path};

use rusqlite::Connection;
use tram_pipeline::{BootMemory, Dictionary, Memory, Progress, SpoolMemory};
use tram_wire::{
    Birth, ChannelName, ChannelNumber, NodeId, Quantity, ReplicaId, SpoolId, UnixMicros,
};

use crate::{
    StoreError,
    error::{corrupt, wrap},
};

/// The dictionary of a spool.
pub(crate) fn dictionary(
    db: &Connection,
    path: &Path,
    node: NodeId,
    spool: SpoolId,
) -> Result<Dictionary, StoreError> {
    let rows: Vec<(u16, String, u8)> = db
        .prepare_cached(
            "SELECT number, channel, quantity FROM dictionary WHERE node = ? AND spool = ?",
        )
        .and_then(|mut s| {
            let rows = s.query_map((node.as_str(), spool.0.cast_signed()), |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?))
            })?;
            rows.collect()
        })
        .map_err(|e| wrap(path, &e))?;
    let mut dictionary = Dictionary::default();
    for (number, channel, quantity) in rows {
        let entry = ChannelName::new(&channel).ok().zip(Quantity::from_number(quantity));
        let added = entry.and_then(|(channel, quantity)| {
            dictionary.add(node, ChannelNumber(number), channel, quantity).ok()
        });
        added.ok_or_else(|| corrupt(path, format!("dictionary of {node}, channel {number}")))?;
    }
    Ok(dictionary)
}

/// What of every spool is on disk, the one written last at the end.
pub(crate) fn spools(
    db: &Connection,
    path: &Path,
) -> Result<Vec<(NodeId, SpoolId, Progress)>, StoreError> {
    let rows: Vec<(String, i64, Vec<u8>)> = db
        .prepare("SELECT node, spool, progress FROM spool ORDER BY updated")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect())
        .map_err(|e| wrap(path, &e))?;
    rows.into_iter()
        .map(|(node, spool, progress)| {
            let node = named(path, &node)?;
            let progress = Progress::from_bytes(&progress)
                .map_err(|e| corrupt(path, format!("spool {spool:016x} of {node}: {e}")))?;
            Ok((node, SpoolId(spool.cast_unsigned()), progress))
        })
        .collect()
}

/// Who this centre is: drawn at random when the log is made.
pub(crate) fn replica(db: &Connection, path: &Path) -> Result<ReplicaId, StoreError> {
    db.execute("INSERT OR IGNORE INTO meta(name, value) VALUES ('replica', random())", [])
        .and_then(|_| {
            db.query_row("SELECT value FROM meta WHERE name = 'replica'", [], |r| r.get(0))
        })
        .map(|id: i64| ReplicaId(id.cast_unsigned()))
        .map_err(|e| wrap(path, &e))
}

/// Everything the pipeline has to know, but for the channels of third-party devices and who this
/// centre is.
pub(crate) fn memory(
    db: &Connection,
    path: &Path,
    spools: &[(NodeId, SpoolId, Progress)],
) -> Result<Memory, StoreError> {
    let mut memory = Memory::default();
    for (node, spool, progress) in spools {
        memory.spools.push(SpoolMemory {
            node: *node,
            spool: *spool,
            progress: progress.clone(),
            dictionary: dictionary(db, path, *node, *spool)?,
        });
    }
    let error = |e| wrap(path, &e);
    let boots: Vec<(String, u32, i64)> = db
        .prepare("SELECT node, boot, uptime_offset FROM boot ORDER BY updated")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect())
        .map_err(error)?;
    for (node, boot, offset) in boots {
        memory.boots.push(BootMemory { node: named(path, &node)?, boot, offset });
    }
    let packs: Vec<(String, [u8; 16])> = db
        .prepare("SELECT node, digest FROM pack ORDER BY id")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
        .map_err(error)?;
    for (node, digest) in packs {
        memory.packs.push((named(path, &node)?, digest));
    }
    Ok(memory)
}

fn named(path: &Path, node: &str) -> Result<NodeId, StoreError> {
    NodeId::new(node).map_err(|_| corrupt(path, format!("the node name {node:?}")))
}

/// The last birth of every node.
pub(crate) fn births(db: &Connection) -> rusqlite::Result<Vec<(UnixMicros, Birth)>> {
    let rows: Vec<(i64, Vec<u8>)> = db
        .prepare_cached("SELECT received, payload FROM birth ORDER BY node")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let read = |(received, payload): (i64, Vec<u8>)| {
        Birth::decode(&payload).ok().map(|birth| (UnixMicros(received), birth))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Dictionaries that were read already.
#[derive(Debug, Default)]
pub(crate) struct Dictionaries(HashMap<(NodeId, SpoolId), Dictionary>);

impl Dictionaries {
    pub(crate) fn get(
        &mut self,
        db: &Connection,
        path: &Path,
        node: NodeId,
        spool: SpoolId,
    ) -> Result<&Dictionary, StoreError> {
        match self.0.entry((node, spool)) {
            std::collections::hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::hash_map::Entry::Vacant(new) => {
                Ok(new.insert(dictionary(db, path, node, spool)?))
            }
        }
    }

    /// Forgets one, since a newer birth may hold more.
    pub(crate) fn forget(&mut self, node: NodeId, spool: SpoolId) {
        self.0.remove(&(node, spool));
    }
}
