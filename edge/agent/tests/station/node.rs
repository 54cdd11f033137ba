//! One `tram-edge` process.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use tempfile::TempDir;
use tram_spool::{Options, Spool};

use crate::centre::LIMIT;

/// A folder with a station file, and what the station leaves there.
pub(crate) struct Station {
    folder: TempDir,
}

impl Station {
    /// A station with `more` at the end of its file.
    pub(crate) fn new(broker: SocketAddr, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let spool = if more.contains("[spool]") { "" } else { "[spool]\ncommit_s = 0\n" };
        let text = format!(
            "node = \"test-01\"\ndata = \"{at}/data\"\n\
             [broker]\nurl = \"mqtt://{broker}\"\nresend_s = 1\nspread_s = 0.2\n\
             [hardware]\nbackend = \"emulator\"\n[clock]\nsource = \"ntp\"\n{spool}{more}"
        );
        fs::write(folder.path().join("edge.toml"), text.replace("{at}", &at.to_string())).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start(&self) -> Node {
        Node::start(Command::new(env!("CARGO_BIN_EXE_tram-edge")), &self.path("edge.toml"))
    }

    /// Starts it with more in its environment.
    pub(crate) fn start_with(&self, environment: &[(&str, &str)]) -> Node {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tram-edge"));
        command.envs(environment.iter().copied());
        Node::start(command, &self.path("edge.toml"))
    }

    /// Starts it where files cannot grow beyond so many blocks of 512 bytes.
    pub(crate) fn start_on_a_small_disk(&self, blocks: u32) -> Node {
        let mut command = Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_tram-edge")]);
        Node::start(command, &self.path("edge.toml"))
    }

    /// What the station has sampled and kept, as its log says: channel, time, value, quality.
    pub(crate) fn sampled(&self) -> Vec<(String, i64, Option<i64>, u16)> {
        let text = fs::read_to_string(self.path("sampled.csv")).unwrap_or_default();
        let line = |line: &str| {
            let fields: Vec<&str> = line.split(',').collect();
            let [name, time, value, quality] = fields[..] else { panic!("a line: {line:?}") };
            let value = (!value.is_empty()).then(|| value.parse().unwrap());
            (name.to_owned(), time.parse().unwrap(), value, quality.parse().unwrap())
        };
        text.lines().map(line).collect()
    }

    /// How many records its spool holds; the station must have stopped.
    pub(crate) fn held(&self) -> usize {
        Spool::open(&self.path("data/spool"), Options::default()).unwrap().1.held
    }
}

/// A running process; killed when dropped.
pub(crate) struct Node {
    child: Child,
    lines: Receiver<String>,
}

impl Node {
    fn start(mut command: Command, config: &Path) -> Self {
        let mut child = command
            .arg("run")
            .arg("--config")
            .arg(config)
            .env("RUST_LOG", "debug")
            .env_remove("TRAM_MQTT_PASSWORD")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let said = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self { child, lines }
    }

    /// Waits until the process has said `text`.
    pub(crate) fn says(&self, text: &str) -> String {
        let mut all = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(LIMIT) {
            if line.contains(text) {
                return line;
            }
            all.push(line);
        }
        panic!("it never said {text:?}, but:\n{}", all.join("\n"));
    }

    /// SIGKILL: nothing is flushed.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and what it ended with.
    pub(crate) async fn stop(self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.ended().await
    }

    /// What it ended with, by itself.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let waiting = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        tokio::time::timeout(LIMIT, waiting).await.unwrap().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
