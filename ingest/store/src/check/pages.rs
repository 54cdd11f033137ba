//! The pages of a database, as SQLite sees them.

use rusqlite::Connection;

use super::{Affects, CheckError, RESTORE, Work};

/// How many faults SQLite lists of a file.
const MAX_FAULTS: u32 = 20;

impl Work<'_, '_, '_> {
    /// Lets SQLite go through every page. Says whether all is well.
    pub(super) fn pages(
        &mut self,
        db: &Connection,
        name: &str,
        affects: &Affects,
    ) -> Result<bool, CheckError> {
        self.alive(name)?;
        let pragma = if self.depth.quick { "quick_check" } else { "integrity_check" };
        let rows: rusqlite::Result<Vec<String>> = db
            .prepare(&format!("PRAGMA {pragma}({MAX_FAULTS})"))
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect());
        let faults = match rows {
            Ok(rows) => rows,
            Err(error) => vec![error.to_string()],
        };
        self.done(name)?;
        let mut sound = true;
        for fault in faults.iter().filter(|f| *f != "ok") {
            sound = false;
            // SQLite writes some faults on several lines.
            let fault = fault.trim().replace('\n', "; ");
            self.report.damage(
                name,
                format!("its pages are damaged: {fault}"),
                affects.clone(),
                RESTORE,
            );
        }
        Ok(sound)
    }
}
