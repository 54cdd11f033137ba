//! Databases of others, as their Debian packages come: started in a folder of their own, spoken to
//! over HTTP in line protocol.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use tram_tests::{Program, until};

use super::site::folder_bytes;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Victoria,
    Influx,
}

impl Kind {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Victoria => "VictoriaMetrics",
            Self::Influx => "InfluxDB 1.6",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Victoria => "victoria-metrics",
            Self::Influx => "influxd",
        }
    }

    /// When its answer to a write comes.
    pub(crate) fn durability(self) -> &'static str {
        match self {
            Self::Victoria => "answers before the readings are on disk: kill -9 loses seconds",
            Self::Influx => "answers when they are in its write-ahead log, fsynced",
        }
    }

    /// How to get it.
    pub(crate) fn install(self) -> &'static str {
        match self {
            Self::Victoria => "install it with: sudo apt install victoria-metrics",
            Self::Influx => "install it with: sudo apt install influxdb",
        }
    }

    /// Whether this machine has it.
    pub(crate) fn installed(self) -> bool {
        Command::new(self.program()).arg("-version").output().is_ok()
    }
}

/// A database that runs.
pub(crate) struct Engine {
    kind: Kind,
    /// Its process.
    pub(crate) program: Program,
    folder: PathBuf,
    port: u16,
}

impl Engine {
    /// Starts one with its files in `folder` and a database `bench` in it.
    pub(crate) fn start(kind: Kind, folder: &Path) -> Result<Self> {
        // Neither can tell which port it took, so one is borrowed from the kernel.
        let free = || anyhow::Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port());
        let port = free()?;
        let mut command = Command::new(kind.program());
        match kind {
            Kind::Victoria => {
                command
                    .arg(format!("-storageDataPath={}", folder.join("data").display()))
                    .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
                    .args(["-retentionPeriod=100y", "-maxInsertRequestSize=64MB"]);
            }
            Kind::Influx => {
                let config = folder.join("influx.conf");
                std::fs::write(&config, influx_config(folder, port, free()?))?;
                command.arg("-config").arg(config);
            }
        }
        let program = Program::start(&mut command, &folder.join("printed"))?;
        until("listening database", Duration::from_secs(20), || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .with_context(|| program.printed())?;
        let engine = Self { kind, program, folder: folder.join("data"), port };
        if kind == Kind::Influx {
            let url = format!("http://127.0.0.1:{port}/query");
            ureq::post(&url).query("q", "CREATE DATABASE bench").send_empty()?;
        }
        Ok(engine)
    }

    /// Where line protocol with times in milliseconds goes.
    pub(crate) fn write_url(&self) -> String {
        format!("http://127.0.0.1:{}/write?db=bench&precision=ms", self.port)
    }

    /// Waits until everything is written out and merged, as far as it does that by itself or when
    /// asked, and says how many bytes its files have.
    pub(crate) fn settled_bytes(&self) -> Result<u64> {
        let get = |path: &str| ureq::get(format!("http://127.0.0.1:{}{path}", self.port)).call();
        if self.kind == Kind::Victoria {
            get("/internal/force_flush")?;
            get("/internal/force_merge")?;
        }
        // Two seconds without a change count as the end; twenty seconds are enough for anybody.
        let mut sizes = Vec::new();
        let quiet = until("quiet database", Duration::from_secs(20), || {
            std::thread::sleep(Duration::from_millis(230));
            sizes.push(folder_bytes(&self.folder));
            let last = sizes.last_chunk::<9>()?;
            last.iter().all(|s| s == &last[0]).then_some(last[0])
        });
        Ok(quiet.unwrap_or_else(|_| folder_bytes(&self.folder)))
    }
}

/// Its packaged configuration, except that what is written once is brought into its final form
/// after a second and not after ten minutes or four hours.
fn influx_config(folder: &Path, port: u16, rpc: u16) -> String {
    let data = folder.join("data");
    format!(
        "reporting-disabled = true\nbind-address = \"127.0.0.1:{rpc}\"\n\
         [meta]\ndir = \"{0}/meta\"\n\
         [data]\ndir = \"{0}/data\"\nwal-dir = \"{0}/wal\"\nindex-version = \"inmem\"\n\
         query-log-enabled = false\ncache-snapshot-write-cold-duration = \"1s\"\n\
         compact-full-write-cold-duration = \"2s\"\n\
         [monitor]\nstore-enabled = false\n\
         [http]\nbind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\n",
        data.display()
    )
}
