//! Several replicas of the centre behind one broker, in front of one engine.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Centre, Mosquitto, Node, PARTS, Random, Readings, VictoriaMetrics, until};

/// How long everything may take to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

/// How messages come to one replica or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// The broker gives each message to any of them, as Mosquitto does.
    ByMessage,
    /// All of a node goes to one of them, as with a broker that hashes; here each replica
    /// subscribes to nodes of its own, since Mosquitto does not hash.
    ByNode,
}

/// What can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// A replica; it stays away until the next kill.
    Replica(usize),
    /// The broker; it comes back at once.
    Broker,
}

/// Broker, engine, replicas and nodes.
#[derive(Debug)]
pub struct Fleet {
    /// The broker, when it is ours.
    broker: Option<Mosquitto>,
    port: u16,
    /// The engine behind all replicas.
    pub engine: VictoriaMetrics,
    /// The nodes, running.
    pub nodes: Vec<Node>,
    replicas: Vec<Replica>,
}

#[derive(Debug)]
struct Replica {
    folder: PathBuf,
    /// `None` while it is dead.
    centre: Option<Centre>,
}

/// The outcome of a comparison in which nothing was lost and nothing is there twice.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    /// Readings the nodes had safe in their spools; the engine has each of them once.
    pub sampled: usize,
    /// Readings in the logs of all replicas together.
    pub stored: usize,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sampled, stored } = self;
        let twice = stored.saturating_sub(*sampled);
        write!(
            f,
            "{sampled} readings sampled, each once in the engine; {twice} of them in two logs"
        )
    }
}

impl Fleet {
    /// Starts everything in `folder`.
    ///
    /// # Errors
    /// When a program does not start.
    pub fn start(folder: &Path, replicas: usize, nodes: usize, spread: Spread) -> Result<Self> {
        let broker = Mosquitto::start(folder)?;
        let port = broker.port;
        Self::behind(folder, Some(broker), port, replicas, nodes, spread)
    }

    /// The same behind a broker on this machine that somebody else has started.
    ///
    /// # Errors
    /// When a program does not start.
    pub fn elsewhere(folder: &Path, port: u16, replicas: usize, nodes: usize) -> Result<Self> {
        Self::behind(folder, None, port, replicas, nodes, Spread::ByMessage)
    }

    fn behind(
        folder: &Path,
        broker: Option<Mosquitto>,
        port: u16,
        replicas: usize,
        nodes: usize,
        spread: Spread,
    ) -> Result<Self> {
        let engine = VictoriaMetrics::start(folder)?;
        let names: Vec<String> = (1..=nodes).map(|n| format!("fleet-{n:02}")).collect();
        let replicas = (0..replicas).map(|n| {
            let own = |i: &usize| spread == Spread::ByMessage || i % replicas == n;
            let stations = names.iter().enumerate().filter(|(i, _)| own(i)).map(|(_, name)| name);
            Replica::start(folder, n, port, &engine, stations, spread)
        });
        let replicas = replicas.collect::<Result<Vec<_>>>()?;
        let mut nodes = Vec::new();
        for (name, seed) in names.iter().zip(1..) {
            let scenario = format!("scenario = \"storm\"\nseed = {seed}\nspeed = 60");
            let at = Node::open_broker(port);
            let mut node = Node::prepare(folder, name, &at, &scenario, PARTS)?;
            node.start()?;
            nodes.push(node);
        }
        Ok(Self { broker, port, engine, nodes, replicas })
    }

    /// Starts one more centre that watches: it hears everything and acknowledges nothing.
    ///
    /// # Errors
    /// When it does not start.
    pub fn watcher(&self, folder: &Path) -> Result<Centre> {
        let folder = folder.join("watcher");
        std::fs::create_dir_all(&folder)?;
        let broker = format!(
            "url = \"mqtt://127.0.0.1:{}\"\nreplica = \"watcher\"\nacknowledge = false\n",
            self.port
        );
        let names = self.nodes.iter().map(|n| n.name.as_str());
        let configuration = configure(&folder, &broker, names)?;
        Centre::start(&folder, &configuration)
    }

    /// The replicas that live.
    pub fn alive(&self) -> impl Iterator<Item = &Centre> {
        self.replicas.iter().filter_map(|r| r.centre.as_ref())
    }

    /// One of their counters, over all that live.
    ///
    /// # Errors
    /// When one does not answer.
    pub fn metric(&self, name: &str) -> Result<u64> {
        self.alive().map(|c| c.metric(name)).sum()
    }

    /// Waits until the living have stored so many readings more.
    ///
    /// # Errors
    /// When they do not.
    pub fn more(&self, readings: u64) -> Result<()> {
        let before = self.metric("tram_readings_stored_total")?;
        until("new readings in the logs", PATIENCE, || {
            let now = self.metric("tram_readings_stored_total").ok()?;
            (now >= before + readings).then_some(())
        })
    }

    /// How many of the living replicas hold readings of each node.
    #[must_use]
    pub fn holders(&self) -> Vec<usize> {
        let holds = |name: &str| self.alive().filter(|c| crate::stored(c, name) > 0).count();
        self.nodes.iter().map(|node| holds(&node.name)).collect()
    }

    /// Draws a victim: a replica more often than the broker.
    pub fn draw(&self, random: &mut Random) -> Victim {
        let n = usize::try_from(random.below(self.replicas.len() as u64 + 1)).unwrap_or(0);
        if n < self.replicas.len() { Victim::Replica(n) } else { Victim::Broker }
    }

    /// Brings back who is dead, then kills the victim with SIGKILL.
    ///
    /// # Errors
    /// When a program does not start again.
    pub fn kill(&mut self, victim: Victim) -> Result<()> {
        self.revive()?;
        match victim {
            Victim::Broker => self.broker.as_mut().context("it is not ours")?.kill_and_restart(),
            Victim::Replica(n) => {
                let replica = self.replicas.get_mut(n).context("no such replica")?;
                replica.centre.take().context("it is dead")?.kill()
            }
        }
    }

    /// Brings back who is dead.
    ///
    /// # Errors
    /// When it does not start.
    pub fn revive(&mut self) -> Result<()> {
        for replica in self.replicas.iter_mut().filter(|r| r.centre.is_none()) {
            replica.centre =
                Some(Centre::start(&replica.folder, &replica.folder.join("ingest.toml"))?);
        }
        Ok(())
    }

    /// Stops the nodes in order, waits until everything has arrived, and compares what they
    /// sampled with what the engine holds, reading by reading.
    ///
    /// # Errors
    /// When a reading is missing, differs, is there twice, or was sampled by nobody.
    pub fn compare(&mut self) -> Result<Sum> {
        self.revive()?;
        let mut sampled = 0;
        for node in &mut self.nodes {
            let all_arrived = |node: &Node| {
                let all = in_milliseconds(&node.sampled().ok()?).ok()?;
                (self.engine.readings(&node.name).ok()?.len() >= all.len()).then_some(())
            };
            until("everything in the engine", PATIENCE, || all_arrived(node))
                .with_context(|| node.name.clone())?;
            node.stop()?;
            until("last reading in the engine", PATIENCE, || all_arrived(node))
                .with_context(|| node.name.clone())?;
            let expected = in_milliseconds(&node.sampled()?)?;
            let found = self.engine.readings(&node.name)?;
            for (key, value) in &expected {
                let there = found.get(key).with_context(|| format!("{key:?} is lost"))?;
                ensure!(there == value, "{key:?} was {value:?} and is there as {there:?}");
            }
            let unknown = found.keys().find(|key| !expected.contains_key(*key));
            ensure!(unknown.is_none(), "{unknown:?} was sampled by nobody");
            sampled += expected.len();
        }
        let mut stored = 0;
        for centre in self.alive() {
            let (received, sum) = centre.identity()?;
            ensure!(received == sum, "received {received}, but the parts add up to {sum}");
            for node in &self.nodes {
                stored += crate::stored(centre, &node.name);
            }
        }
        Ok(Sum { sampled, stored })
    }
}

impl Replica {
    fn start<'a>(
        folder: &Path,
        n: usize,
        port: u16,
        engine: &VictoriaMetrics,
        stations: impl Iterator<Item = &'a String>,
        spread: Spread,
    ) -> Result<Self> {
        let folder = folder.join(format!("replica-{n}"));
        std::fs::create_dir_all(&folder)?;
        let spread = match spread {
            Spread::ByMessage => "share = \"tram\"",
            Spread::ByNode => "own_stations = true",
        };
        let broker = format!(
            "url = \"mqtt://127.0.0.1:{port}\"\nreplica = \"r{n}\"\n{spread}\n{}",
            engine.sink(),
        );
        let configuration = configure(&folder, &broker, stations.map(String::as_str))?;
        let centre = Some(Centre::start(&folder, &configuration)?);
        Ok(Self { folder, centre })
    }
}

/// Writes a configuration with these stations.
fn configure<'a>(
    folder: &Path,
    broker: &str,
    stations: impl Iterator<Item = &'a str>,
) -> Result<PathBuf> {
    let mut text = format!(
        "data = \"{}/data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[broker]\n{broker}",
        folder.display()
    );
    for name in stations {
        text.push_str(&format!(
            "[[station]]\nid = \"{name}\"\nname = \"Fleet\"\nlat = 22.0\nlon = 104.0\n"
        ));
    }
    let path = folder.join("ingest.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// The same readings by milliseconds.
fn in_milliseconds(readings: &Readings) -> Result<Readings> {
    let mut out = Readings::new();
    for ((channel, micros), value) in readings {
        let twice = out.insert((channel.clone(), micros.div_euclid(1_000)), *value).is_some();
        ensure!(!twice, "two readings of {channel} in one millisecond, at {micros} µs");
    }
    Ok(out)
}
