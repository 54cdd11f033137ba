//! Rollups: every row against its checksum and its place.

use std::collections::HashMap;

use super::{Affects, CheckError, Work, affected, words};
use crate::{
    day::Span,
    rollup::{Level, RollupFile},
    schema,
};

/// How many rows between two looks at whether to go on.
const ROWS: u64 = 1024;
/// What to do about damage that the centre may heal by itself.
const REBUILD: &str = "a running centre rebuilds it from readings or finer rollups when it is \
                       asked for, as long as there are any; else restore the newest backup that \
                       passes the check, and look at the disk (dmesg, smartctl)";

impl Work<'_, '_, '_> {
    pub(super) fn rollups(
        &mut self,
        name: &str,
        level: Level,
        span: Span,
    ) -> Result<(), CheckError> {
        let whole = affected(name);
        let Some(db) = self.open(name, whole.clone())? else { return Ok(()) };
        let path = self.dir.join(name);
        if let Err(error) = schema::known(&db, &path) {
            self.report.damage(name, error.to_string(), whole, REBUILD);
            return Ok(());
        }
        let sound = self.pages(&db, name, &whole)?;
        let ended = match RollupFile::of(path, db, level, span) {
            Ok(file) => self.rows(name, &file, span)?,
            Err(error) => Err(error),
        };
        // The page was named already.
        if let Err(error) = ended
            && sound
        {
            let what = format!("its rows cannot be read to their end: {}", words(&error));
            self.report.damage(name, what, whole, REBUILD);
        }
        Ok(())
    }

    /// The damage that ended it, inside of what may end the whole check.
    fn rows(
        &mut self,
        name: &str,
        file: &RollupFile,
        span: Span,
    ) -> Result<Result<(), crate::StoreError>, CheckError> {
        let keys: HashMap<_, _> = match file.keys() {
            Ok(keys) => keys.into_iter().collect(),
            Err(error) => return Ok(Err(error)),
        };
        let (mut after, mut rows) = (i64::MIN, 0);
        loop {
            let (id, series, row) = match file.next_row(after) {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            after = id;
            rows += 1;
            if rows % ROWS == 0 {
                self.alive(name)?;
            }
            let affects = keys.get(&series).map_or_else(Affects::unknown, Affects::series);
            let (from, to) = row.span.range();
            let affects = affects.between(from, to - 1);
            if !keys.contains_key(&series) {
                let what = format!("row {id} is of series {series}, which is not there");
                self.report.damage(name, what, affects, REBUILD);
                continue;
            }
            match row.buckets {
                Ok(buckets) => {
                    self.report.seen.buckets += buckets.len() as u64;
                    let (from, to) = span.range();
                    if buckets.iter().any(|b| !(from..to).contains(&b.start.0)) {
                        let what = format!("row {id} holds buckets of another time");
                        self.report.damage(name, what, affects, REBUILD);
                    }
                }
                Err(error) => self.report.damage(name, words(&error), affects, REBUILD),
            }
        }
    }
}
