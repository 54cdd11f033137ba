//! `make crash`: kill -9 of centre, broker and nodes, at random and under load; then every reading
//! a node had in its spool must be in the store exactly once, counted one by one.

mod crash {
    pub(crate) mod replicas;
}

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tram_tests::{Centre, Mosquitto, Node, PARTS, Random, Tally, until};

/// How many nodes there are.
const NODES: usize = 3;
/// How long new readings may take to arrive after a kill.
const PATIENCE: Duration = Duration::from_secs(90);

/// Kills programs at random and looks for what was lost or stored twice.
#[derive(Parser)]
struct Arguments {
    /// How many kills.
    #[arg(long, default_value_t = 1000)]
    kills: u32,
    /// Seed of what is killed when; the same seed kills the same programs in the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The most readings to wait for between two kills; fewer are drawn at random.
    #[arg(long, default_value_t = 60)]
    between: u64,
    /// Instead of one centre, so many replicas that share the messages, in front of an engine.
    #[arg(long)]
    replicas: Option<usize>,
}

/// Everything that can be killed.
struct Fleet {
    broker: Mosquitto,
    centre: Centre,
    configuration: std::path::PathBuf,
    nodes: Vec<Node>,
    /// Kills of the centre, the broker and each node.
    killed: (u32, u32, [usize; NODES]),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(
        Mosquitto::installed(),
        "mosquitto is missing. Install it with: sudo apt install mosquitto"
    );
    let folder = tempfile::tempdir()?;
    if let Some(replicas) = arguments.replicas {
        let Arguments { kills, seed, between, .. } = arguments;
        return crash::replicas::run(folder.path(), replicas, kills, seed, between);
    }
    let mut fleet = Fleet::start(folder.path())?;
    let mut random = Random::new(arguments.seed.wrapping_mul(2));
    println!("{} kills at random, seed {} …", arguments.kills, arguments.seed);
    for n in 1..=arguments.kills {
        let from = fleet.centre.metric("tram_readings_stored_total")?;
        let more = 1 + random.below(arguments.between);
        until("new readings in the store", PATIENCE, || {
            let now = fleet.centre.metric("tram_readings_stored_total").ok()?;
            (now >= from + more).then_some(())
        })
        .with_context(|| format!("after {} kills, seed {}", n - 1, arguments.seed))?;
        fleet.kill(random.below(5))?;
        if n % 10 == 0 {
            println!("{n} of {} kills", arguments.kills);
        }
    }
    let (centre, broker, nodes) = fleet.killed;
    println!("killed: centre {centre} times, broker {broker}, nodes {nodes:?}");
    for (node, kills) in fleet.nodes.iter_mut().zip(nodes) {
        let tally = Tally::of(&fleet.centre, node, kills)
            .with_context(|| format!("{}, seed {}", node.name, arguments.seed))?;
        println!("{}: {tally}", node.name);
    }
    println!("0 lost, 0 stored twice");
    Ok(())
}

impl Fleet {
    fn start(folder: &Path) -> Result<Self> {
        let broker = Mosquitto::start(folder)?;
        let names: Vec<String> = (1..=NODES).map(|n| format!("crash-{n:02}")).collect();
        let configuration = folder.join("ingest.toml");
        let mut text = format!(
            "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [broker]\nurl = \"mqtt://127.0.0.1:{}\"\n",
            folder.display(),
            broker.port
        );
        for name in &names {
            text.push_str(&format!(
                "[[station]]\nid = \"{name}\"\nname = \"Crash\"\nlat = 22.0\nlon = 104.0\n"
            ));
        }
        std::fs::write(&configuration, text)?;
        let centre = Centre::start(folder, &configuration)?;
        let mut nodes = Vec::new();
        for (name, seed) in names.iter().zip(1..) {
            let scenario = format!("scenario = \"storm\"\nseed = {seed}\nspeed = 60");
            let at = Node::open_broker(broker.port);
            let mut node = Node::prepare(folder, name, &at, &scenario, PARTS)?;
            node.start()?;
            nodes.push(node);
        }
        Ok(Self { broker, centre, configuration, nodes, killed: (0, 0, [0; NODES]) })
    }

    /// Kills the centre for 0, the broker for 1, else a node, and starts it again at once.
    fn kill(&mut self, victim: u64) -> Result<()> {
        match victim {
            0 => {
                let folder = self.centre.folder().to_owned();
                self.centre.kill()?;
                self.centre = Centre::start(&folder, &self.configuration)?;
                self.killed.0 += 1;
            }
            1 => {
                self.broker.kill_and_restart()?;
                self.killed.1 += 1;
            }
            n => {
                let index = usize::try_from(n - 2)?;
                let node = self.nodes.get_mut(index).context("there are three nodes")?;
                node.kill()?;
                node.start()?;
                if let Some(count) = self.killed.2.get_mut(index) {
                    *count += 1;
                }
            }
        }
        Ok(())
    }
}
