//! Connections that are kept for the next reader: opening a database costs more than most answers.

use std::{
    collections::VecDeque,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;

use crate::{StoreError, error::wrap, schema};

/// The most connections that wait to be used again; each holds three files open and some pages.
const MAX_IDLE: usize = 48;
/// How much of its file a connection that waits may keep in memory.
const CACHE_KIB: i64 = 256;

/// Idle connections to files of readings and rollups, the one used last at the end.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    connections: VecDeque<(PathBuf, Connection)>,
    /// How often a file was given up; what was lent before is not taken back.
    given_up: u64,
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to read from.
    pub(crate) fn lend(self: &Arc<Self>, path: &Path) -> Result<Lent, StoreError> {
        let (found, given_up) = {
            let mut idle = self.idle();
            let at = idle.connections.iter().rposition(|(of, _)| of == path);
            (at.and_then(|at| idle.connections.remove(at)), idle.given_up)
        };
        let db = match found {
            Some((_, db)) => db,
            None => {
                let db = schema::open_to_read(path)?;
                db.pragma_update(None, "cache_size", -CACHE_KIB).map_err(|e| wrap(path, &e))?;
                db
            }
        };
        let home = Some((Arc::clone(self), path.to_owned(), given_up));
        Ok(Lent { db: Some(db), home })
    }

    /// Closes the connections to a file that is replaced or removed, now or when they come back.
    pub(crate) fn give_up(&self, path: &Path) {
        let mut idle = self.idle();
        idle.given_up += 1;
        idle.connections.retain(|(of, _)| of != path);
    }
}

/// A connection that goes back to where it came from.
#[derive(Debug)]
pub(crate) struct Lent {
    /// There until it is dropped.
    db: Option<Connection>,
    home: Option<(Arc<Pool>, PathBuf, u64)>,
}

impl From<Connection> for Lent {
    /// One that belongs to nobody else.
    fn from(db: Connection) -> Self {
        Self { db: Some(db), home: None }
    }
}

impl Deref for Lent {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.db.as_ref().expect("it is taken out only when this is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(db), Some((pool, path, given_up))) = (self.db.take(), self.home.take()) else {
            return;
        };
        // Whatever it was reading is over.
        if !db.is_autocommit() && db.execute_batch("ROLLBACK").is_err() {
            return;
        }
        let mut idle = pool.idle();
        if idle.given_up != given_up {
            return;
        }
        idle.connections.push_back((path, db));
        if idle.connections.len() > MAX_IDLE {
            idle.connections.pop_front();
        }
    }
}
