//! What happens when the centre cannot write: acknowledgements stop, the node keeps what it
//! samples, nothing is dropped, nothing grows without bound, and everything arrives afterwards.
//! The log is held up in three ways (somebody holds its file, the disk is full, the sealer cannot
//! write), behind the embedded broker and behind Mosquitto.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use rumqttc::v5::{
    Client, Event, MqttOptions,
    mqttbytes::{QoS, v5::Packet},
};
use rusqlite::{Connection, OpenFlags};
use tram_tests::{Centre, Mosquitto, Node, PARTS, Tally, binary, skip, stored, until};
use tram_wire::{Ack, BatchHeader, Seq};

const NODE: &str = "held-up-01";
/// The most batches of the node that may be under way.
const IN_FLIGHT: usize = 8;
const PATIENCE: Duration = Duration::from_secs(60);
/// The centre may grow by so much while it is held up.
const GROWTH_KIB: u64 = 24 * 1024;

/// Somebody who listens to the node and to what the centre says to it.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    ready: bool,
    /// Published and not acknowledged.
    under_way: BTreeSet<Seq>,
    ack: Option<Ack>,
    acks: u64,
}

impl Witness {
    fn listen(port: u16) -> Result<Self> {
        let mut options = MqttOptions::new("witness", "127.0.0.1", port);
        options.set_max_packet_size(Some(1 << 20));
        let (client, mut connection) = Client::new(options, 16);
        client.subscribe(format!("tram/v1/{NODE}/data"), QoS::AtLeastOnce)?;
        client.subscribe(format!("tram/v1/{NODE}/ack"), QoS::AtLeastOnce)?;
        let witness = Self::default();
        let heard = witness.clone();
        std::thread::spawn(move || {
            let _alive = client;
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::SubAck(_))) => heard.with(|h| h.ready = true),
                    Ok(Event::Incoming(Packet::Publish(p))) => heard.hear(&p.topic, &p.payload),
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        until("a witness", PATIENCE, || witness.with(|h| h.ready).then_some(()))?;
        Ok(witness)
    }

    fn hear(&self, topic: &[u8], payload: &[u8]) {
        self.with(|heard| {
            if topic.ends_with(b"/data") {
                let Ok(header) = BatchHeader::decode(payload) else { return };
                if heard.ack.as_ref().is_none_or(|ack| !ack.covers(header.seq)) {
                    heard.under_way.insert(header.seq);
                }
            } else if let Ok(ack) = Ack::decode(payload) {
                heard.under_way.retain(|seq| !ack.covers(*seq));
                heard.ack = Some(ack);
                heard.acks += 1;
            }
        });
    }

    fn with<T>(&self, f: impl FnOnce(&mut Heard) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A centre, a node that samples some forty readings a second, and a witness.
struct Scene {
    centre: Centre,
    node: Node,
    witness: Witness,
}

impl Scene {
    fn start(folder: &Path, broker: Option<u16>, store: &str, ingest: Command) -> Result<Self> {
        let broker_text = match broker {
            Some(port) => format!("url = \"mqtt://127.0.0.1:{port}\""),
            None => "listen = \"127.0.0.1:0\"\nanonymous_loopback = true".to_owned(),
        };
        let text = format!(
            "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n[broker]\n{broker_text}\n{store}\n\
             [[station]]\nid = \"{NODE}\"\nname = \"H\"\nlat = 22.0\nlon = 104.0\n",
            folder.display(),
        );
        let configuration = folder.join("ingest.toml");
        std::fs::write(&configuration, text)?;
        let centre = Centre::start_as(ingest, folder, &configuration)?;
        let port = broker.unwrap_or(centre.mqtt_port);
        let witness = Witness::listen(port)?;
        let at = format!("{}\nin_flight = {IN_FLIGHT}", Node::open_broker(port));
        let scenario = "scenario = \"quiet\"\nseed = 1\nspeed = 1";
        let mut node = Node::prepare(folder, NODE, &at, scenario, PARTS)?;
        node.start()?;
        until("readings", PATIENCE, || (stored(&centre, NODE) > 50).then_some(()))
            .with_context(|| format!("{}\n{}", centre.program.printed(), node.printed()))?;
        Ok(Self { centre, node, witness })
    }

    /// Received readings are the sum of their parts, now.
    fn balance(&self) -> Result<()> {
        let (received, sum) = self.centre.identity()?;
        ensure!(received == sum, "received {received}, but the parts add up to {sum}");
        Ok(())
    }

    /// What `/readyz` says; nothing when the centre is ready.
    fn unready(&self) -> Result<Option<String>> {
        let url = self.centre.url("/readyz");
        let mut answer = ureq::get(&url).config().http_status_as_error(false).build().call()?;
        let text = answer.body_mut().read_to_string()?;
        Ok((answer.status() != 200).then_some(text))
    }

    /// While the log is held up: says why, keeps within its bounds, and the node keeps everything.
    fn held_up(&self, why: &str) -> Result<()> {
        let text = until("a reason", PATIENCE, || {
            let text = self.unready().ok()??;
            text.contains(why).then_some(text)
        })
        .with_context(|| format!("{why:?}; it says {:?}", self.unready()))?;
        ensure!(text.contains("nothing is lost"), "{text}");
        ensure!(self.centre.text("/healthz")?.starts_with("alive"), "it is not alive");
        let memory = self.centre.program.memory_kib()?;
        let (acks, kept) = (self.witness.with(|h| h.acks), self.node.sampled()?.len());
        // Ten seconds of sampling, or more when the machine is busy.
        until("readings kept by the node", PATIENCE, || {
            (self.node.sampled().ok()?.len() > kept + 400).then_some(())
        })?;
        self.balance()?;
        let under_way = self.witness.with(|h| h.under_way.len());
        ensure!((1..=IN_FLIGHT).contains(&under_way), "{under_way} batches are under way");
        let more = self.witness.with(|h| h.acks) - acks;
        ensure!(more == 0, "{more} acknowledgements while nothing could be written");
        let now = self.centre.program.memory_kib()?;
        ensure!(now < memory + GROWTH_KIB, "the centre grew from {memory} to {now} KiB");
        ensure!(self.unready()?.is_some(), "it is ready again by itself");
        ensure!(self.centre.metric("tram_log_writable")? == 0, "/metrics differs from /readyz");
        Ok(())
    }

    /// Afterwards everything arrives, once.
    fn recovers(mut self) -> Result<()> {
        until("readiness", PATIENCE, || self.unready().ok()?.is_none().then_some(()))
            .with_context(|| self.centre.program.printed())?;
        self.balance()?;
        let tally = Tally::of(&self.centre, &mut self.node, 0)?;
        ensure!(tally.sampled > 500, "only {tally}");
        ensure!(self.centre.metric("tram_readings_pending")? == 0, "something is still pending");
        ensure!(self.centre.metric("tram_acks_dropped_total")? == 0, "letters were dropped");
        ensure!(self.centre.metric("tram_readings_quarantined_total")? == 0, "quarantined");
        self.balance()?;
        let stopped = self.centre.program.stop(Duration::from_secs(20))?;
        ensure!(stopped.success(), "{stopped}");
        Ok(())
    }
}

/// Holds the write lock of databases, as a program would that somebody left open.
struct Lock(Vec<Connection>);

impl Lock {
    fn take(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self> {
        let hold = |path: PathBuf| -> Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(&path, flags)?;
            db.busy_timeout(Duration::from_secs(10))?;
            db.execute_batch("BEGIN IMMEDIATE").with_context(|| path.display().to_string())?;
            Ok(db)
        };
        Ok(Self(paths.into_iter().map(hold).collect::<Result<_>>()?))
    }

    fn release(self) -> Result<()> {
        self.0.iter().try_for_each(|db| Ok(db.execute_batch("ROLLBACK")?))
    }
}

fn ingest() -> Result<Command> {
    Ok(Command::new(binary("tram-ingest")?))
}

#[test]
fn a_log_that_somebody_holds_holds_up_the_node_behind_the_embedded_broker() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let scene = Scene::start(folder.path(), None, "", ingest()?)?;
    let lock = Lock::take([folder.path().join("centre/log.db")])?;
    scene.held_up("log.db")?;
    lock.release()?;
    scene.recovers()
}

#[test]
fn a_log_that_somebody_holds_holds_up_the_node_behind_mosquitto() -> Result<()> {
    if !Mosquitto::installed() {
        skip("mosquitto is not installed (apt install mosquitto)");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let broker = Mosquitto::start(folder.path())?;
    let scene = Scene::start(folder.path(), Some(broker.port), "", ingest()?)?;
    let lock = Lock::take([folder.path().join("centre/log.db")])?;
    scene.held_up("log.db")?;
    lock.release()?;
    scene.recovers()
}

#[test]
fn a_sealer_that_cannot_write_fills_the_head_and_then_holds_up_the_node() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = "[store]\nseal_readings = 100\nhead_readings = 1000";
    let scene = Scene::start(folder.path(), None, store, ingest()?)?;
    let series = folder.path().join("centre/series");
    let days = || -> Result<Vec<PathBuf>> {
        let found = std::fs::read_dir(&series)?.flatten().map(|e| e.path());
        Ok(found.filter(|p| p.extension().is_some_and(|e| e == "db")).collect())
    };
    until("a first seal", PATIENCE, || {
        (scene.centre.metric("tram_sealed_readings_total").ok()? > 0).then_some(())
    })?;
    let lock = Lock::take(days()?)?;
    scene.held_up("wait in memory to be sealed")?;
    let head = scene.centre.metric("tram_head_readings")?;
    // A group that found room is taken whole.
    ensure!((1_001..3_000).contains(&head), "{head} readings in the head");
    lock.release()?;
    scene.recovers()
}

#[test]
fn a_full_disk_holds_up_the_node() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("centre");
    std::fs::create_dir(&data)?;
    // A small disk of the centre's own, in a name space of its own.
    let mut ingest = Command::new("unshare");
    ingest
        .args(["--mount", "sh", "-c", "mount -t tmpfs -o size=16m tram \"$0\" && exec \"$@\""])
        .arg(&data)
        .arg(binary("tram-ingest")?);
    let mut probe = Command::new("unshare");
    probe.args(["--mount", "mount", "-t", "tmpfs", "x"]).arg(&data);
    if !probe_works(&mut probe) {
        skip("a disk of its own needs root and unshare (apt install util-linux)");
        return Ok(());
    }
    let scene = Scene::start(folder.path(), None, "", ingest)?;
    let inside = PathBuf::from(format!("/proc/{}/root", scene.centre.program.id()));
    let filler = inside.join(data.strip_prefix("/")?).join("filler");
    fill(&filler)?;
    // Room that the centre itself gives back, such as at a checkpoint, is taken too.
    let reason = until("a full disk", PATIENCE, || {
        fill(&filler).ok()?;
        scene.unready().ok()?
    })?;
    ensure!(reason.contains("is full") && reason.contains("Make room"), "{reason}");
    scene.held_up("is full")?;
    std::fs::remove_file(&filler)?;
    scene.recovers()
}

fn probe_works(command: &mut Command) -> bool {
    command.output().is_ok_and(|done| done.status.success())
}

/// Takes every byte that is left.
fn fill(path: &Path) -> Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    for size in [1 << 20, 1 << 16, 4_096, 1] {
        let bytes = vec![0; size];
        loop {
            match file.write_all(&bytes) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => bail!(error),
            }
        }
    }
    Ok(())
}
