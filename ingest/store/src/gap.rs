//! What nodes have lost, kept for as long as there is room.

use std::{error::Error, fmt};

use rusqlite::{Connection, Row, params};
use tram_pipeline::{DatastreamKey, Gap};
use tram_wire::{ChannelName, LossCause, NodeId, Quality, Quantity, Summary, UnixMicros};

/// The most gaps that are kept, of all nodes together; beyond, those that were told first go. One
/// is about 100 bytes, and a week of 50 channels thinned to hours is 8400 of them.
pub const MAX_GAPS: u64 = 2_000_000;

/// Writes a gap, in the transaction of the message that tells it.
pub(crate) fn put(
    db: &Connection,
    node: &NodeId,
    received: UnixMicros,
    gap: &Gap,
) -> rusqlite::Result<()> {
    let s = gap.summary;
    db.prepare_cached(
        "INSERT INTO gap(received, node, channel, quantity, first, last, readings, cause,
                         usable, worst, min, max, sum)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        received.0,
        node.as_str(),
        gap.key.as_ref().map(|k| k.channel.as_str().to_owned()),
        gap.key.map(|k| k.quantity.number()),
        gap.from,
        gap.to,
        gap.readings.cast_signed(),
        gap.cause as u8,
        s.map(|s| s.usable.cast_signed()),
        s.map(|s| s.worst.code()),
        s.map(|s| s.min),
        s.map(|s| s.max),
        s.map(|s| s.sum.to_le_bytes()),
    ])?;
    Ok(())
}

/// Forgets the oldest when there are too many.
pub(crate) fn bound(db: &Connection, most: u64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM gap WHERE id <= (SELECT max(id) FROM gap) - ?")?
        .execute([most.cast_signed()])?;
    Ok(())
}

/// The gaps of a node that reach into the time from `from` up to before `to`, in order of time, at
/// most `limit`. With a channel, its own and those of which nobody knows the channel.
pub(crate) fn between(
    db: &Connection,
    node: &NodeId,
    channel: Option<&ChannelName>,
    (from, to): (UnixMicros, UnixMicros),
    limit: usize,
) -> rusqlite::Result<Vec<Gap>> {
    db.prepare_cached(
        "SELECT channel, quantity, first, last, readings, cause, usable, worst, min, max, sum
         FROM gap WHERE node = ?1 AND last >= ?2 AND first < ?3
           AND (?4 IS NULL OR channel IS NULL OR channel = ?4)
         ORDER BY first, id LIMIT ?5",
    )?
    .query_map(
        params![
            node.as_str(),
            from.0,
            to.0,
            channel.map(ChannelName::as_str),
            i64::try_from(limit).unwrap_or(i64::MAX)
        ],
        |row| read(row, *node),
    )?
    .collect()
}

fn read(row: &Row<'_>, node: NodeId) -> rusqlite::Result<Gap> {
    let key = match (row.get::<_, Option<String>>(0)?, row.get::<_, Option<u8>>(1)?) {
        (Some(channel), Some(quantity)) => {
            let channel = ChannelName::new(&channel).map_err(|_| strange(0))?;
            let quantity = Quantity::from_number(quantity).ok_or_else(|| strange(1))?;
            Some(DatastreamKey { node, channel, quantity })
        }
        _ => None,
    };
    let summary = match row.get::<_, Option<i64>>(6)? {
        Some(usable) => Some(Summary {
            usable: usable.cast_unsigned(),
            worst: Quality::from_code(row.get(7)?).ok_or_else(|| strange(7))?,
            min: row.get(8)?,
            max: row.get(9)?,
            sum: i128::from_le_bytes(row.get(10)?),
        }),
        None => None,
    };
    Ok(Gap {
        key,
        from: row.get(2)?,
        to: row.get(3)?,
        readings: row.get::<_, i64>(4)?.cast_unsigned(),
        cause: LossCause::from_number(row.get(5)?).ok_or_else(|| strange(5))?,
        summary,
    })
}

/// A column holds something that was never written there.
#[derive(Debug)]
struct Strange;

impl fmt::Display for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a gap holds something that was never written there")
    }
}

impl Error for Strange {}

fn strange(column: usize) -> rusqlite::Error {
    let kind = rusqlite::types::Type::Integer;
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(Strange))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::LOG_SQL;

    fn node(n: u8) -> NodeId {
        NodeId::new(&format!("node-{n}")).unwrap()
    }

    fn gap(n: u8, channel: Option<u8>, from: i64, len: i64, left: Option<i64>) -> Gap {
        let key = channel.map(|c| DatastreamKey {
            node: node(n),
            channel: ChannelName::new(&format!("c{c}")).unwrap(),
            quantity: Quantity::Rain,
        });
        let summary = left.map(|v| Summary {
            usable: 2,
            min: -v,
            max: v,
            sum: i128::from(v) / 2,
            worst: Quality::GOOD,
        });
        let (readings, cause) = (u64::MAX - 7, LossCause::Thinned);
        Gap { key, from, to: from + len, readings, cause, summary }
    }

    proptest! {
        /// What is asked for is what overlaps, of the node, of the channel or of none.
        #[test]
        fn the_answer_is_what_overlaps(
            all in prop::collection::vec(
                (0_u8..2, prop::option::of(0_u8..3), 0_i64..100, 0_i64..30,
                 prop::option::of(0_i64..1 << 53)), 0..40),
            from in 0_i64..100, len in 1_i64..50, channel in prop::option::of(0_u8..3),
        ) {
            let db = Connection::open_in_memory().unwrap();
            db.execute_batch(LOG_SQL).unwrap();
            let gaps: Vec<(u8, Gap)> =
                all.into_iter().map(|(n, c, at, len, left)| (n, gap(n, c, at, len, left))).collect();
            for (n, gap) in &gaps {
                put(&db, &node(*n), UnixMicros(1), gap).unwrap();
            }
            let to = from + len;
            let name = channel.map(|c| ChannelName::new(&format!("c{c}")).unwrap());
            let time = (UnixMicros(from), UnixMicros(to));
            let found = between(&db, &node(0), name.as_ref(), time, 1000).unwrap();
            let mut expected: Vec<Gap> = gaps.iter()
                .filter(|(n, g)| *n == 0 && g.from < to && g.to >= from)
                .filter(|(_, g)| name.is_none() || g.key.is_none_or(|k| Some(k.channel) == name))
                .map(|(_, g)| *g)
                .collect();
            expected.sort_by_key(|g| g.from);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(LOG_SQL).unwrap();
        for at in 0..10 {
            put(&db, &node(0), UnixMicros(1), &gap(0, None, at, 0, None)).unwrap();
            bound(&db, 4).unwrap();
        }
        let time = (UnixMicros(0), UnixMicros(100));
        let left = between(&db, &node(0), None, time, 100).unwrap();
        assert_eq!(left.iter().map(|g| g.from).collect::<Vec<_>>(), [6, 7, 8, 9]);
        assert_eq!(between(&db, &node(0), None, time, 2).unwrap().len(), 2);
    }
}
