//! A centre that has everything there is to tell about: the embedded broker, rules, an engine
//! behind a sink, and a node.

use std::{path::Path, process::Command};

use anyhow::Result;

use crate::{Centre, Counting, Node, PARTS};

/// All of it, running.
#[derive(Debug)]
pub struct Everything {
    /// What the sink writes to.
    pub engine: Counting,
    /// The centre.
    pub centre: Centre,
    /// The node.
    pub node: Node,
}

impl Everything {
    /// The node's name.
    pub const NODE: &str = "followed-01";

    /// Starts it in `folder`, the two programs from commands prepared by the caller.
    ///
    /// # Errors
    /// When something does not start.
    pub fn start(folder: &Path, ingest: Command, edge: Command) -> Result<Self> {
        let engine = Counting::start()?;
        let configuration = folder.join("ingest.toml");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/rules").canonicalize()?;
        let text = format!(
            "data = \"{data}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n\
             [rules]\nfolder = \"{rules}\"\n[alerts]\nsender = \"tram@example.org\"\n\
             sender_name = {{ vi = \"T\", en = \"T\", zh = \"T\" }}\n\
             public_url = \"http://127.0.0.1:8080\"\ndefault_area = \"a\"\n\
             [[alerts.area]]\nid = \"a\"\nname = {{ vi = \"A\", en = \"A\", zh = \"A\" }}\n\
             communes = [\"02647\"]\n\
             [[sink]]\nname = \"engine\"\nkind = \"line-protocol\"\nurl = \"http://{engine}\"\n\
             batch_age_ms = 100\n\
             [[station]]\nid = \"{node}\"\nname = \"F\"\nlat = 22.0\nlon = 104.0\n",
            data = folder.display(),
            rules = rules.display(),
            engine = engine.address,
            node = Self::NODE,
        );
        std::fs::write(&configuration, text)?;
        let centre = Centre::start_as(ingest, folder, &configuration)?;
        let broker = Node::open_broker(centre.mqtt_port);
        let scenario = "scenario = \"quiet\"\nseed = 1\nspeed = 1";
        let mut node = Node::prepare(folder, Self::NODE, &broker, scenario, PARTS)?;
        node.start_as(edge)?;
        Ok(Self { engine, centre, node })
    }
}
