//! Rollups: what the readings of a series come to by minute, hour and day.
//!
//! A file holds the rollups of one [`Level`] for a month or a year (`rollup/minute/2026-03.db`,
//! `rollup/hour/2026.db`, `rollup/day/2026.db`), so that deleting files is enough to forget them.
//! In it, a row holds the buckets of one series over a day, a month or a year, compressed by
//! column. A day of a series is rolled up as a whole from its readings once the day is over, and
//! again whenever readings come late; which days that are stands in the files of the readings, in
//! the same transaction as the readings themselves. So it may be interrupted anywhere.

mod chunk;
mod file;
mod level;

pub(crate) use file::RollupFile;
pub(crate) use level::{Level, Levels};
