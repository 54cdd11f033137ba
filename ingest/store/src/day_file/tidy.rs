//! Small chunks become large ones, and free pages go back to the file system.

use tram_pipeline::DatastreamKey;

use super::{ChunkRow, DayFile};
use crate::{StoreError, chunk::CHUNK_READINGS, columns::Columns};

/// A chunk with fewer readings is worth joining with its neighbours.
const SMALL: usize = CHUNK_READINGS / 2;

impl DayFile {
    /// Brings the small chunks of a series together, some thousand readings in memory at a time.
    /// Says how many chunks there are fewer.
    pub(crate) fn compact(&self, series: i64, key: &DatastreamKey) -> Result<u64, StoreError> {
        let mut merged = 0;
        for run in runs(&self.chunks(series, i64::MIN, i64::MAX)?) {
            let mut all = Columns::default();
            for row in run {
                all.merge(&self.read(row)?);
            }
            let (chunks, _) = self.replace(series, key, run, &all)?;
            merged += (run.len() as u64).saturating_sub(chunks);
        }
        Ok(merged)
    }

    /// Gives back free pages, a bounded number at a time. Says how many bytes, and whether there
    /// are more.
    pub(crate) fn shrink(&self, most_pages: u64) -> Result<(u64, bool), StoreError> {
        let free = self.pragma("freelist_count")?;
        if free == 0 {
            return Ok((0, false));
        }
        self.run(&format!("PRAGMA incremental_vacuum({most_pages})"))?;
        let left = self.pragma("freelist_count")?;
        let bytes = free.saturating_sub(left).saturating_mul(self.pragma("page_size")?);
        Ok((bytes, left > 0 && left < free))
    }

    fn pragma(&self, name: &str) -> Result<u64, StoreError> {
        let value: Result<i64, _> = self.db.pragma_query_value(None, name, |r| r.get(0));
        value.map(i64::unsigned_abs).map_err(|e| self.error(&e))
    }
}

/// The chunks to be written again together: each run begins with a small one and goes on until
/// there is enough for one that is not.
fn runs(chunks: &[ChunkRow]) -> Vec<&[ChunkRow]> {
    let count = |row: &ChunkRow| usize::try_from(row.summary.count).unwrap_or(usize::MAX);
    let mut runs = Vec::new();
    let mut rest = chunks;
    while let Some(start) = rest.iter().position(|row| count(row) < SMALL) {
        rest = rest.get(start..).unwrap_or_default();
        let mut readings: usize = 0;
        let len = rest.iter().take_while(|row| {
            let enough = readings >= CHUNK_READINGS;
            readings = readings.saturating_add(count(row));
            !enough
        });
        let (run, behind) = rest.split_at(len.count());
        // A small one alone at the end stays as it is.
        if run.len() > 1 {
            runs.push(run);
        }
        rest = behind;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::Summary;

    fn lengths(counts: &[u32]) -> Vec<Vec<u32>> {
        let row = |count: &u32| {
            let mut columns = Columns::default();
            columns.micros.push(0);
            columns.values.push(0);
            columns.codes.push(1);
            let summary = Summary::of(&columns, false).unwrap();
            ChunkRow { id: 0, summary: Summary { count: *count, ..summary } }
        };
        let rows: Vec<_> = counts.iter().map(row).collect();
        runs(&rows).iter().map(|run| run.iter().map(|r| r.summary.count).collect()).collect()
    }

    #[test]
    fn only_what_is_small_is_written_again_with_what_follows_it() {
        assert_eq!(lengths(&[]), Vec::<Vec<u32>>::new());
        assert_eq!(lengths(&[3600, 3600, 4000]), Vec::<Vec<u32>>::new());
        assert_eq!(lengths(&[3600, 100]), Vec::<Vec<u32>>::new());
        assert_eq!(lengths(&[60; 24]), [vec![60; 24]]);
        assert_eq!(lengths(&[3600, 60, 3600, 3600]), [vec![60, 3600]]);
        assert_eq!(lengths(&[1000; 8]), [vec![1000; 4], vec![1000; 4]]);
    }
}
