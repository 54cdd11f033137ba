//! What is known of a chunk without reading it.

use tram_wire::Flag;

use crate::{Vector, columns::Columns};

/// Count, ends, extremes and sum of the readings of a chunk. Only usable values enter `min`,
/// `max`, `last_value`, `sum` and `vector`. Directions have a `vector` and no `min`, `max`, `sum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u32,
    pub(crate) usable: u32,
    pub(crate) good: u32,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    pub(crate) last_value: Option<i64>,
    /// `None` without a usable value or when it passes 64 bits.
    pub(crate) sum: Option<i64>,
    pub(crate) vector: Option<Vector>,
}

impl Summary {
    /// The summary of settled columns; `None` of empty ones.
    pub(crate) fn of(columns: &Columns, circular: bool) -> Option<Self> {
        let mut summary = Self {
            first: *columns.micros.first()?,
            last: *columns.micros.last()?,
            count: u32::try_from(columns.len()).ok()?,
            usable: 0,
            good: 0,
            min: None,
            max: None,
            last_value: None,
            sum: None,
            vector: None,
        };
        let mut sum: i128 = 0;
        let mut vector = Vector::default();
        for (value, code) in columns.values.iter().zip(&columns.codes) {
            if !usable(*code) {
                continue;
            }
            summary.usable += 1;
            summary.good += u32::from(good(*code));
            summary.last_value = Some(*value);
            if circular {
                vector.add(Vector::of(*value));
                continue;
            }
            summary.min = Some(summary.min.map_or(*value, |m| m.min(*value)));
            summary.max = Some(summary.max.map_or(*value, |m| m.max(*value)));
            sum += i128::from(*value);
        }
        if circular {
            summary.vector = Some(vector);
        } else {
            summary.sum = i64::try_from(sum).ok().filter(|_| summary.usable > 0);
        }
        Some(summary)
    }

    /// A checksum over all of it.
    pub(crate) fn crc(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        for n in [self.first, self.last] {
            hasher.update(&n.to_le_bytes());
        }
        for n in [self.count, self.usable, self.good] {
            hasher.update(&n.to_le_bytes());
        }
        let (sine, cosine) = (self.vector.map(|v| v.sine), self.vector.map(|v| v.cosine));
        for n in [self.min, self.max, self.last_value, self.sum, sine, cosine] {
            hasher.update(&[u8::from(n.is_some())]);
            hasher.update(&n.unwrap_or_default().to_le_bytes());
        }
        hasher.finalize()
    }
}

/// Whether the value of a reading with this code may enter an aggregate.
pub(crate) fn usable(code: u16) -> bool {
    // As Quality::usable says, without looking at the tests.
    const USABLE: [u16; 3] = [Flag::Good as u16, Flag::NotEvaluated as u16, Flag::Suspect as u16];
    USABLE.contains(&(code & 0xf))
}

/// Whether a reading with this code passed every test.
pub(crate) fn good(code: u16) -> bool {
    code & 0xf == Flag::Good as u16
}
