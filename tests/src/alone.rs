//! Stations whose network is dead and whose disk is full, and how long their sirens take.
//!
//! The times come from the emulated hardware, not from the program that is measured: a rain gauge's
//! contact says when it closed, the relay when it was pulled, both on the clock of the kernel.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::binary;

const SIREN_PIN: u64 = 27;
const GAUGE_PIN: u64 = 17;
/// A contact that closes again this soon has bounced.
const BOUNCE_US: u64 = 300_000;
/// The blocks of 512 bytes that a file may have: the spool is full at once.
const FULL: u32 = 8;
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Forty readings a second, and a rule that every tip of the rain gauge sets off.
const PARTS: &str = "\
[emulator]
scenario = \"storm\"
speed = 60
[batch]
max_age_s = 0.1
[spool]
max_bytes = 1048576
segment_bytes = 65536
commit_s = 0
[clock]
source = \"ntp\"
[siren]
pin = 27
[[tmp105]]
interval_s = 0.05
temperature = \"soil_temperature\"
[[rain_gauge]]
pin = 17
interval_s = 0.1
tip_mm = 0.01
rain = \"rain\"
intensity = \"rain_intensity\"
[[dps310]]
interval_s = 0.5
pressure = \"pressure\"
";

/// How long sirens took, in microseconds, ascending.
#[derive(Debug, Clone)]
pub struct Reactions(Vec<u64>);

impl Reactions {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// What so many of a hundred were not slower than.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        Duration::from_micros(self.0.get(at).copied().unwrap_or_default())
    }
}

/// Runs `stations` stations in a storm until each has sounded its siren `each` times.
///
/// # Errors
/// When a station does not run, a tip is not followed by its siren, or it takes too long.
pub fn reactions(folder: &Path, stations: u16, each: usize) -> Result<Reactions> {
    // It takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let mut running = Vec::new();
    for n in 0..stations {
        // Every second one meets a port that nobody listens at.
        let port = if n % 2 == 0 { silent.local_addr()?.port() } else { 1 };
        running.push(Alone::start(folder, n, port)?);
    }
    let mut all = Vec::new();
    for station in &mut running {
        all.extend(station.measure(each)?);
    }
    all.sort_unstable();
    Ok(Reactions(all))
}

/// A station that has nobody.
struct Alone {
    child: Child,
    lines: Receiver<String>,
    data: PathBuf,
}

impl Alone {
    fn start(folder: &Path, n: u16, port: u16) -> Result<Self> {
        let folder = folder.join(format!("alone-{n}"));
        let rules = folder.join("rules");
        std::fs::create_dir_all(&rules)?;
        std::fs::write(rules.join("tip.toml"), rule()?)?;
        let at = folder.display();
        let mut text =
            format!("node = \"alone-{n}\"\ndata = \"{at}/data\"\nrules = \"{at}/rules\"\n");
        writeln!(text, "[broker]\nurl = \"mqtt://127.0.0.1:{port}\"")?;
        writeln!(text, "[hardware]\nbackend = \"emulator\"")?;
        text += &PARTS.replace("speed = 60", &format!("speed = 60\nseed = {n}"));
        std::fs::write(folder.join("edge.toml"), text)?;
        // A write beyond the limit fails, as on a full disk.
        let script = format!("trap '' XFSZ; ulimit -f {FULL}; exec \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .arg(binary("tram-edge")?)
            .args(["--log-format", "json", "run", "--config"])
            .arg(folder.join("edge.toml"))
            .env("RUST_LOG", "info,tram_edge::hal::emulated=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let (tell, lines) = channel();
        let said = BufReader::new(child.stderr.take().context("it is piped")?);
        thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, data: folder.join("data") })
    }

    /// The times from a tip to the siren, with the siren reset after each.
    fn measure(&mut self, wanted: usize) -> Result<Vec<u64>> {
        let (mut said, mut disk_is_full) = (Vec::new(), false);
        let (mut last_edge, mut tip, mut sounding) = (0, None, false);
        let mut times = Vec::new();
        while times.len() < wanted {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                bail!("{} tips only, then silence:\n{}", times.len(), said.join("\n"));
            };
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            let number = |key: &str| event.get(key).and_then(Value::as_u64);
            let yes = |key: &str| event.get(key).and_then(Value::as_bool) == Some(true);
            let message = event.get("message").and_then(Value::as_str).unwrap_or_default();
            let at = number("at").unwrap_or_default();
            match (message, number("pin")) {
                ("edge", Some(GAUGE_PIN)) if yes("rising") => {
                    let bounced = at.saturating_sub(last_edge) < BOUNCE_US;
                    last_edge = at;
                    if bounced || sounding {
                        continue;
                    }
                    ensure!(tip.is_none(), "no siren for the tip at {tip:?}:\n{}", said.join("\n"));
                    tip = Some(at);
                }
                ("relay", Some(SIREN_PIN)) if yes("on") => {
                    sounding = true;
                    let began = tip.take().context("a siren without a tip")?;
                    if disk_is_full {
                        times.push(at.saturating_sub(began));
                    }
                    self.reset()?;
                }
                ("relay", Some(SIREN_PIN)) => sounding = false,
                _ => {
                    disk_is_full |= message.contains("readings cannot be kept");
                    said.push(line);
                }
            }
        }
        Ok(times)
    }

    /// What `tram-edge siren reset` does.
    fn reset(&self) -> Result<()> {
        let mut stream = UnixStream::connect(self.data.join("control/socket"))?;
        stream.write_all(b"reset by the test\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.contains("\"done\""), "the reset was answered {answer:?}");
        Ok(())
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The shipped rule of heavy rain, changed so that each tip begins an episode and the reading after
/// it ends the episode.
fn rule() -> Result<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/rules/heavy-rain-10min.toml");
    let mut rule = std::fs::read_to_string(path)?;
    for (from, to) in [
        ("statistic = \"sum\"\nwindow_s = 600", "statistic = \"latest\"\nsiren_from = 1"),
        ("hold_s = 1800", "hold_s = 0"),
        ("late_s = 600", "late_s = 0"),
        ("raise = 10.0\nclear = 5.0", "raise = 0.01\nclear = 0.00"),
    ] {
        ensure!(rule.contains(from), "the rule of heavy rain has no `{from}` any more");
        rule = rule.replacen(from, to, 1);
    }
    let second = rule.match_indices("[[level]]").nth(1).context("it has a second level")?.0;
    let texts = rule.find("[text.vi]").context("it has texts")?;
    rule.replace_range(second..texts, "");
    Ok(rule)
}
