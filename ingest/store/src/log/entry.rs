//! A row of the log, checked.

use std::path::Path;

use rusqlite::{Connection, Row, types::Value};
use tram_pipeline::{Accepted, Form, Identity};
use tram_wire::{NodeId, Seq, SpoolId, UnixMicros};

use crate::{LogId, StoreError, error::wrap};

/// A row of the log whose checksum is right.
#[derive(Debug)]
pub(crate) struct EntryRow {
    pub(crate) node: NodeId,
    pub(crate) received: UnixMicros,
    pub(crate) form: Form,
    pub(crate) identity: Identity,
    pub(crate) offset: Option<i64>,
    pub(crate) payload: Vec<u8>,
}

/// A row, or what is wrong with it.
pub(crate) type Checked = Result<EntryRow, &'static str>;

/// The checksum over everything an entry holds.
pub(crate) fn crc(a: &Accepted) -> u32 {
    checksum(
        a.node.as_str(),
        a.received.0,
        a.form.number(),
        spool(a.identity),
        a.offset,
        &a.payload,
    )
}

/// Spool and number of the record of a spool, as the columns of the table.
pub(crate) fn spool(identity: Identity) -> Option<(i64, i64)> {
    match identity {
        Identity::Spool { spool, seq } => Some((spool.0.cast_signed(), seq.0.cast_signed())),
        Identity::Pack(_) => None,
    }
}

fn checksum(
    node: &str,
    received: i64,
    form: u8,
    spool: Option<(i64, i64)>,
    offset: Option<i64>,
    payload: &[u8],
) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(node.as_bytes());
    hasher.update(&received.to_le_bytes());
    hasher.update(&[form, u8::from(spool.is_some()), u8::from(offset.is_some())]);
    let (spool, seq) = spool.unwrap_or_default();
    for n in [spool, seq, offset.unwrap_or_default()] {
        hasher.update(&n.to_le_bytes());
    }
    hasher.update(payload);
    hasher.finalize()
}

/// Up to `limit` rows behind `after`, in order, with what is wrong with those that are damaged.
pub(crate) fn entries(
    db: &Connection,
    path: &Path,
    after: LogId,
    limit: usize,
) -> Result<Vec<(LogId, Checked)>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    db.prepare_cached(
        "SELECT id, received, node, form, spool, seq, uptime_offset, crc, payload
         FROM log WHERE id > ? ORDER BY id LIMIT ?",
    )
    .and_then(|mut s| s.query_map((after.0, limit), |r| Ok((LogId(r.get(0)?), read(r))))?.collect())
    .map_err(|e| wrap(path, &e))
}

/// Reads a row; a value of another type than was written is damage as well.
fn read(r: &Row<'_>) -> Checked {
    const TYPE: &str = "a column has another type than was written";
    let typed = |r: &Row<'_>| -> rusqlite::Result<_> {
        let spool: Option<(i64, i64)> = match (r.get(4)?, r.get(5)?) {
            (Value::Integer(spool), Value::Integer(seq)) => Some((spool, seq)),
            _ => None,
        };
        let (received, node, form): (i64, String, u8) = (r.get(1)?, r.get(2)?, r.get(3)?);
        let (offset, crc, payload): (Option<i64>, u32, Vec<u8>) = (r.get(6)?, r.get(7)?, r.get(8)?);
        Ok((received, node, form, spool, offset, crc, payload))
    };
    let (received, node, form, spool, offset, crc, payload) = typed(r).map_err(|_| TYPE)?;
    if checksum(&node, received, form, spool, offset, &payload) != crc {
        return Err("it does not match its checksum");
    }
    Ok(EntryRow {
        node: NodeId::new(&node).map_err(|_| "its node has no name of a node")?,
        received: UnixMicros(received),
        form: Form::from_number(form).ok_or("its form is not known here")?,
        identity: spool.map_or(Identity::Pack(None), |(spool, seq)| Identity::Spool {
            spool: SpoolId(spool.cast_unsigned()),
            seq: Seq(seq.cast_unsigned()),
        }),
        offset,
        payload,
    })
}
