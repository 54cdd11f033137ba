//! `tram-edge run`: puts the threads together and takes them apart again.

mod prepare;

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, oneshot, watch},
};
use tracing::{debug, error, info, warn};
use tram_journal::{Journal, Manager};
use tram_node::Batcher;
use tram_wire::ChannelNumber;

use crate::{
    births::Herald,
    clock::{Clock, SharedBoots, monotonic},
    condition::Condition,
    config::{Checked, Config, batch_limits, seconds},
    control, describe,
    enrol::{Reach, Renewal},
    gauges::Gauges,
    hal::Backend,
    health::Checkup,
    keeper::{Keeper, MAX_WAITING_WORK, Work},
    ledger::Ledger,
    lost::Resume,
    opening::{OpenedSpool, open_spool, report},
    orders::{Doorkeeper, Orders, public_key},
    pace::{Limits, Pace},
    publisher::{Phase, Publisher, SharedSpool},
    sampled_log::SampledLog,
    sampler::{Channel, Replay, Sampler, Setup},
    sensor,
    shelf::Shelf,
    siren::{self, Desk, Request},
    speech::Language,
    trouble::Trouble,
    watchdog::Watchdog,
    witness::Witness,
};

pub(crate) use prepare::open_backend;
use prepare::{number_channels, resume};

/// How long an orderly stop waits for the centre.
const STOP_WAITS: Duration = Duration::from_secs(2);
/// How often the node says how it is.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Runs the station until it is asked to stop, or a recording has been replayed and acknowledged.
///
/// # Errors
/// When something that is needed from the start cannot be had: data folder, hardware.
pub(crate) fn run(checked: &Checked, journal: Journal) -> Result<()> {
    for line in describe::lines(checked, Language::En) {
        println!("{line}");
    }
    for doubt in &checked.doubts {
        warn!("{doubt}");
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
    let reach = Reach::new(config);
    if let Err(error) = reach.address() {
        // Sampling, and the siren, need nobody.
        error!("no way to the centre: {error:#}");
    }
    let OpenedSpool { mut spool, recovery, in_memory } = open_spool(config)?;
    report(&spool, &recovery);
    let (backend, clock, replay) = open_backend(&checked.written)?;
    let boots = SharedBoots::open(&config.data.join("boots"), clock.boot());
    boots.note(clock.now());
    let channels = number_channels(checked, &mut spool)?;
    let names: Vec<_> = channels.iter().map(|c| (c.number, c.name)).collect();
    let resume = resume(&spool, &clock, &boots);
    let spool: SharedSpool = Arc::new(Mutex::new(spool));
    let kept = Arc::new(Notify::new());
    let stop = Arc::new(AtomicBool::new(false));
    let condition = Arc::new(Condition::default());
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
        condition: Arc::clone(&condition),
        boots: boots.clone(),
        due: None,
    };
    let wanted = Arc::new(AtomicBool::new(false));
    if let Some(witness) = witness {
        witness.begin(clock.now(), config.node, names.into_iter(), &wanted);
    }
    let (ledger, pace) = pace(config, replay.is_some());
    let (desk, requests) = Desk::new();
    control::start(&config.data, desk.clone());
    let wiring = Wiring {
        requests,
        clock: clock.clone(),
        replay,
        channels,
        keeper: work,
        resume,
        wanted: Arc::clone(&wanted),
    };
    let sampler = sampler(checked, backend, wiring, &stop, &condition)?;
    let renewal = Renewal { node: config.node, data: config.data.clone(), clock: clock.clone() };
    let (phase, phases) = watch::channel(Phase::Running);
    let publisher = Publisher {
        reach,
        herald: herald(checked, &clock, &boots),
        checkup: Checkup::new(config, Arc::clone(&condition), boots, in_memory, monotonic()),
        health_every: Duration::from_secs(u64::from(config.health.interval_s)),
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
        orders: orders(config, desk),
    };
    let threads = start(sampler, keeper)?;
    let manager = Manager::from_environment();
    manager.ready();
    let watchdog = Watchdog::start(&config.watchdog, manager, Arc::clone(&condition))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let gauges = Gauges { spool: Arc::clone(&spool), condition, journal, since: monotonic() };
    // It ends with the runtime.
    runtime.spawn(renewal.run());
    runtime.block_on(conduct(publisher, phase, threads, &stop, &gauges, witness))?;
    drop(gauges);
    drop(runtime);
    farewell(spool)?;
    watchdog.rest();
    Ok(())
}

fn states_file(config: &Config) -> PathBuf {
    config.data.join("rules.json")
}

fn sampled_log(config: &Config, channels: &[Channel]) -> Result<Option<SampledLog>> {
    let path = config.emulator.as_ref().and_then(|e| e.sampled_log.as_ref());
    let names = channels.iter().map(|c| (c.number, c.name.to_string())).collect();
    path.map(|path| SampledLog::open(path, names)).transpose()
}

fn herald(checked: &Checked, clock: &Clock, boots: &SharedBoots) -> Herald {
    Herald {
        node: checked.config.node,
        digest: checked.digest,
        boot: clock.boot(),
        boots: boots.clone(),
        channels: checked.channels.iter().map(|c| c.about.clone()).collect(),
    }
}

/// Who may have something done from afar.
fn orders(config: &Config, desk: Desk) -> Orders {
    // The check of the station file has read them all.
    let keys = config.commands.keys.iter().filter_map(|key| public_key(key).ok()).collect();
    let enrolled = config.data.join("enrolled/command.pub");
    Orders::new(Doorkeeper::new(config.node, keys, enrolled), desk)
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
    requests: Receiver<Request>,
}

/// Opens the parts and the siren.
fn sampler(
    checked: &Checked,
    mut backend: Box<dyn Backend>,
    wiring: Wiring,
    stop: &Arc<AtomicBool>,
    condition: &Arc<Condition>,
) -> Result<Sampler> {
    let config = &checked.config;
    let mounted = sensor::mount(config, backend.as_mut());
    let now = wiring.clock.now().uptime;
    let watch = siren::open(checked, backend.as_mut(), &states_file(config), now)?;
    Sampler::new(Setup {
        node: config.node,
        clock: wiring.clock,
        backend,
        replay: wiring.replay,
        mounted,
        channels: wiring.channels,
        batcher: Batcher::new(batch_limits(config)),
        watch,
        requests: wiring.requests,
        keeper: wiring.keeper,
        stop: Arc::clone(stop),
        condition: Arc::clone(condition),
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
