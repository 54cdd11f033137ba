//! Readings of one series in memory: three columns, 18 bytes a reading.

use tram_pipeline::Readings;
use tram_wire::{Flag, Quality, UnixMicros};

use crate::Reading;

/// Readings of one series as columns of equal length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Event times, Unix microseconds.
    pub(crate) micros: Vec<i64>,
    /// Values in counts; 0 for a missing one, whose code says that it is missing.
    pub(crate) values: Vec<i64>,
    /// [`Quality::code`].
    pub(crate) codes: Vec<u16>,
}

/// Whether a quality code is that of a missing reading, which has no value.
pub(crate) fn missing(code: u16) -> bool {
    code & 0xf == Flag::Missing as u16
}

impl Columns {
    pub(crate) fn with_capacity(n: usize) -> Self {
        Self {
            micros: Vec::with_capacity(n),
            values: Vec::with_capacity(n),
            codes: Vec::with_capacity(n),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.micros.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.micros.is_empty()
    }

    /// Adds the readings of a message behind the others, as they are.
    pub(crate) fn extend(&mut self, readings: &Readings) {
        self.micros.extend_from_slice(&readings.micros);
        self.values.extend(readings.values.iter().map(|v| v.unwrap_or_default()));
        for run in &readings.quality {
            let len = usize::try_from(run.len).unwrap_or(usize::MAX);
            self.codes.resize(self.codes.len().saturating_add(len), run.quality.code());
        }
    }

    fn push_from(&mut self, other: &Self, i: usize) {
        if let (Some(t), Some(v), Some(c)) =
            (other.micros.get(i), other.values.get(i), other.codes.get(i))
        {
            self.micros.push(*t);
            self.values.push(*v);
            self.codes.push(*c);
        }
    }

    /// The reading at `i`.
    pub(crate) fn get(&self, i: usize) -> Option<Reading> {
        let (time, value, code) = (self.micros.get(i)?, self.values.get(i)?, self.codes.get(i)?);
        Some(Reading {
            time: UnixMicros(*time),
            value: (!missing(*code)).then_some(*value),
            // Only codes of a quality get in here; see `Chunk` and `extend`.
            quality: Quality::from_code(*code).unwrap_or_default(),
        })
    }

    /// Brings the readings in order of time and keeps the first of each time.
    pub(crate) fn settle(&mut self) {
        if self.micros.is_sorted_by(|a, b| a < b) {
            return;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        // Stable: of one time, the one that came first stays first.
        order.sort_by_key(|i| self.micros.get(*i));
        order.dedup_by_key(|i| self.micros.get(*i));
        let mut settled = Self::with_capacity(order.len());
        for i in order {
            settled.push_from(self, i);
        }
        *self = settled;
    }

    /// The readings from `from` up to before `to`, in any order.
    pub(crate) fn between(&self, from: i64, to: i64) -> Self {
        let mut part = Self::default();
        for i in
            (0..self.len()).filter(|i| self.micros.get(*i).is_some_and(|t| (from..to).contains(t)))
        {
            part.push_from(self, i);
        }
        part
    }

    /// The readings from `from` up to before `to` of settled columns.
    pub(crate) fn slice(&self, from: i64, to: i64) -> Self {
        let start = self.micros.partition_point(|t| *t < from);
        let end = self.micros.partition_point(|t| *t < to).max(start);
        self.part(start, end)
    }

    /// The readings number `start` up to before `end`.
    pub(crate) fn part(&self, start: usize, end: usize) -> Self {
        Self {
            micros: self.micros.get(start..end).unwrap_or_default().to_vec(),
            values: self.values.get(start..end).unwrap_or_default().to_vec(),
            codes: self.codes.get(start..end).unwrap_or_default().to_vec(),
        }
    }

    /// Merges `later` in; where both have a time, what is here stays. Both must be settled. Says
    /// how many of `later` were dropped.
    pub(crate) fn merge(&mut self, later: &Self) -> usize {
        if self.micros.last().is_none_or(|a| later.micros.first().is_some_and(|b| a < b)) {
            self.micros.extend_from_slice(&later.micros);
            self.values.extend_from_slice(&later.values);
            self.codes.extend_from_slice(&later.codes);
            return 0;
        }
        let mut merged = Self::with_capacity(self.len() + later.len());
        let (mut i, mut j, mut dropped) = (0, 0, 0);
        loop {
            match (self.micros.get(i), later.micros.get(j)) {
                (None, None) => break,
                (Some(a), Some(b)) if a == b => {
                    dropped += 1;
                    j += 1;
                }
                (Some(a), Some(b)) if a > b => {
                    merged.push_from(later, j);
                    j += 1;
                }
                (Some(_), _) => {
                    merged.push_from(self, i);
                    i += 1;
                }
                (None, Some(_)) => {
                    merged.push_from(later, j);
                    j += 1;
                }
            }
        }
        *self = merged;
        dropped
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn columns(pairs: &[(i64, i64)]) -> Columns {
        let mut c = Columns::default();
        for (t, v) in pairs {
            c.micros.push(*t);
            c.values.push(*v);
            c.codes.push(Quality::GOOD.code());
        }
        c
    }

    fn pairs(c: &Columns) -> Vec<(i64, i64)> {
        c.micros.iter().copied().zip(c.values.iter().copied()).collect()
    }

    /// First of each time, in order of time.
    fn model(pairs: &[(i64, i64)]) -> BTreeMap<i64, i64> {
        let mut model = BTreeMap::new();
        for (t, v) in pairs {
            model.entry(*t).or_insert(*v);
        }
        model
    }

    proptest! {
        #[test]
        fn settling_and_merging_keep_the_first_of_each_time(
            a in prop::collection::vec((0_i64..40, any::<i64>()), 0..60),
            b in prop::collection::vec((0_i64..40, any::<i64>()), 0..60),
            from in 0_i64..40, len in 0_i64..40,
        ) {
            let (mut first, mut later) = (columns(&a), columns(&b));
            prop_assert_eq!(first.between(from, from + len), {
                let kept: Vec<_> = a.iter().copied().filter(|(t, _)| (from..from + len).contains(t)).collect();
                columns(&kept)
            });
            first.settle();
            later.settle();
            prop_assert_eq!(pairs(&first), model(&a).into_iter().collect::<Vec<_>>());
            prop_assert_eq!(&first.slice(from, from + len), &first.between(from, from + len));
            let expected = model(&[a, b].concat());
            let before = first.len() + later.len();
            let dropped = first.merge(&later);
            prop_assert_eq!(pairs(&first), expected.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(before - dropped, first.len());
        }
    }
}
