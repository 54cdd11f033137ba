//! One of the project's programs, running.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::until;

/// Where a program of this project was built: beside the test that asks.
///
/// # Errors
/// When it has not been built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let found = test.ancestors().skip(1).map(|folder| folder.join(name)).find(|p| p.is_file());
    found.with_context(|| format!("{name} has not been built; run: cargo build --workspace --bins"))
}

/// A running program; what it prints goes to a file. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    output: PathBuf,
}

impl Program {
    /// Starts `command`; what it prints is added to `output`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command, output: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(output)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self { child, output: output.to_owned() })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has printed so far.
    #[must_use]
    pub fn printed(&self) -> String {
        let mut text = String::new();
        let _ = File::open(&self.output).and_then(|mut f| f.read_to_string(&mut text));
        text
    }

    /// Kills it with SIGKILL: no handler runs, nothing is flushed.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop with SIGTERM and waits for it.
    ///
    /// # Errors
    /// When it does not stop within `limit`.
    pub fn stop(&mut self, limit: Duration) -> Result<ExitStatus> {
        let id = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status()?.success(), "kill -TERM {id}");
        self.exited(limit)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn exited(&mut self, limit: Duration) -> Result<ExitStatus> {
        until("end of the program", limit, || self.child.try_wait().ok().flatten())
            .with_context(|| self.printed())
    }

    /// The most memory it has held so far, in KiB (`VmHWM`).
    ///
    /// # Errors
    /// When it does not run any more.
    pub fn peak_memory_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let number = line.and_then(|l| l.split_whitespace().next()).context("no VmHWM")?;
        Ok(number.parse()?)
    }

    /// The memory it holds now, in KiB (`VmRSS`).
    ///
    /// # Errors
    /// When it does not run any more.
    pub fn memory_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        let number = line.and_then(|l| l.split_whitespace().next()).context("no VmRSS")?;
        Ok(number.parse()?)
    }

    /// Processor time it has used, user and system, in seconds.
    ///
    /// # Errors
    /// When it does not run any more.
    pub fn processor_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        let fields = stat.rsplit(") ").next().unwrap_or_default();
        let ticks = |n: usize| -> Result<f64> {
            Ok(fields.split_whitespace().nth(n).context("short /proc stat")?.parse()?)
        };
        // Fields 14 and 15 of proc(5), counted behind the name; a tick is 10 ms on Linux.
        Ok((ticks(11)? + ticks(12)?) / 100.0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
