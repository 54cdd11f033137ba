//! Readings by steps of time: by the engine where its steps are whole, by this program at the ends
//! of the range and where the engine's rules are others.

use std::{collections::VecDeque, iter::Peekable};

use tram_pipeline::DatastreamKey;

use super::{
    Engine, EngineError, EngineHistory, Series,
    error::malformed,
    field::{Ask, Fold, Samples},
    readings::{at, counts, scale},
};
use crate::{Bucket, export::Function};

/// The steps of a range that hold a reading, in order of time. Ends after the first error.
pub struct EngineAggregates {
    engine: Engine,
    key: DatastreamKey,
    step: i64,
    functions: Vec<Function>,
    /// What is still to be asked for.
    parts: VecDeque<Part>,
    steps: Option<Box<dyn Iterator<Item = Result<Bucket, EngineError>> + Send>>,
    done: bool,
}

impl std::fmt::Debug for EngineAggregates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineAggregates").field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// A part of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Aggregated here.
    Here(i64, i64),
    /// Aggregated by the engine.
    There(i64, i64),
}

/// Cuts a range where whole steps begin and end.
fn parts((from, to): (i64, i64), step: i64, there: bool) -> VecDeque<Part> {
    let first = from.div_euclid(step).saturating_mul(step);
    let first = if first < from { first.saturating_add(step) } else { first };
    let last = to.div_euclid(step).saturating_mul(step);
    if !there || first >= last {
        return VecDeque::from([Part::Here(from, to)]);
    }
    let all = [Part::Here(from, first), Part::There(first, last), Part::Here(last, to)];
    let empty = |p: &Part| matches!(p, Part::Here(a, b) | Part::There(a, b) if a >= b);
    all.into_iter().filter(|p| !empty(p)).collect()
}

impl EngineAggregates {
    pub(super) fn open(
        engine: &Engine,
        key: &DatastreamKey,
        range: (i64, i64),
        step: i64,
        functions: &[Function],
    ) -> Result<Self, EngineError> {
        // The mean of directions is that of their vectors, and engines do not know it.
        let there =
            step >= engine.shortest_step() && step % 1_000_000 == 0 && !key.quantity.circular();
        let mut aggregates = Self {
            engine: engine.clone(),
            key: *key,
            step,
            functions: functions.to_vec(),
            parts: parts(range, step, there),
            steps: None,
            done: false,
        };
        aggregates.ask()?;
        Ok(aggregates)
    }

    /// Asks for the next part.
    fn ask(&mut self) -> Result<(), EngineError> {
        self.steps = match self.parts.pop_front() {
            None => None,
            Some(Part::Here(from, to)) => {
                let readings = EngineHistory::open(&self.engine, &self.key, from, to)?;
                let circular = self.key.quantity.circular();
                let empty = Here { readings, step: self.step, circular, bucket: None, done: false };
                Some(Box::new(empty))
            }
            Some(Part::There(from, to)) => Some(Box::new(There::open(self, from, to)?)),
        };
        Ok(())
    }

    fn bucket(&mut self) -> Result<Option<Bucket>, EngineError> {
        while let Some(steps) = &mut self.steps {
            match steps.next() {
                Some(bucket) => return bucket.map(Some),
                None => self.ask()?,
            }
        }
        Ok(None)
    }
}

impl Iterator for EngineAggregates {
    type Item = Result<Bucket, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let bucket = self.bucket();
        self.done = !matches!(bucket, Ok(Some(_)));
        bucket.transpose()
    }
}

/// Steps of readings.
struct Here {
    readings: EngineHistory,
    step: i64,
    circular: bool,
    bucket: Option<Bucket>,
    done: bool,
}

impl Iterator for Here {
    type Item = Result<Bucket, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            let reading = match self.readings.next() {
                Some(Ok(reading)) => reading,
                Some(Err(error)) => {
                    self.done = true;
                    return Some(Err(error));
                }
                None => {
                    self.done = true;
                    break;
                }
            };
            let start = reading.time.0.div_euclid(self.step).saturating_mul(self.step);
            let full = self.bucket.take_if(|b| b.start.0 != start);
            let bucket = || Bucket::new(start, self.step, self.circular);
            self.bucket.get_or_insert_with(bucket).add(&reading);
            if let Some(full) = full {
                return Some(Ok(full));
            }
        }
        self.bucket.take().map(Ok)
    }
}

/// Steps an engine made.
struct There {
    /// Every step has one.
    total: Samples,
    rest: Vec<(Fold, Peekable<Samples>)>,
    step: i64,
    scale: f64,
}

impl There {
    fn open(of: &EngineAggregates, from: i64, to: i64) -> Result<Self, EngineError> {
        let series = Series::new(&of.key);
        let ask = |fold| of.engine.ask(&series, Ask::Steps(fold, of.step), from, to);
        let total = ask(Fold::Total)?;
        let mut folds = vec![Fold::Count, Fold::Good];
        for function in &of.functions {
            let fold = match function {
                Function::Mean | Function::Sum => Fold::Sum,
                Function::Min => Fold::Min,
                Function::Max => Fold::Max,
                Function::Last => Fold::Last,
                Function::Count => Fold::Count,
            };
            if !folds.contains(&fold) {
                folds.push(fold);
            }
        }
        let rest = folds.into_iter().map(|fold| Ok((fold, ask(fold)?.peekable())));
        let rest = rest.collect::<Result<_, EngineError>>()?;
        Ok(Self { total, rest, step: of.step, scale: scale(&of.key) })
    }

    fn bucket(&mut self, start: i64, total: f64) -> Result<Bucket, EngineError> {
        let mut bucket = Bucket::new(start, self.step, false);
        bucket.total = number(total)?;
        for (fold, samples) in &mut self.rest {
            let Some(found) = at(samples, start)? else { continue };
            match fold {
                Fold::Count => bucket.count = number(found)?,
                Fold::Good => bucket.good = number(found)?,
                Fold::Sum => bucket.sum = Some(counts(found * self.scale)?.into()),
                Fold::Min => bucket.min = Some(counts(found * self.scale)?),
                Fold::Max => bucket.max = Some(counts(found * self.scale)?),
                Fold::Last => bucket.last = Some(counts(found * self.scale)?),
                Fold::Total => {}
            }
        }
        Ok(bucket)
    }
}

impl Iterator for There {
    type Item = Result<Bucket, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.total.next()? {
                // An engine may know of a step that it holds nothing.
                Ok((_, 0.0)) => {}
                Ok((start, total)) => return Some(self.bucket(start, total)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// How many.
fn number(found: f64) -> Result<u64, EngineError> {
    u64::try_from(counts(found)?).map_err(|_| malformed("a number of readings is negative"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_where_whole_steps_begin_and_end() {
        use Part::{Here, There};
        assert_eq!(parts((5, 35), 10, true), [Here(5, 10), There(10, 30), Here(30, 35)]);
        assert_eq!(parts((10, 30), 10, true), [There(10, 30)]);
        assert_eq!(parts((-15, 0), 10, true), [Here(-15, -10), There(-10, 0)]);
        assert_eq!(parts((12, 19), 10, true), [Here(12, 19)]);
        assert_eq!(parts((10, 30), 10, false), [Here(10, 30)]);
        assert_eq!(parts((i64::MIN, i64::MAX), 10, true).len(), 2, "the end alone is not whole");
    }
}
