//! Stations on MQTT: publishers with a window, and the time each batch took to be acknowledged.
//!
//! Stations share a few connections, as behind a bridge, and one more connection hears all
//! acknowledgements; what a station would do with its own is the same for the centre, except for
//! the connection itself, which [`Crowd`](super::crowd::Crowd) brings.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, mqttbytes::QoS};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{sleep_until, timeout},
};
use tram_wire::{Ack, Kind, Seq, Topic, UnixMicros};

use super::{clock, station, station::Shape};

/// Batches on their way at once, for each connection.
const WINDOW: usize = 256;
/// How long to wait for the next acknowledgement before giving up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be published.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    pub(crate) stations: u16,
    /// Over how many connections.
    pub(crate) connections: u16,
    /// Which batches of each station.
    pub(crate) batches: Range<u64>,
    /// When each station's batch 0 began.
    pub(crate) start: UnixMicros,
    /// Readings a second over all stations; as fast as the window allows without.
    pub(crate) pace: Option<u64>,
}

impl Plan {
    /// How many readings that is.
    pub(crate) fn readings(&self) -> u64 {
        let batches = self.batches.end.saturating_sub(self.batches.start);
        batches * u64::from(self.stations) * self.shape.readings()
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

/// Batches of one station on their way.
struct Waiting {
    sent: Mutex<VecDeque<(Seq, Instant)>>,
    /// Room on the station's connection.
    window: Arc<Semaphore>,
}

impl Waiting {
    fn put(&self, seq: u64) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push_back((Seq(seq), clock::now()));
    }

    /// Takes out what the acknowledgement covers.
    fn take(&self, ack: &Ack, now: Instant, latencies: &mut Vec<Duration>) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((seq, at)) = sent.front()
            && ack.covers(*seq)
        {
            latencies.push(now - *at);
            self.window.add_permits(1);
            sent.pop_front();
        }
    }
}

/// Publishes births, then what the plan says, to the broker on `port`, and waits until the centre
/// has acknowledged all of it. The clock starts behind the births.
pub(crate) async fn run(port: u16, plan: &Plan) -> Result<Outcome> {
    let connections = plan.connections.min(plan.stations);
    let windows: Vec<_> = (0..connections).map(|_| Arc::new(Semaphore::new(WINDOW))).collect();
    let waiting: Vec<Waiting> = windows
        .iter()
        .cycle()
        .take(usize::from(plan.stations))
        .map(|window| Waiting { sent: Mutex::default(), window: Arc::clone(window) })
        .collect();
    let waiting = Arc::new(waiting);
    let mut acks = listen(port).await?;
    let mut publishers = Vec::new();
    for (c, window) in (0..connections).zip(&windows) {
        let own = (c..plan.stations).step_by(usize::from(connections)).collect();
        publishers.push(Publisher::new(port, c, own, plan, Arc::clone(window)).await?);
    }
    let mut outcome = Outcome {
        readings: plan.readings(),
        bytes: publishers.iter().map(|p| p.bytes).sum(),
        ..Outcome::default()
    };
    born(&mut acks, plan).await?;

    let batches: usize = publishers.iter().map(|p| p.messages.len()).sum();
    let start = clock::now();
    let mut tasks = JoinSet::new();
    for publisher in publishers {
        tasks.spawn(publisher.publish(Arc::clone(&waiting)));
    }
    outcome.latencies.reserve(batches);
    while outcome.latencies.len() < batches {
        let (n, ack) = timeout(PATIENCE, acks.recv())
            .await
            .with_context(|| format!("{} of {batches} acknowledged", outcome.latencies.len()))?
            .context("the connection broke")?;
        if let Some(station) = waiting.get(n) {
            station.take(&ack, clock::now(), &mut outcome.latencies);
        }
    }
    outcome.elapsed = clock::now() - start;
    while let Some(client) = tasks.join_next().await {
        client??.disconnect().await?;
    }
    Ok(outcome)
}

/// Waits until every station's birth is on disk: the centre answers each with what it has.
async fn born(acks: &mut mpsc::Receiver<(usize, Ack)>, plan: &Plan) -> Result<()> {
    let mut known = vec![false; usize::from(plan.stations)];
    let mut missing = known.len();
    while missing > 0 {
        let (n, ack) = timeout(PATIENCE, acks.recv())
            .await
            .with_context(|| format!("{missing} births are not answered"))?
            .context("the connection broke")?;
        if let Some(known) = known.get_mut(n)
            && ack.watermark.0 >= plan.batches.start
            && !std::mem::replace(known, true)
        {
            missing -= 1;
        }
    }
    Ok(())
}

struct Publisher {
    client: AsyncClient,
    messages: Vec<Message>,
    window: Arc<Semaphore>,
    bytes: u64,
    /// From one message to the next.
    gap: Option<Duration>,
}

struct Message {
    station: u16,
    topic: Arc<str>,
    seq: u64,
    payload: Vec<u8>,
}

impl Publisher {
    /// Connects and publishes the births of its stations.
    async fn new(
        port: u16,
        number: u16,
        stations: Vec<u16>,
        plan: &Plan,
        window: Arc<Semaphore>,
    ) -> Result<Self> {
        let (client, mut events) = connect(port, &format!("bench_publisher_{number}"));
        tokio::spawn(async move { while events.poll().await.is_ok() {} });
        let mut topics = Vec::with_capacity(stations.len());
        for n in &stations {
            let node = station::node(*n)?;
            let birth = Topic { node, kind: Kind::Birth }.to_string();
            let payload = station::birth(*n, plan.batches.start)?;
            client.publish(birth, QoS::AtLeastOnce, true, payload).await?;
            topics.push(Arc::<str>::from(Topic { node, kind: Kind::Data }.to_string()));
        }
        let mut messages = Vec::new();
        for seq in plan.batches.clone() {
            for (n, topic) in stations.iter().zip(&topics) {
                let payload = plan.shape.batch(*n, seq, plan.start)?;
                messages.push(Message { station: *n, topic: Arc::clone(topic), seq, payload });
            }
        }
        let gap = plan.pace.map(|pace| {
            let share = stations.len() as f64 / f64::from(plan.stations);
            Duration::from_secs_f64(plan.shape.readings() as f64 / (pace as f64 * share))
        });
        let bytes = messages.iter().map(|m| m.payload.len() as u64).sum();
        Ok(Self { client, messages, window, bytes, gap })
    }

    async fn publish(self, waiting: Arc<Vec<Waiting>>) -> Result<AsyncClient> {
        let start = tokio::time::Instant::now();
        for (message, i) in self.messages.into_iter().zip(0_u32..) {
            if let Some(gap) = self.gap {
                sleep_until(start + gap * i).await;
            }
            self.window.acquire().await?.forget();
            let station = waiting.get(usize::from(message.station)).context("no station")?;
            station.put(message.seq);
            let Message { topic, payload, .. } = message;
            self.client.publish(&*topic, QoS::AtLeastOnce, false, payload).await?;
        }
        Ok(self.client)
    }
}

fn connect(port: u16, id: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(60));
    options.set_outgoing_inflight_upper_limit(1024);
    AsyncClient::new(options, 64)
}

/// Hears the acknowledgements of all stations, by the number of the station.
async fn listen(port: u16) -> Result<mpsc::Receiver<(usize, Ack)>> {
    let (client, mut events) = connect(port, "bench_listener");
    client.subscribe("tram/v1/+/ack", QoS::AtMostOnce).await?;
    let (subscribed, ready) = tokio::sync::oneshot::channel();
    let (acks, received) = mpsc::channel(8_192);
    tokio::spawn(async move {
        // The connection ends with its last client.
        let _client = client;
        let mut subscribed = Some(subscribed);
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::SubAck(_))) => {
                    subscribed.take().map(|s| s.send(()));
                }
                Ok(Event::Incoming(Incoming::Publish(message))) => {
                    if let Some(ack) = read(&message.topic, &message.payload)
                        && acks.send(ack).await.is_err()
                    {
                        return;
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    let answered = timeout(PATIENCE, ready).await.context("no answer to the subscription")?;
    if answered.is_err() {
        bail!("the broker closed the connection that hears acknowledgements");
    }
    Ok(received)
}

fn read(topic: &[u8], payload: &[u8]) -> Option<(usize, Ack)> {
    let topic = Topic::parse(std::str::from_utf8(topic).ok()?).ok()?;
    Some((station::number(&topic.node)?, Ack::decode(payload).ok()?))
}
