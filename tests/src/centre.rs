//! `tram-ingest`, running.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{Program, binary, until};

/// A centre in a folder of its own that can be killed and started again.
#[derive(Debug)]
pub struct Centre {
    /// The process.
    pub program: Program,
    folder: PathBuf,
    http: String,
    /// The port of the embedded broker, 0 with a broker outside.
    pub mqtt_port: u16,
    /// Its port with encryption, 0 without.
    pub mqtts_port: u16,
    /// The port where nodes are enrolled, 0 where they are not.
    pub enrol_port: u16,
}

impl Centre {
    /// Starts one with this configuration file and waits until it is ready.
    ///
    /// # Errors
    /// When it is not ready within thirty seconds.
    pub fn start(folder: &Path, configuration: &Path) -> Result<Self> {
        Self::start_as(Command::new(binary("tram-ingest")?), folder, configuration)
    }

    /// The same from a command prepared otherwise, such as with another environment.
    ///
    /// # Errors
    /// When it is not ready within thirty seconds.
    pub fn start_as(mut command: Command, folder: &Path, configuration: &Path) -> Result<Self> {
        let ready = folder.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut program = Program::start(
            command.arg("run").arg("--config").arg(configuration).arg("--ready-file").arg(&ready),
            &folder.join("ingest.log"),
        )?;
        let told = until("ready centre", Duration::from_secs(30), || {
            let text = std::fs::read(&ready).ok();
            match text.and_then(|t| serde_json::from_slice::<Value>(&t).ok()) {
                Some(told) => Some(Ok(told)),
                None if !program.running() => Some(Err(())),
                None => None,
            }
        });
        let Ok(Ok(told)) = told else {
            bail!("tram-ingest did not become ready:\n{}", program.printed());
        };
        let http = told.get("http").and_then(Value::as_str).context("no `http` in ready file")?;
        let port = |key: &str| -> Result<u16> {
            let address = told.get(key).and_then(Value::as_str).unwrap_or(":0");
            Ok(address.rsplit(':').next().unwrap_or("0").parse()?)
        };
        Ok(Self {
            http: http.to_owned(),
            mqtt_port: port("mqtt")?,
            mqtts_port: port("mqtts")?,
            enrol_port: port("enrol")?,
            program,
            folder: folder.to_owned(),
        })
    }

    /// The folder its files are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The address of `path` on its HTTP interface.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// What it answers at `path`.
    ///
    /// # Errors
    /// When it does not answer 200.
    pub fn text(&self, path: &str) -> Result<String> {
        let url = self.url(path);
        let mut answer = ureq::get(&url).call().with_context(|| url.clone())?;
        ensure!(answer.status() == 200, "{url}: {}", answer.status());
        Ok(answer.body_mut().with_config().limit(1 << 30).read_to_string()?)
    }

    /// What it answers at `path`, as JSON.
    ///
    /// # Errors
    /// When it does not answer 200 with JSON.
    pub fn json(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.text(path)?)?)
    }

    /// Every reading of one channel, oldest first: time in microseconds since 1970 and value in
    /// counts of the quantity, which has `decimals` decimal places.
    ///
    /// # Errors
    /// When the answer is not what the interface promises.
    pub fn history(
        &self,
        station: &str,
        channel: &str,
        decimals: u8,
    ) -> Result<Vec<(i64, Option<i64>)>> {
        let range = "from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
        let path = format!("/api/v1/history?station={station}&channel={channel}&{range}");
        let answer = self.json(&path)?;
        let rows = answer.get("readings").and_then(Value::as_array).context("no `readings`")?;
        rows.iter()
            .map(|row| {
                let time = row.get("time").and_then(Value::as_str).context("no `time`")?;
                let time: jiff::Timestamp = time.parse()?;
                let value = row.get("value").context("no `value`")?;
                let counts = |v: f64| (v * 10_f64.powi(i32::from(decimals))).round();
                // What the interface prints has no more than these decimals.
                #[expect(clippy::cast_possible_truncation, reason = "rounded")]
                let counts = value.as_f64().map(|v| counts(v) as i64);
                Ok((time.as_microsecond(), counts))
            })
            .collect()
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub fn kill(&mut self) -> Result<()> {
        ensure!(self.program.running(), "the centre has ended:\n{}", self.program.printed());
        self.program.kill()
    }

    /// One of its counters, summed over its labels.
    ///
    /// # Errors
    /// When it has no such counter.
    pub fn metric(&self, name: &str) -> Result<u64> {
        metric_in(&self.text("/metrics")?, name)
    }

    /// Received readings, and stored + duplicate + quarantined + pending, of one and the same
    /// answer: the two must be equal at every moment.
    ///
    /// # Errors
    /// When a counter is missing.
    pub fn identity(&self) -> Result<(u64, u64)> {
        let text = self.text("/metrics")?;
        let parts = [
            "tram_readings_stored_total",
            "tram_readings_duplicate_total",
            "tram_readings_quarantined_total",
            "tram_readings_pending",
        ];
        let sum = parts.iter().map(|name| metric_in(&text, name)).sum::<Result<u64>>()?;
        Ok((metric_in(&text, "tram_readings_received_total")?, sum))
    }
}

fn metric_in(text: &str, name: &str) -> Result<u64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        if !rest.starts_with([' ', '{']) {
            return None;
        }
        rest.rsplit(' ').next()?.parse::<f64>().ok()
    });
    let values: Vec<f64> = values.collect();
    ensure!(!values.is_empty(), "there is no metric {name}");
    // A counter of readings stays far below 2^53.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
    Ok(values.iter().sum::<f64>() as u64)
}
