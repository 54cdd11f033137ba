//! The program, running.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use super::PATIENCE;

/// The project's top folder.
pub(crate) const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A process and what it prints.
pub(crate) struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
    said: Vec<String>,
}

impl Program {
    /// Starts `tram-ingest` with these arguments in the top folder.
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tram-ingest"))
            .args(arguments)
            .current_dir(TOP)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (send, lines) = mpsc::channel();
        follow(child.stdout.take().expect("piped"), send.clone());
        follow(child.stderr.take().expect("piped"), send);
        Self { child, lines, said: Vec::new() }
    }

    /// Waits until it prints a line with this in it.
    pub(crate) fn says(&mut self, what: &str) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.said.push(line);
            if self.said.last().is_some_and(|l| l.contains(what)) {
                return;
            }
        }
        panic!("`{what}` was not said, but:\n{}", self.said.join("\n"));
    }

    /// How many of the lines read so far have this in them.
    pub(crate) fn said(&mut self, what: &str) -> usize {
        while let Ok(line) = self.lines.try_recv() {
            self.said.push(line);
        }
        self.said.iter().filter(|l| l.contains(what)).count()
    }

    /// Waits for its end; returns how it ended and everything it printed.
    pub(crate) fn ends(mut self) -> (ExitStatus, String) {
        // Both pipes close when the process is gone.
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.said.push(line);
        }
        let status = self.child.wait().expect("the program ends");
        (status, std::mem::take(&mut self.said).join("\n"))
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a living process can be killed");
        self.child.wait().expect("the program ends");
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &id]).status();
        assert!(told.expect("`kill` is there").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            while let Ok(line) = self.lines.try_recv() {
                self.said.push(line);
            }
            eprintln!("the program said:\n{}", self.said.join("\n"));
        }
    }
}

fn follow(pipe: impl Read + Send + 'static, lines: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

/// A configuration with two stations, `a` and `b`, every port free to choose, and this in
/// addition.
pub(crate) fn configuration(folder: &Path, broker: &str, more: &str) -> String {
    let data = folder.join("data");
    format!(
        "data = \"{}\"\nthird_party = \"register\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\n{broker}\n{more}\n\
         [[station]]\nid = \"a\"\nname = \"Trạm A\"\nname_en = \"Station A\"\n\
         commune = \"X\"\nlat = 22.5\nlon = 104.0\n\
         [[station]]\nid = \"b\"\nname = \"B\"\nlat = 22.5\nlon = 104.0\n",
        data.display()
    )
}

/// A centre that is ready.
pub(crate) struct Centre {
    /// The process.
    pub(crate) program: Program,
    /// Where everything of it is; goes with the last owner.
    pub(crate) folder: TempDir,
    /// Where its web server is, `host:port`.
    pub(crate) http: String,
    /// Where its embedded broker is.
    pub(crate) mqtt: Option<u16>,
}

impl Centre {
    /// With the embedded broker and no passwords.
    pub(crate) fn start() -> Self {
        Self::with("listen = \"127.0.0.1:0\"\nanonymous_loopback = true", "")
    }

    /// With these lines of configuration.
    pub(crate) fn with(broker: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = configuration(folder.path(), broker, more);
        std::fs::write(folder.path().join("ingest.toml"), text).expect("a configuration");
        Self::again(folder)
    }

    /// With what is in the folder.
    pub(crate) fn again(folder: TempDir) -> Self {
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (config, ready) = (path("ingest.toml"), path("ready.json"));
        let mut program = Program::start(&["run", "--config", &config, "--ready-file", &ready]);
        program.says("Ctrl-C stops it");
        let told: Value =
            serde_json::from_slice(&std::fs::read(&ready).expect("a ready file")).expect("JSON");
        let http = told["http"].as_str().expect("an address").to_owned();
        let port = |a: &str| a.rsplit(':').next().and_then(|p| p.parse().ok());
        let mqtt = told["mqtt"].as_str().and_then(port);
        Self { program, folder, http, mqtt }
    }

    /// Kills it, and gives its folder back.
    pub(crate) fn kill(self) -> TempDir {
        self.program.kill();
        self.folder
    }

    /// A file in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it answers: status and body.
    pub(crate) fn ask(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.http);
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(&url).call().unwrap_or_else(|e| panic!("{url}: {e}"));
        let body = answer.body_mut().read_to_vec().expect("a body");
        (answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned())
    }

    /// What it answers with 200, as JSON.
    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {e}: {body}"))
    }

    /// Posts JSON; returns status and body.
    pub(crate) fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent
            .post(format!("http://{}{path}", self.http))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.send(body.to_string()).expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// A metric, summed over its labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        metric(&self.ask("/metrics").1, name)
    }

    /// Asserts that every reading is accounted for, in one answer; returns how many there are.
    pub(crate) fn identity(&self) -> u64 {
        let (_, page) = self.ask("/metrics");
        let received = metric(&page, "tram_readings_received_total");
        let parts = ["stored_total", "duplicate_total", "quarantined_total", "pending"];
        let sum: u64 = parts.iter().map(|p| metric(&page, &format!("tram_readings_{p}"))).sum();
        assert_eq!(received, sum, "{page}");
        received
    }
}

fn metric(page: &str, name: &str) -> u64 {
    let values: Vec<u64> = page
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with([' ', '{']).then(|| rest.rsplit(' ').next()?.parse().ok())?
        })
        .collect();
    assert!(!values.is_empty(), "no metric {name} in:\n{page}");
    values.iter().sum()
}
