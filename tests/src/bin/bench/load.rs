//! Stations on MQTT, each on a connection of its own, with a window over all of them, and the time
//! each batch took to be acknowledged.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep_until, timeout},
};
use tram_wire::{Kind, Seq, Topic, UnixMicros};

use super::{
    clock,
    connection::{self, Ear, Mouth},
    station::{self, Shape},
};

/// Batches on their way at once, over all stations.
const WINDOW: usize = 1_024;
/// The most batches a station writes at once when it may.
const BURST: u32 = 32;
/// How many stations connect from one address.
const NEIGHBOURHOOD: u16 = 4_000;
/// How long to wait for anything to happen before giving up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be published.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    /// Which batches of each station.
    pub(crate) batches: Range<u64>,
    /// When each station's batch 0 began.
    pub(crate) start: UnixMicros,
    /// Readings a second over all stations; as fast as the window allows without.
    pub(crate) pace: Option<u64>,
}

impl Plan {
    /// About so many `readings` in all, behind those of an earlier plan, if there was one.
    pub(crate) fn of(readings: u64, stations: u16, shape: Shape, start: UnixMicros) -> Self {
        let each = (readings / shape.readings() / u64::from(stations)).max(1);
        Self { shape, batches: 0..each, start, pace: None }
    }

    /// About so many readings behind those of this plan, at `pace` readings a second.
    pub(crate) fn then(&self, readings: u64, stations: u16, pace: u64) -> Self {
        let Range { end: each, .. } = Self::of(readings, stations, self.shape, self.start).batches;
        let from = self.batches.end;
        Self { batches: from..from + each, pace: Some(pace), ..self.clone() }
    }
}

/// What one run came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Readings acknowledged.
    pub(crate) readings: u64,
    /// Payload bytes published.
    pub(crate) bytes: u64,
    elapsed: Duration,
    /// From publish to acknowledgement.
    latencies: Vec<Duration>,
}

impl Outcome {
    /// Readings a second, first publish to last acknowledgement.
    pub(crate) fn rate(&self) -> f64 {
        self.readings as f64 / self.elapsed.as_secs_f64()
    }

    /// Milliseconds that a share `q` of the batches stayed within.
    pub(crate) fn ms(&mut self, q: f64) -> f64 {
        clock::ms(clock::quantile(&mut self.latencies, q))
    }
}

/// Stations that are connected and born.
pub(crate) struct Fleet {
    mouths: Vec<Mouth>,
    shared: Arc<Shared>,
    progress: watch::Receiver<usize>,
    // The ears end with it.
    _ears: JoinSet<()>,
}

/// What the ears and the mouths share.
struct Shared {
    stations: Vec<Station>,
    window: Semaphore,
    latencies: Mutex<Vec<Duration>>,
    /// How many batches, and births before, are acknowledged.
    progress: watch::Sender<usize>,
    broken: Mutex<Option<anyhow::Error>>,
}

#[derive(Default)]
struct Station {
    born: AtomicBool,
    /// Batches on their way.
    sent: Mutex<VecDeque<(Seq, Instant)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fleet {
    /// Connects the stations to the broker on `port`, lets them be born and waits until the centre
    /// knows them all.
    pub(crate) async fn connect(port: u16, stations: u16) -> Result<Self> {
        let (sender, progress) = watch::channel(0);
        let shared = Arc::new(Shared {
            stations: (0..stations).map(|_| Station::default()).collect(),
            window: Semaphore::new(WINDOW),
            latencies: Mutex::default(),
            progress: sender,
            broken: Mutex::default(),
        });
        let (mut mouths, mut ears) = (Vec::with_capacity(usize::from(stations)), JoinSet::new());
        for n in 0..stations {
            let node = station::node(n)?;
            let acks = Topic { node, kind: Kind::Ack }.to_string();
            let neighbourhood = u8::try_from(1 + n / NEIGHBOURHOOD)?;
            let opened = connection::open(port, neighbourhood, node.as_str(), &acks).await;
            let (ear, mut mouth) =
                opened.with_context(|| format!("connection {n} of {stations}"))?;
            ears.spawn(hear(ear, n, Arc::clone(&shared)));
            let birth = Topic { node, kind: Kind::Birth }.to_string();
            mouth.publish(&birth, &station::birth(n, 0)?, true)?;
            mouth.flush().await?;
            mouths.push(mouth);
        }
        let mut fleet = Self { mouths, shared, progress, _ears: ears };
        fleet.wait(usize::from(stations)).await.context("births are not answered")?;
        Ok(fleet)
    }

    /// Publishes what the plan says and waits until the centre has acknowledged all of it.
    pub(crate) async fn run(&mut self, plan: &Plan) -> Result<Outcome> {
        let mut payloads = Vec::with_capacity(self.mouths.len());
        for (n, _) in (0_u16..).zip(&self.mouths) {
            let batches = plan.batches.clone();
            let batches = batches.map(|seq| plan.shape.batch(n, seq, plan.start));
            payloads.push(batches.collect::<Result<Vec<_>>>()?);
        }
        let batches = payloads.iter().map(Vec::len).sum::<usize>();
        let mut outcome = Outcome {
            readings: batches as u64 * plan.shape.readings(),
            bytes: payloads.iter().flatten().map(|p| p.len() as u64).sum(),
            ..Outcome::default()
        };
        self.shared.progress.send_replace(0);
        self.progress.mark_unchanged();
        let start = clock::now();
        let mut speakers = JoinSet::new();
        for ((n, mouth), payloads) in (0_u16..).zip(self.mouths.drain(..)).zip(payloads) {
            let shared = Arc::clone(&self.shared);
            speakers.spawn(speak(mouth, n, payloads, plan.clone(), shared));
        }
        self.wait(batches).await?;
        outcome.elapsed = clock::now() - start;
        let mut mouths = Vec::new();
        while let Some(mouth) = speakers.join_next().await {
            mouths.push(mouth??);
        }
        mouths.sort_unstable_by_key(|(n, _)| *n);
        self.mouths.extend(mouths.into_iter().map(|(_, mouth)| mouth));
        outcome.latencies = std::mem::take(&mut lock(&self.shared.latencies));
        Ok(outcome)
    }

    /// Waits until so many are acknowledged.
    async fn wait(&mut self, wanted: usize) -> Result<()> {
        loop {
            let done = *self.progress.borrow_and_update();
            if done >= wanted {
                return Ok(());
            }
            if let Some(broken) = lock(&self.shared.broken).take() {
                return Err(broken);
            }
            timeout(PATIENCE, self.progress.changed())
                .await
                .map_err(|_| anyhow!("{done} of {wanted} are acknowledged and nothing moves"))??;
        }
    }
}

/// Hears the acknowledgements of one station until its connection ends.
async fn hear(mut ear: Ear, n: u16, shared: Arc<Shared>) {
    let Some(station) = shared.stations.get(usize::from(n)) else { return };
    loop {
        let ack = match ear.ack().await {
            Ok(ack) => ack,
            Err(error) => {
                *lock(&shared.broken) = Some(error);
                shared.progress.send_modify(|_| {});
                return;
            }
        };
        let now = clock::now();
        let mut done = usize::from(!station.born.swap(true, Relaxed));
        let mut sent = lock(&station.sent);
        let mut latencies = lock(&shared.latencies);
        while let Some((seq, at)) = sent.front()
            && ack.covers(*seq)
        {
            latencies.push(now - *at);
            sent.pop_front();
            shared.window.add_permits(1);
            done += 1;
        }
        // With several replicas a batch may be settled before the one in front of it.
        if !sent.is_empty() && !ack.committed.is_empty() {
            let waiting = sent.len();
            sent.retain(|(seq, at)| {
                let covered = ack.covers(*seq);
                if covered {
                    latencies.push(now - *at);
                }
                !covered
            });
            shared.window.add_permits(waiting - sent.len());
            done += waiting - sent.len();
        }
        drop((sent, latencies));
        shared.progress.send_modify(|n| *n += done);
    }
}

/// Publishes the batches of one station.
async fn speak(
    mut mouth: Mouth,
    n: u16,
    payloads: Vec<Vec<u8>>,
    plan: Plan,
    shared: Arc<Shared>,
) -> Result<(u16, Mouth)> {
    let station = shared.stations.get(usize::from(n)).context("no such station")?;
    let topic = Topic { node: station::node(n)?, kind: Kind::Data }.to_string();
    let gap =
        plan.pace.map(|pace| Duration::from_secs_f64(plan.shape.readings() as f64 / pace as f64));
    let stations = u32::try_from(shared.stations.len())?;
    let start = tokio::time::Instant::now();
    let mut written = 0;
    for ((payload, seq), i) in payloads.iter().zip(plan.batches.start..).zip(0_u32..) {
        if let Some(gap) = gap {
            mouth.flush().await?;
            sleep_until(start + gap * (i * stations + u32::from(n))).await;
        }
        if written == BURST || shared.window.available_permits() == 0 {
            mouth.flush().await?;
            written = 0;
        }
        shared.window.acquire().await?.forget();
        lock(&station.sent).push_back((Seq(seq), clock::now()));
        mouth.publish(&topic, payload, false)?;
        written += 1;
    }
    mouth.flush().await?;
    Ok((n, mouth))
}
