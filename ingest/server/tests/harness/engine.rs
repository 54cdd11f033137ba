//! Debian's `VictoriaMetrics`, where it is installed.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::until;

/// A running engine.
pub(crate) struct Victoria {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Victoria {
    /// Starts it; `None`, said on stderr, when it is not installed.
    pub(crate) fn start(folder: &Path, address: SocketAddr) -> Option<Self> {
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", folder.join("victoria").display()))
            .arg(format!("-httpListenAddr={address}"))
            .args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            eprintln!(
                "skipped: victoria-metrics is not installed. Install it with: apt-get install victoria-metrics"
            );
            return None;
        };
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = said.by_ref().map_while(Result::ok).any(|l| l.contains("starting http server"));
        assert!(ready, "it ended before it was ready");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || said.map_while(Result::ok).for_each(drop));
        until("the engine", || std::net::TcpStream::connect(address).ok());
        Some(Self { child, address })
    }

    /// How many values of a metric it holds, and how many different times of them.
    pub(crate) fn held(&self, metric: &str) -> (usize, usize) {
        let ask = |path: &str| {
            let mut answer = ureq::get(format!("http://{}{path}", self.address)).call().unwrap();
            answer.body_mut().with_config().limit(1 << 30).read_to_string().unwrap()
        };
        ask("/internal/force_flush");
        let text = ask(&format!("/api/v1/export?match%5B%5D={metric}"));
        let (mut values, mut times) = (0, std::collections::HashSet::new());
        for line in text.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            values += row["values"].as_array().unwrap().len();
            times.extend(row["timestamps"].as_array().unwrap().iter().map(|t| t.as_i64().unwrap()));
        }
        (values, times.len())
    }
}

impl Drop for Victoria {
    /// As a crash does it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
