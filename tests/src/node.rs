//! `tram-edge`, running on emulated sensors.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Program, binary};

/// A node in a folder of its own that can be killed and started again.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    program: Option<Program>,
    folder: PathBuf,
}

/// Values by channel and time (microseconds since 1970); `None` is a missing reading.
pub type Readings = BTreeMap<(String, i64), Option<i64>>;

impl Node {
    /// The inside of `[broker]` for a broker on this machine without encryption or password.
    #[must_use]
    pub fn open_broker(port: u16) -> String {
        format!("url = \"mqtt://127.0.0.1:{port}\"")
    }

    /// Prepares a node: `parts` is the part of the station file below the tables that every one
    /// of these has, `broker` the inside of `[broker]`, `scenario` that of `[emulator]`.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn prepare(
        folder: &Path,
        name: &str,
        broker: &str,
        scenario: &str,
        parts: &str,
    ) -> Result<Self> {
        // What is sampled is safe as soon as it can be.
        Self::prepare_with(folder, name, broker, scenario, "commit_s = 0", parts)
    }

    /// The same with `spool` as the inside of `[spool]`.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn prepare_with(
        folder: &Path,
        name: &str,
        broker: &str,
        scenario: &str,
        spool: &str,
        parts: &str,
    ) -> Result<Self> {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let data = folder.display();
        let mut text = format!("node = \"{name}\"\ndata = \"{data}/data\"\n");
        writeln!(text, "[broker]\n{broker}\nresend_s = 2\nspread_s = 0.2")?;
        writeln!(text, "[hardware]\nbackend = \"emulator\"\n[batch]\nmax_age_s = 0.2")?;
        writeln!(text, "[spool]\n{spool}")?;
        // The clock of the machine that tests is taken to be right.
        writeln!(text, "[clock]\nsource = \"ntp\"")?;
        writeln!(text, "[emulator]\nsampled_log = \"{data}/sampled.csv\"\n{scenario}\n{parts}")?;
        std::fs::write(folder.join("edge.toml"), text)?;
        Ok(Self { name: name.to_owned(), program: None, folder })
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the program is missing.
    pub fn start(&mut self) -> Result<()> {
        self.start_as(Command::new(binary("tram-edge")?))
    }

    /// The same from a command prepared otherwise, such as with another environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_as(&mut self, mut command: Command) -> Result<()> {
        command.arg("run").arg("--config").arg(self.folder.join("edge.toml"));
        self.program = Some(Program::start(&mut command, &self.folder.join("edge.log"))?);
        Ok(())
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut program = self.program.take().context("the node does not run")?;
        ensure!(program.running(), "{} has ended by itself:\n{}", self.name, program.printed());
        program.kill()
    }

    /// Stops it with SIGTERM.
    ///
    /// # Errors
    /// When it does not run, does not stop, or does not exit with 0.
    pub fn stop(&mut self) -> Result<()> {
        let mut program = self.program.take().context("the node does not run")?;
        let status = program.stop(Duration::from_secs(20))?;
        ensure!(status.success(), "{} stopped with {status}:\n{}", self.name, program.printed());
        Ok(())
    }

    /// Waits until it ends by itself, as after a replay.
    ///
    /// # Errors
    /// When it does not end within `limit` or not with 0.
    pub fn finish(&mut self, limit: Duration) -> Result<()> {
        let mut program = self.program.take().context("the node does not run")?;
        let status = program.exited(limit)?;
        ensure!(status.success(), "{} ended with {status}:\n{}", self.name, program.printed());
        Ok(())
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    /// What it printed.
    #[must_use]
    pub fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.join("edge.log")).unwrap_or_default()
    }

    /// The folder with its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every alarm it had safe in its spool, as it is named everywhere, in order.
    ///
    /// # Errors
    /// When the log of alarms cannot be read.
    pub fn alarms(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(self.folder.join("sampled.alarms"))?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Ok(whole.lines().map(str::to_owned).collect())
    }

    /// Every reading it had safe in its spool, as it logged them for the test. A line that a kill
    /// cut short is left out.
    ///
    /// # Errors
    /// When a line is not what it should be, or a reading is there twice.
    pub fn sampled(&self) -> Result<Readings> {
        let text = std::fs::read_to_string(self.folder.join("sampled.csv"))?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut readings = Readings::new();
        for line in whole.lines() {
            let mut fields = line.split(',');
            let mut next = || fields.next().with_context(|| format!("short line {line:?}"));
            let key = (next()?.to_owned(), next()?.parse()?);
            let value = match next()? {
                "" => None,
                number => Some(number.parse()?),
            };
            ensure!(readings.insert(key, value).is_none(), "sampled twice: {line}");
        }
        Ok(readings)
    }
}
