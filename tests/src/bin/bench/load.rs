//! Publishers with a window, and the time each batch took to be acknowledged.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions, mqttbytes::QoS};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{sleep_until, timeout},
};
use tram_tests::Centre;
use tram_wire::{Ack, Kind, Seq, Topic, UnixMicros};

use super::station;

/// Batches on their way at once, for each station.
const WINDOW: usize = 256;
/// How long a publisher waits for the next acknowledgement before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one run came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Readings acknowledged.
    pub(crate) readings: u64,
    /// Batches acknowledged for each station.
    pub(crate) batches: u64,
    /// Payload bytes published.
    pub(crate) bytes: u64,
    elapsed: Duration,
    /// From publish to acknowledgement, ascending.
    latencies: Vec<Duration>,
}

impl Outcome {
    /// Readings a second, first publish to last acknowledgement.
    pub(crate) fn rate(&self) -> f64 {
        self.readings as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that a share `q` of the batches stayed within.
    pub(crate) fn quantile(&self, q: f64) -> Duration {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let index =
            ((self.latencies.len() as f64 * q) as usize).min(self.latencies.len().max(1) - 1);
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// Publishes `readings` from `stations` stations, as fast as the window allows or at `pace`
/// readings a second over all, starting at batch number `from`.
pub(crate) async fn run(
    centre: &Centre,
    stations: u16,
    readings: u64,
    pace: Option<u64>,
    from: u64,
) -> Result<Outcome> {
    let each = readings / station::READINGS / u64::from(stations);
    let today = UnixMicros(now_micros()?).plus(-86_400_000_000);
    let mut publishers = JoinSet::new();
    for n in 0..stations {
        let payloads = (from..from + each).map(|seq| station::batch(n, seq, today));
        let payloads = payloads.collect::<Result<Vec<_>>>()?;
        let gap = pace.map(|p| {
            Duration::from_secs_f64((station::READINGS * u64::from(stations)) as f64 / p as f64)
        });
        publishers.spawn(publish(centre.mqtt_port, n, from, payloads, gap));
    }
    let mut outcome = Outcome { batches: each, ..Outcome::default() };
    let mut first = None::<Instant>;
    let mut last = None::<Instant>;
    while let Some(one) = publishers.join_next().await {
        let one = one??;
        outcome.readings += each * station::READINGS;
        outcome.bytes += one.bytes;
        outcome.latencies.extend(one.latencies);
        first = Some(first.map_or(one.first, |f| f.min(one.first)));
        last = Some(last.map_or(one.last, |l| l.max(one.last)));
    }
    let (first, last) = (first.context("no station")?, last.context("no station")?);
    outcome.elapsed = last - first;
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

/// Microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "readings of a benchmark are of today")]
fn now_micros() -> Result<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_micros())?)
}

struct One {
    first: Instant,
    last: Instant,
    bytes: u64,
    latencies: Vec<Duration>,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
async fn publish(
    port: u16,
    n: u16,
    from: u64,
    payloads: Vec<Vec<u8>>,
    gap: Option<Duration>,
) -> Result<One> {
    let node = station::node(n)?;
    let (client, mut acks) = connect(port, n).await?;
    let birth = Topic { node, kind: Kind::Birth }.to_string();
    client.publish(birth, QoS::AtLeastOnce, true, station::birth(n, from)?).await?;
    let data = Topic { node, kind: Kind::Data }.to_string();
    let total = payloads.len();
    let bytes = payloads.iter().map(|p| p.len() as u64).sum();

    let window = Arc::new(Semaphore::new(WINDOW));
    let (sent, mut sent_times) = mpsc::unbounded_channel();
    let room = Arc::clone(&window);
    let first = Instant::now();
    let sender = tokio::spawn(async move {
        let start = tokio::time::Instant::now();
        for (payload, i) in payloads.into_iter().zip(0_u32..) {
            if let Some(gap) = gap {
                sleep_until(start + gap * i).await;
            }
            room.acquire().await?.forget();
            sent.send(Instant::now())?;
            client.publish(data.as_str(), QoS::AtLeastOnce, false, payload).await?;
        }
        anyhow::Ok(client)
    });
    let mut latencies = Vec::with_capacity(total);
    let mut next = Seq(from);
    while latencies.len() < total {
        let Some(ack) = timeout(PATIENCE, acks.recv()).await.context("no acknowledgement")? else {
            bail!("the connection of {node} broke");
        };
        let now = Instant::now();
        while latencies.len() < total && ack.covers(next) {
            let at = sent_times.recv().await.context("acknowledged before it was sent")?;
            latencies.push(now - at);
            window.add_permits(1);
            next = next.next();
        }
    }
    let last = Instant::now();
    sender.await??.disconnect().await?;
    Ok(One { first, last, bytes, latencies })
}

/// Connects and subscribes to the acknowledgements of station `n`'s spool.
async fn connect(port: u16, n: u16) -> Result<(AsyncClient, mpsc::Receiver<Ack>)> {
    let node = station::node(n)?;
    let mut options = MqttOptions::new(node.as_str(), "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(30));
    options.set_outgoing_inflight_upper_limit(1024);
    let (client, mut events) = AsyncClient::new(options, 64);
    client.subscribe(Topic { node, kind: Kind::Ack }.to_string(), QoS::AtLeastOnce).await?;
    let (subscribed, ready) = tokio::sync::oneshot::channel();
    let (acks, received) = mpsc::channel(1024);
    tokio::spawn(async move {
        let mut subscribed = Some(subscribed);
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::SubAck(_))) => {
                    subscribed.take().map(|s| s.send(()));
                }
                Ok(Event::Incoming(Incoming::Publish(message))) => {
                    let ack =
                        Ack::decode(&message.payload).ok().filter(|a| a.spool == station::spool(n));
                    if let Some(ack) = ack
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
    timeout(PATIENCE, ready).await.context("no answer to the subscription")??;
    Ok((client, received))
}
