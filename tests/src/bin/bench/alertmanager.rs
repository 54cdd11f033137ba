//! Debian's Alertmanager, for comparison.

use std::{
    net::{SocketAddr, TcpListener},
    process::Command,
    time::Duration,
};

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;
use tram_tests::{Program, until};

use super::arrivals::Arrivals;

const NAME: &str = "prometheus-alertmanager";

/// One with its files in a folder of its own.
pub(crate) struct Alertmanager {
    program: Program,
    folder: TempDir,
    address: SocketAddr,
}

impl Alertmanager {
    /// Whether this machine has one.
    pub(crate) fn installed() -> bool {
        Command::new(NAME).arg("--version").output().is_ok()
    }

    /// Starts one that tells `arrivals` each station by itself; without `group_wait` it waits as
    /// long as it does by itself.
    pub(crate) fn start(arrivals: &Arrivals, group_wait: Option<&str>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let wait = group_wait.map(|w| format!(", group_wait: {w}")).unwrap_or_default();
        let configuration = format!(
            "route: {{ receiver: hook, group_by: [station]{wait} }}\n\
             receivers:\n- name: hook\n  webhook_configs:\n  - url: http://{}/alertmanager\n",
            arrivals.address
        );
        std::fs::write(folder.path().join("alertmanager.yml"), configuration)?;
        // It cannot tell which port it took, so one is borrowed from the kernel.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let program = launch(&folder, address)?;
        Ok(Self { program, folder, address })
    }

    /// Gives it a firing alert of each station; it says 200 OK.
    pub(crate) fn post(&self, stations: &[String]) -> Result<()> {
        let alert = |station: &String| json!({"labels": {"alertname": "b", "station": station}});
        let alerts: Vec<Value> = stations.iter().map(alert).collect();
        ureq::post(&format!("http://{}/api/v2/alerts", self.address)).send_json(alerts)?;
        Ok(())
    }

    /// kill -9, and starts it again with the files it left.
    pub(crate) fn kill_and_restart(&mut self) -> Result<()> {
        self.program.kill()?;
        self.program = launch(&self.folder, self.address)?;
        Ok(())
    }
}

fn launch(folder: &TempDir, address: SocketAddr) -> Result<Program> {
    let here = folder.path().display();
    let mut command = Command::new(NAME);
    command
        .arg(format!("--config.file={here}/alertmanager.yml"))
        .arg(format!("--storage.path={here}/data"))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=");
    let program = Program::start(&mut command, &folder.path().join("alertmanager.log"))?;
    let ready = || ureq::get(&format!("http://{address}/-/ready")).call().ok();
    until("ready Alertmanager", Duration::from_secs(20), ready)?;
    Ok(program)
}
