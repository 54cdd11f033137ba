//! Debian's Mosquitto, as a broker outside the centre.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{Program, until};

/// A Mosquitto that can be killed and started again on the same port.
#[derive(Debug)]
pub struct Mosquitto {
    program: Program,
    folder: PathBuf,
    /// The port it listens on, on 127.0.0.1.
    pub port: u16,
}

impl Mosquitto {
    /// Whether this machine has one.
    #[must_use]
    pub fn installed() -> bool {
        Command::new("mosquitto").arg("-h").output().is_ok()
    }

    /// Starts one that lets everybody in, with its files in `folder`.
    ///
    /// # Errors
    /// When it does not listen within ten seconds.
    pub fn start(folder: &Path) -> Result<Self> {
        // Mosquitto cannot tell which port it took, so one is borrowed from the kernel.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n\
             persistence_location {}/\nuser root\n\
             max_inflight_messages 4096\nmax_queued_messages 10000\n",
            folder.display()
        );
        Self::with(folder, port, &text)
    }

    /// Starts one with this configuration, which makes it listen on `port`.
    ///
    /// # Errors
    /// When it does not listen within ten seconds.
    pub fn with(folder: &Path, port: u16, configuration: &str) -> Result<Self> {
        // Started as root it would become a user that cannot read the test's files.
        let root = if configuration.contains("\nuser ") { "" } else { "\nuser root\n" };
        std::fs::write(folder.join("mosquitto.conf"), format!("{configuration}{root}"))?;
        let program = Self::launch(folder, port)?;
        Ok(Self { program, folder: folder.to_owned(), port })
    }

    /// Processor time it has used, in seconds.
    ///
    /// # Errors
    /// When it does not run any more.
    pub fn processor_seconds(&self) -> Result<f64> {
        self.program.processor_seconds()
    }

    fn launch(folder: &Path, port: u16) -> Result<Program> {
        let program = Program::start(
            Command::new("mosquitto").arg("-c").arg(folder.join("mosquitto.conf")),
            &folder.join("mosquitto.log"),
        )?;
        until("listening Mosquitto", Duration::from_secs(10), || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .with_context(|| program.printed())?;
        Ok(program)
    }

    /// Kills it with SIGKILL and starts it again with the files it left.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.program.kill()?;
        self.program = Self::launch(&self.folder, self.port)?;
        Ok(())
    }
}
