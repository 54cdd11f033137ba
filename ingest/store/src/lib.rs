//! The truth in the centre: the commit log, the series behind it, and everything that has to be
//! known again after a restart.
//!
//! A folder holds one SQLite database for the log (`log.db`: messages as received, what was seen
//! of each spool, dictionaries, the quarantine, cursors of consumers), one for each day of
//! readings (`series/2026-03-01.db`: compressed chunks of one series each), and what the days come
//! to by the minute, the hour and the day (`rollup/minute/2026-03.db`, `rollup/hour/2026.db`,
//! `rollup/day/2026.db`). What is not sealed into a day yet is in the log and, decoded, in memory.
//!
//! * [`Log::append`] is the only thing that makes a message durable: one transaction, one fsync,
//!   together with the deduplication state it changes. When it returns, it is on disk.
//! * [`Sealer::seal`] moves the readings from the head in memory into the files of their days.
//!   Killed in the middle, it does the same again: a reading is known by series and time, and the
//!   first copy stays.
//! * [`Keeper::step`] rolls up the days that are over, brings small chunks together, and deletes
//!   what is past its time, a bounded piece at a time.
//! * [`Log::maintain`] forgets what every consumer has read and the sealer has sealed.
//! * [`Store`] answers: latest values, history, aggregates, the quarantine.
//!
//! There is no task, thread or clock in here; the program decides who calls what and when.
#![warn(missing_docs)]

mod aggregate;
pub mod backup;
mod beside;
mod bucket;
mod calendar;
pub mod check;
mod chunk;
mod columns;
mod cursor;
mod day;
mod day_file;
pub mod engine;
mod error;
pub mod export;
mod files;
mod gap;
mod head;
mod history;
mod keeper;
mod latest;
mod log;
mod memory;
mod options;
mod past;
mod pool;
mod quarantine;
mod reader;
pub mod restore;
mod retention;
mod rollup;
mod salvage;
mod schema;
mod sealer;
mod shelf;
mod shelves;
pub mod sink;
mod stale;
mod store;
mod summary;
mod vector;
mod watch;
mod wounds;

pub use aggregate::Aggregates;
pub use beside::{ReadOnly, Selection};
pub use bucket::Bucket;
pub use cursor::LogId;
pub use error::StoreError;
pub use gap::MAX_GAPS;
pub use history::{History, Reading};
pub use keeper::{Damage, Deleted, Keeper, Kept};
pub use latest::Latest;
pub use log::{Committed, Log, LogStats};
pub use options::Options;
pub use quarantine::Quarantined;
pub use reader::{LogEntry, LogReader};
pub use retention::{Keep, Policy, Retention};
pub use sealer::{Sealed, Sealer};
pub use store::{Opened, Recovery, Store, StoreStats};
pub use vector::Vector;
pub use watch::{Interrupted, Watch, Work};

#[cfg(test)]
mod tests;
