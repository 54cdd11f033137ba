//! `tram-edge run`: puts the threads together and takes them apart again.

use std::{
    collections::{HashMap, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, oneshot, watch},
};
use tracing::{debug, info, warn};
use tram_emulator::Clock as BoardClock;
use tram_journal::Journal;
use tram_node::{Batcher, Qc};
use tram_rules::State;
use tram_spool::Spool;
use tram_wire::ChannelNumber;

use crate::{
    births::Herald,
    clock::{Clock, monotonic},
    config::{BackendKind, Checked, Config, batch_limits, seconds},
    describe,
    gauges::Gauges,
    hal::{Backend, Emulated, Linux, RaspberryPi},
    keeper::{Keeper, MAX_WAITING_WORK, Work},
    ledger::Ledger,
    link::{Address, TlsFiles, client_config},
    lost::Resume,
    opening::{open_spool, report},
    pace::{Limits, Pace},
    publisher::{Phase, Publisher, SharedSpool},
    sampled_log::SampledLog,
    sampler::{Channel, Counters, Replay, Sampler, Setup},
    sensor,
    shelf::Shelf,
    siren::Watch,
    speech::Language,
    trouble::Trouble,
    witness::Witness,
};

/// How long an orderly stop waits for the centre.
const STOP_WAITS: Duration = Duration::from_secs(2);
/// How often the node says how it is.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// The largest file of rule states that is read.
const MAX_STATES_BYTES: u64 = 64 << 20;

/// Runs the station until it is asked to stop, or a recording has been replayed and acknowledged.
///
/// # Errors
/// When something that is needed from the start cannot be had: data folder, hardware,
/// certificates.
pub(crate) fn run(checked: &Checked, journal: Journal) -> Result<()> {
    for line in describe::lines(checked, Language::En) {
        println!("{line}");
    }
    start_and_end(checked, journal, None)
}

/// Runs the station until the witness has seen enough, or it is asked to stop.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_watched(checked: &Checked, journal: Journal, w: &Arc<Witness>) -> Result<()> {
    start_and_end(checked, journal, Some(w))
}

fn start_and_end(
    checked: &Checked,
    journal: Journal,
    witness: Option<&Arc<Witness>>,
) -> Result<()> {
    let config = &checked.config;
    for [_, notice] in &checked.notices {
        warn!("{notice}");
    }
    let address = address(config)?;
    let (mut spool, recovery) = open_spool(config)?;
    report(&spool, &recovery);
    let (backend, clock, replay) = open_backend(&checked.written)?;
    let channels = number_channels(checked, &mut spool)?;
    let names: Vec<_> = channels.iter().map(|c| (c.number, c.name)).collect();
    let resume =
        spool.latest().map(|(channel, clock, at)| (channel, Resume::new(clock, at))).collect();
    let spool: SharedSpool = Arc::new(Mutex::new(spool));
    let kept = Arc::new(Notify::new());
    let stop = Arc::new(AtomicBool::new(false));
    let (work, taken) = sync_channel(MAX_WAITING_WORK);
    let keeper = Keeper {
        node: config.node,
        work: taken,
        spool: Arc::clone(&spool),
        clock: clock.clone(),
        kept: Arc::clone(&kept),
        sampled_log: sampled_log(config, &channels)?,
        states_file: states_file(config),
        alarms: VecDeque::new(),
        stop: Arc::clone(&stop),
        hold_back_above: replay.as_ref().map(|_| config.spool.max_bytes / 2),
        // The hours of a recording pass in milliseconds.
        commit_every: replay.as_ref().map_or(seconds(config.spool.commit_s), |_| Duration::ZERO),
        trouble: Trouble::default(),
        shelf: Shelf::default(),
        due: None,
    };
    let counters = Arc::new(Counters::default());
    let wanted = Arc::new(AtomicBool::new(false));
    if let Some(witness) = witness {
        witness.begin(clock.now(), config.node, names.into_iter(), &wanted);
    }
    let (ledger, pace) = pace(config, replay.is_some());
    let wiring = Wiring {
        clock: clock.clone(),
        replay,
        channels,
        keeper: work,
        resume,
        wanted: Arc::clone(&wanted),
    };
    let sampler = sampler(checked, backend, wiring, &stop, &counters)?;
    let (phase, phases) = watch::channel(Phase::Running);
    let publisher = Publisher {
        address,
        herald: herald(checked, &clock),
        clock,
        spool: Arc::clone(&spool),
        kept,
        phase: phases,
        in_flight: config.broker.in_flight,
        resend: Duration::from_secs(u64::from(config.broker.resend_s)),
        spread: seconds(config.broker.spread_s),
        pace,
        ledger,
        wanted,
        witness: witness.cloned(),
    };
    let threads = start(sampler, keeper)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let gauges = Gauges { spool: Arc::clone(&spool), counters, journal, since: monotonic() };
    runtime.block_on(conduct(publisher, phase, threads, &stop, &gauges, witness))?;
    drop(gauges);
    drop(runtime);
    farewell(spool)
}

fn states_file(config: &Config) -> PathBuf {
    config.data.join("rules.json")
}

fn sampled_log(config: &Config, channels: &[Channel]) -> Result<Option<SampledLog>> {
    let path = config.emulator.as_ref().and_then(|e| e.sampled_log.as_ref());
    let names = channels.iter().map(|c| (c.number, c.name.to_string())).collect();
    path.map(|path| SampledLog::open(path, names)).transpose()
}

fn herald(checked: &Checked, clock: &Clock) -> Herald {
    Herald {
        node: checked.config.node,
        digest: checked.digest,
        boot: clock.boot(),
        channels: checked.channels.iter().map(|c| c.about.clone()).collect(),
    }
}

/// How fast things may go, and the file that remembers what has gone today.
fn pace(config: &Config, replay: bool) -> (Ledger, Pace) {
    let sending = &config.sending;
    let limits = if replay {
        // A recording is all backlog, and whoever plays it waits.
        Limits { backlog_bytes_per_s: 0, day_bytes: 0 }
    } else {
        Limits { backlog_bytes_per_s: sending.backlog_bytes_per_s, day_bytes: sending.day_bytes }
    };
    let ledger = Ledger::open(&config.data.join("sent-today"));
    let pace = Pace::new(limits, ledger.used());
    (ledger, pace)
}

/// What the sampler is connected to.
struct Wiring {
    clock: Clock,
    replay: Option<Replay>,
    channels: Vec<Channel>,
    keeper: SyncSender<Work>,
    resume: HashMap<ChannelNumber, Resume>,
    wanted: Arc<AtomicBool>,
}

/// Opens the parts and the siren.
fn sampler(
    checked: &Checked,
    mut backend: Box<dyn Backend>,
    wiring: Wiring,
    stop: &Arc<AtomicBool>,
    counters: &Arc<Counters>,
) -> Result<Sampler> {
    let config = &checked.config;
    let mounted = sensor::mount(config, backend.as_mut())?;
    let relay = match &config.siren {
        Some(siren) => Some(backend.output(siren.pin, siren.active_low).context("the siren")?),
        None => None,
    };
    let states = read_states(&states_file(config));
    Sampler::new(Setup {
        node: config.node,
        clock: wiring.clock,
        backend,
        replay: wiring.replay,
        mounted,
        channels: wiring.channels,
        batcher: Batcher::new(batch_limits(config)),
        watch: Watch::new(config.node, checked.rules.clone(), states, relay),
        keeper: wiring.keeper,
        stop: Arc::clone(stop),
        counters: Arc::clone(counters),
        resume: wiring.resume,
        wanted: wiring.wanted,
    })
}

/// The two threads.
struct Threads {
    sampler: Option<thread::JoinHandle<()>>,
    /// Rings when the keeper has ended, which it does when the sampler has and everything is in
    /// the spool.
    written: oneshot::Receiver<()>,
}

impl Threads {
    /// Waits until everything is in the spool.
    async fn ended(&mut self) -> Result<()> {
        (&mut self.written).await.map_err(|_| anyhow!("the keeper has died; see above"))?;
        let sampler = self.sampler.take().map_or(Ok(()), thread::JoinHandle::join);
        sampler.map_err(|_| anyhow!("the sampler has died; see above"))
    }
}

fn start(sampler: Sampler, keeper: Keeper) -> Result<Threads> {
    let (tell, written) = oneshot::channel();
    let sampler = thread::Builder::new().name("sampler".to_owned()).spawn(move || sampler.run())?;
    thread::Builder::new().name("keeper".to_owned()).spawn(move || {
        keeper.run();
        let _ = tell.send(());
    })?;
    Ok(Threads { sampler: Some(sampler), written })
}

/// Waits for whatever comes first: a signal, the end of a recording, or a thread that died.
async fn conduct(
    publisher: Publisher,
    phase: watch::Sender<Phase>,
    mut threads: Threads,
    stop: &AtomicBool,
    gauges: &Gauges,
    witness: Option<&Arc<Witness>>,
) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut beat = tokio::time::interval(HEARTBEAT);
    beat.tick().await;
    let mut publishing = tokio::spawn(publisher.run());
    let mut threads_ended = false;
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = enough(witness) => break,
            ended = threads.ended(), if !threads_ended => {
                ended?;
                threads_ended = true;
                // Only a recording ends by itself.
                phase.send_replace(Phase::Finishing);
            }
            _ = beat.tick() => gauges.say(),
            done = &mut publishing => return done.context("the publisher has died"),
        }
    }
    info!("stopping: the last readings are written and sent");
    stop.store(true, Ordering::Relaxed);
    if !threads_ended {
        threads.ended().await?;
    }
    phase.send_replace(Phase::Stopping(STOP_WAITS));
    publishing.await.context("the publisher has died")
}

/// Waits until a witness has seen enough; for ever without one.
async fn enough(witness: Option<&Arc<Witness>>) {
    match witness {
        Some(witness) => witness.has_enough().await,
        None => std::future::pending().await,
    }
}

/// Where the broker is, with everything that is needed to be taken by it.
///
/// # Errors
/// When a file with a password, certificate or key cannot be read.
pub(crate) fn address(config: &Config) -> Result<Address> {
    let broker = &config.broker;
    let tls = broker.url.tls.then(|| {
        let identity = broker.cert_file.clone().zip(broker.key_file.clone());
        client_config(&TlsFiles { authorities: broker.ca_file.clone(), identity })
    });
    let from_environment = std::env::var("TRAM_MQTT_PASSWORD").ok();
    let password = match (from_environment, &broker.password_file) {
        (Some(password), _) => Some(password),
        (None, Some(path)) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("reading the password from {}", path.display()))?;
            Some(text.lines().next().unwrap_or_default().to_owned())
        }
        (None, None) => None,
    };
    Ok(Address {
        node: config.node,
        host: broker.url.host.clone(),
        port: broker.url.port,
        tls: tls.transpose()?,
        password,
        keep_alive: Duration::from_secs(u64::from(broker.keep_alive_s)),
    })
}

/// The hardware, the clock that goes with it, and a recording that is being replayed.
pub(crate) type Opened = (Box<dyn Backend>, Clock, Option<Replay>);

/// Opens the hardware that the station file names, part by part later.
///
/// # Errors
/// When a recording cannot be read.
pub(crate) fn open_backend(config: &Config) -> Result<Opened> {
    let clock = Clock::system(config.clock.source);
    let chip = config.hardware.gpio_chip.clone();
    Ok(match config.hardware.backend {
        BackendKind::Rppal => (Box::new(RaspberryPi::new(chip)), clock, None),
        BackendKind::Linux => (Box::new(Linux::new(chip)), clock, None),
        BackendKind::Emulator => {
            let (emulated, clock) = Emulated::new(config)?;
            let board = emulated.board();
            let replay = match board.clock() {
                BoardClock::Virtual { end, .. } => Some(Replay { board, end }),
                BoardClock::Real => None,
            };
            (Box::new(emulated), clock, replay)
        }
    })
}

fn number_channels(checked: &Checked, spool: &mut Spool) -> Result<Vec<Channel>> {
    let numbered = checked.channels.iter().map(|c| {
        let (name, quantity) = (c.about.name, c.about.quantity);
        let number = spool.channel_number(&name, quantity).with_context(|| {
            format!("channel {name}; give it another name, or begin a new data folder")
        })?;
        Ok(Channel { name, number, quantity, qc: Qc::new(c.limits) })
    });
    numbered.collect()
}

fn read_states(file: &Path) -> Vec<(String, State)> {
    let small = fs::metadata(file).is_ok_and(|m| m.len() <= MAX_STATES_BYTES);
    if !small {
        return Vec::new();
    }
    let read = fs::read(file).ok().and_then(|bytes| Watch::decoded(&bytes));
    read.unwrap_or_else(|| {
        warn!("{} cannot be read; rules begin anew", file.display());
        Vec::new()
    })
}

fn farewell(spool: SharedSpool) -> Result<()> {
    let Some(spool) = Arc::into_inner(spool) else {
        debug!("the spool is still in use");
        return Ok(());
    };
    let spool = spool.into_inner().map_err(|_| anyhow!("a thread died while it held the spool"))?;
    let held = spool.stats().held;
    spool.close().context("closing the spool")?;
    info!("stopped; {held} batches wait in the spool for the next start");
    Ok(())
}
