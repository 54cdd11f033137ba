//! The centre under load: `tram-ingest` in a folder of its own, with many stations.

use std::{fmt::Write, os::unix::fs::MetadataExt, path::Path};

use anyhow::{Context, Result};
use tram_tests::Centre;

use super::station;

/// Where its messages come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Broker {
    /// Its own.
    Embedded,
    /// One that listens on this port of this machine.
    Outside(u16),
    /// The same, with others that share its messages.
    Shared(u16),
}

/// Starts one that knows `stations` stations, on the data in `folder`, if there are any.
pub(crate) fn start(folder: &Path, broker: Broker, stations: u16) -> Result<Centre> {
    let path = folder.join("ingest.toml");
    let mut text = format!(
        "data = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n[broker]\n",
        folder.join("data").display()
    );
    match broker {
        Broker::Embedded => text
            .push_str("listen = \"127.0.0.1:0\"\nanonymous_loopback = true\nmax_clients = 20000\n"),
        Broker::Outside(port) => writeln!(text, "url = \"mqtt://127.0.0.1:{port}\"")?,
        Broker::Shared(port) => {
            writeln!(text, "url = \"mqtt://127.0.0.1:{port}\"\nshare = \"bench\"")?;
        }
    }
    for n in 0..stations {
        writeln!(
            text,
            "[[station]]\nid = \"{}\"\nname = \"bench\"\nlat = 22.0\nlon = 104.0",
            station::node(n)?
        )?;
    }
    std::fs::write(&path, text)?;
    Centre::start(folder, &path)
}

/// Processor seconds the centre has used so far.
pub(crate) fn processor(centre: &Centre) -> Result<f64> {
    centre.program.processor_seconds()
}

/// The most memory it has held, in MiB.
pub(crate) fn peak_mib(centre: &Centre) -> Result<f64> {
    Ok(centre.program.peak_memory_kib()? as f64 / 1024.0)
}

/// How many commits took at most how long: the bounds of the histogram in seconds, cumulative.
#[derive(Debug, Clone)]
pub(crate) struct Commits(Vec<(f64, u64)>);

impl Commits {
    /// What the centre's own histogram says now.
    pub(crate) fn read(centre: &Centre) -> Result<Self> {
        let text = centre.text("/metrics")?;
        let bucket = |line: &str| -> Option<(f64, u64)> {
            let rest = line.strip_prefix("tram_commit_seconds_bucket{le=\"")?;
            let (bound, count) = rest.split_once("\"} ")?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            Some((bound, count.parse().ok()?))
        };
        Ok(Self(text.lines().filter_map(bucket).collect()))
    }

    /// Milliseconds that a share `q` of the commits since `before` stayed within: the bound of
    /// the bucket, so the truth is at most this.
    pub(crate) fn within(&self, q: f64, before: &Self) -> Result<f64> {
        let since = |(after, before): (&(f64, u64), &(f64, u64))| (after.0, after.1 - before.1);
        let counts: Vec<(f64, u64)> = self.0.iter().zip(&before.0).map(since).collect();
        let total = counts.last().context("the centre has no histogram of commits")?.1;
        let wanted = total as f64 * q;
        let found = counts.iter().find(|(_, n)| *n as f64 >= wanted).context("no commits")?;
        Ok(found.0 * 1000.0)
    }
}

/// Bytes of all files below `folder`; holes in them, which take no room, are not counted.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => folder_bytes(&entry.path()),
        Ok(data) => data.len().min(data.blocks() * 512),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
