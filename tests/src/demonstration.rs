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
    /// The centre.
    pub centre: Centre,
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
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let (receiver, address) = start_receiver(folder, &root)?;
        let data = folder.display().to_string();
        let text = std::fs::read_to_string(root.join("config/demo/ingest.toml"))?;
        let text = absolute(&text, &root, &data)
            .replace("\"127.0.0.1:8080\"", "\"127.0.0.1:0\"")
            .replace("\"127.0.0.1:1883\"", "\"127.0.0.1:0\"")
            .replace("http://127.0.0.1:8081/webhook", &address);
        let configuration = folder.join("ingest.toml");
        std::fs::write(&configuration, text)?;
        let centre = Centre::start(folder, &configuration)?;

        let mut nodes = Vec::new();
        for station in STATIONS {
            let text =
                std::fs::read_to_string(root.join(format!("config/stations/{station}.toml")))?;
            ensure!(text.contains("speed = 60\n"), "the pace of {station} is written otherwise");
            let text = absolute(&text, &root, &data)
                .replace("127.0.0.1:1883", &format!("127.0.0.1:{}", centre.mqtt_port))
                .replace("speed = 60\n", &format!("speed = {speed}\n"));
            let file = folder.join(format!("{station}.toml"));
            std::fs::write(&file, text)?;
            let mut command = Command::new(binary("tram-edge")?);
            command.arg("run").arg("--config").arg(file);
            nodes.push(Program::start(&mut command, &folder.join(format!("{station}.log")))?);
        }
        Ok(Self { centre, nodes, receiver, folder: folder.to_owned() })
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
        let programs = self.nodes.iter_mut().chain([&mut self.centre.program, &mut self.receiver]);
        for program in programs {
            let status = program.stop(limit)?;
            ensure!(status.success(), "stopped with {status}:\n{}", program.printed());
        }
        Ok(())
    }
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
