//! JSON: one object for a station, a list of channels in it. Values are exact decimals.

use std::io::Write;

use tram_pipeline::DatastreamKey;
use tram_wire::{NodeId, UnixMicros};

use super::{Decimal, ExportError, Function, Time, columns};
use crate::{Bucket, Reading};

/// A file of one station, written channel by channel.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    columns: Vec<Function>,
    channels: u64,
}

impl<W: Write> Json<W> {
    /// Writes everything before the first channel: for aggregates with `step` in microseconds and
    /// functions, for readings without.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn new(
        mut out: W,
        station: &NodeId,
        from: UnixMicros,
        to: UnixMicros,
        step: Option<(i64, &[Function])>,
    ) -> Result<Self, ExportError> {
        // Names of nodes and channels hold nothing that JSON escapes; nor do units.
        write!(out, "{{\"station\":\"{station}\",")?;
        write!(out, "\"from\":\"{}\",\"to\":\"{}\",", Time(from.0), Time(to.0))?;
        if let Some((step, _)) = step {
            let whole = step % 1_000_000 == 0;
            let (counts, decimals) = if whole { (step / 1_000_000, 0) } else { (step, 6) };
            write!(out, "\"step_s\":{},", Decimal { counts: counts.into(), decimals })?;
        }
        out.write_all(b"\"channels\":[")?;
        let columns = step.map_or_else(Vec::new, |(_, functions)| columns(functions));
        Ok(Self { out, columns, channels: 0 })
    }

    fn open(&mut self, key: &DatastreamKey, rows: &str) -> Result<(), ExportError> {
        let comma = if self.channels == 0 { "" } else { "," };
        self.channels += 1;
        let (quantity, unit) = (key.quantity.name(), key.quantity.unit());
        write!(
            self.out,
            "{comma}\n{{\"channel\":\"{}\",\"quantity\":\"{quantity}\",\"unit\":\"{unit}\",\"{rows}\":[",
            key.channel
        )?;
        Ok(())
    }

    /// Writes the readings of one channel. Says how many.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn readings(
        &mut self,
        key: &DatastreamKey,
        rows: impl Iterator<Item = Result<Reading, ExportError>>,
    ) -> Result<u64, ExportError> {
        self.open(key, "readings")?;
        let mut count = 0;
        for row in rows {
            let row = row?;
            self.comma(count)?;
            write!(self.out, "{{\"time\":\"{}\",\"value\":", Time(row.time.0))?;
            self.number(row.value.map(i128::from), key)?;
            write!(self.out, ",\"quality\":{},\"tests\":[", row.quality.flag as u8)?;
            for (i, test) in row.quality.tests.names().enumerate() {
                write!(self.out, "{}\"{test}\"", if i == 0 { "" } else { "," })?;
            }
            self.out.write_all(b"]}")?;
            count += 1;
        }
        self.out.write_all(b"]}")?;
        Ok(count)
    }

    /// Writes the aggregates of one channel. Says how many rows.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn buckets(
        &mut self,
        key: &DatastreamKey,
        rows: impl Iterator<Item = Result<Bucket, ExportError>>,
    ) -> Result<u64, ExportError> {
        self.open(key, "rows")?;
        let mut count = 0;
        for row in rows {
            let row = row?;
            self.comma(count)?;
            write!(self.out, "{{\"time\":\"{}\",", Time(row.start.0))?;
            for i in 0..self.columns.len() {
                self.function(i, &row, key)?;
            }
            let span = row.span / 1_000_000;
            write!(self.out, "\"count\":{},\"good\":{},\"span_s\":{span}}}", row.count, row.good)?;
            count += 1;
        }
        self.out.write_all(b"]}")?;
        Ok(count)
    }

    #[expect(clippy::cast_precision_loss, reason = "a scale is a small power of ten")]
    fn function(&mut self, i: usize, row: &Bucket, key: &DatastreamKey) -> Result<(), ExportError> {
        let Some(function) = self.columns.get(i).copied() else { return Ok(()) };
        write!(self.out, "\"{}\":", function.name())?;
        let counts = match function {
            Function::Mean => {
                match row.mean() {
                    Some(mean) => write!(self.out, "{}", mean / key.quantity.scale() as f64)?,
                    None => self.out.write_all(b"null")?,
                }
                self.out.write_all(b",")?;
                return Ok(());
            }
            Function::Min => row.min.map(i128::from),
            Function::Max => row.max.map(i128::from),
            Function::Last => row.last.map(i128::from),
            Function::Sum => row.sum,
            Function::Count => Some(row.count.into()),
        };
        self.number(counts, key)?;
        self.out.write_all(b",")?;
        Ok(())
    }

    fn number(&mut self, counts: Option<i128>, key: &DatastreamKey) -> Result<(), ExportError> {
        match counts {
            Some(counts) => {
                let decimals = key.quantity.decimals();
                write!(self.out, "{}", Decimal { counts, decimals })?;
            }
            None => self.out.write_all(b"null")?,
        }
        Ok(())
    }

    fn comma(&mut self, rows: u64) -> Result<(), ExportError> {
        self.out.write_all(if rows == 0 { b"\n" } else { b",\n" })?;
        Ok(())
    }

    /// Writes the end and hands back where it wrote to.
    ///
    /// # Errors
    /// [`ExportError::Write`].
    pub fn finish(mut self) -> Result<W, ExportError> {
        self.out.write_all(b"]}\n")?;
        Ok(self.out)
    }
}
