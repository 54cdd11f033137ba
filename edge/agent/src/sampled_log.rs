//! A log for tests, of what is safe.

use std::{fs::File, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use tram_node::Draft;
use tram_wire::{BatchId, ChannelNumber};

/// For tests: every reading that is safe in the spool, as `channel,time_us,value,quality`, and in a
/// file beside it every alarm, as `node/spool/number`.
pub(crate) struct SampledLog {
    file: File,
    alarms: File,
    names: Vec<(ChannelNumber, String)>,
}

impl SampledLog {
    /// Opens the log to add to it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open(path: &Path, names: Vec<(ChannelNumber, String)>) -> Result<Self> {
        let open = |path: &Path| {
            let file = File::options().create(true).append(true).open(path);
            file.with_context(|| format!("opening {}", path.display()))
        };
        Ok(Self { file: open(path)?, alarms: open(&path.with_extension("alarms"))?, names })
    }

    /// Adds an alarm.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn alarm(&mut self, batch: BatchId) -> std::io::Result<()> {
        self.alarms.write_all(format!("{batch}\n").as_bytes())
    }

    /// One write for all, so that a kill leaves no half line.
    pub(crate) fn write(&mut self, drafts: &[Draft]) -> std::io::Result<()> {
        let mut lines = String::new();
        for column in drafts.iter().flat_map(|d| &d.columns) {
            let name = self.names.iter().find(|(n, _)| *n == column.channel);
            let name = name.map_or("?", |(_, name)| name.as_str());
            for p in column.points() {
                let value = p.value.map_or_else(String::new, |v| v.to_string());
                lines += &format!("{name},{},{value},{}\n", p.micros, p.quality.code());
            }
        }
        self.file.write_all(lines.as_bytes())
    }
}
