//! The demonstration as it ships, on free ports and in a folder of its own.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Centre, Program, binary, until};

/// The three stations that ship.
pub const STATIONS: [&str; 3] = ["sapa-slope-01", "lao-cai-river-01", "kim-thanh-gate-01"];

/// Centre, webhook receiver and three stations, with the shipped configuration files; only ports,
/// folders and the pace of the storm are others.
#[derive(Debug)]
pub struct Demonstration {
    /// The centre, or with replicas the one that watches.
    pub centre: Centre,
    /// The replicas that share the messages, if there are any.
    pub replicas: Vec<Centre>,
    configuration: PathBuf,
    nodes: Vec<Program>,
    receiver: Program,
    folder: PathBuf,
}

impl Demonstration {
    /// Starts everything in `folder`, with a storm at `speed` times its pace.
    ///
    /// # Errors
    /// When a program does not start.
    pub fn start(folder: &Path, speed: u32) -> Result<Self> {
        Self::run(folder, speed, None)
    }

    /// The same behind a broker outside: so many replicas share the messages and acknowledge them,
    /// and the centre of the demonstration watches.
    ///
    /// # Errors
    /// When a program does not start.
    pub fn with_replicas(folder: &Path, speed: u32, broker: u16, replicas: usize) -> Result<Self> {
        Self::run(folder, speed, Some((broker, replicas)))
    }

    fn run(folder: &Path, speed: u32, outside: Option<(u16, usize)>) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let (receiver, address) = start_receiver(folder, &root)?;
        let data = folder.display().to_string();
        let text = std::fs::read_to_string(root.join("config/demo/ingest.toml"))?;
        let text = absolute(&text, &root, &data)
            .replace("\"127.0.0.1:8080\"", "\"127.0.0.1:0\"")
            .replace("http://127.0.0.1:8081/webhook", &address);
        let embedded = "listen = \"127.0.0.1:1883\"\nanonymous_loopback = true";
        ensure!(text.contains(embedded), "the broker of the demonstration is written otherwise");
        let broker = match outside {
            None => embedded.replace("1883", "0"),
            Some((port, _)) => {
                let url = format!("url = \"mqtt://127.0.0.1:{port}\"");
                format!("{url}\nacknowledge = false\nreplica = \"watcher\"")
            }
        };
        let text = text.replace(embedded, &broker);
        let configuration = folder.join("ingest.toml");
        std::fs::write(&configuration, &text)?;
        let centre = Centre::start(folder, &configuration)?;
        let (mut port, mut replicas) = (centre.mqtt_port, Vec::new());
        if let Some((outside, count)) = outside {
            port = outside;
            for n in 0..count {
                replicas.push(replica(folder, n, outside)?);
            }
        }

        let mut nodes = Vec::new();
        for station in STATIONS {
            let text =
                std::fs::read_to_string(root.join(format!("config/stations/{station}.toml")))?;
            ensure!(text.contains("speed = 60\n"), "the pace of {station} is written otherwise");
            let text = absolute(&text, &root, &data)
                .replace("127.0.0.1:1883", &format!("127.0.0.1:{port}"))
                .replace("speed = 60\n", &format!("speed = {speed}\n"));
            let file = folder.join(format!("{station}.toml"));
            std::fs::write(&file, text)?;
            let mut command = Command::new(binary("tram-edge")?);
            command.arg("run").arg("--config").arg(file);
            nodes.push(Program::start(&mut command, &folder.join(format!("{station}.log")))?);
        }
        let folder = folder.to_owned();
        Ok(Self { centre, replicas, configuration, nodes, receiver, folder })
    }

    /// Kills the centre with SIGKILL and starts it again with what it left.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn restart_centre(&mut self) -> Result<()> {
        self.centre.kill()?;
        self.centre = Centre::start(&self.folder, &self.configuration)?;
        Ok(())
    }

    /// Every webhook the receiver has kept, in the order of arrival.
    ///
    /// # Errors
    /// When its log is not what it should be.
    pub fn webhooks(&self) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.folder.join("webhook.jsonl"))?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// What the receiver printed: a line for each message, new or repeated.
    #[must_use]
    pub fn receiver_printed(&self) -> String {
        self.receiver.printed()
    }

    /// Stops nodes, centre and receiver in this order.
    ///
    /// # Errors
    /// When one does not stop in time or not with 0.
    pub fn stop(mut self) -> Result<()> {
        let limit = Duration::from_secs(20);
        let replicas = self.replicas.iter_mut().map(|r| &mut r.program);
        let programs = self.nodes.iter_mut().chain(replicas);
        let programs = programs.chain([&mut self.centre.program, &mut self.receiver]);
        for program in programs {
            let status = program.stop(limit)?;
            ensure!(status.success(), "stopped with {status}:\n{}", program.printed());
        }
        Ok(())
    }
}

/// A replica that stores and acknowledges what it gets of the shipped stations.
fn replica(folder: &Path, n: usize, broker: u16) -> Result<Centre> {
    let folder = folder.join(format!("replica-{n}"));
    std::fs::create_dir_all(&folder)?;
    let mut text = format!(
        "data = \"{}/data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\nurl = \"mqtt://127.0.0.1:{broker}\"\nshare = \"tram\"\nreplica = \"r{n}\"\n",
        folder.display()
    );
    for station in STATIONS {
        text +=
            &format!("[[station]]\nid = \"{station}\"\nname = \"S\"\nlat = 22.0\nlon = 104.0\n");
    }
    let configuration = folder.join("ingest.toml");
    std::fs::write(&configuration, text)?;
    Centre::start(&folder, &configuration)
}

/// The shipped files name their folders from the top of the project.
fn absolute(text: &str, root: &Path, data: &str) -> String {
    text.replace("\"config/", &format!("\"{}/config/", root.display()))
        .replace("\"data/", &format!("\"{data}/"))
}

fn start_receiver(folder: &Path, root: &Path) -> Result<(Program, String)> {
    let mut command = Command::new(binary("tram-receiver")?);
    command.args(["--listen", "127.0.0.1:0", "--secret-file"]);
    command.arg(root.join("config/demo/webhook.secret"));
    command.arg("--log").arg(folder.join("webhook.jsonl"));
    let receiver = Program::start(&mut command, &folder.join("receiver.log"))?;
    let address = until("address of the receiver", Duration::from_secs(10), || {
        let printed = receiver.printed();
        let line = printed.lines().find_map(|l| l.strip_prefix("receiving on "));
        line.map(str::to_owned)
    });
    Ok((receiver, address.context("the receiver says nothing")?))
}
