//! A broker and the least that a centre does: take, remember, acknowledge.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use mqtt5::broker::{
    BrokerConfig, BrokerShutdownHandle, MqttBroker,
    config::{StorageBackend, StorageConfig},
};
use rumqttc::v5::{
    AsyncClient, Event, MqttOptions,
    mqttbytes::{QoS, v5::Packet},
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tram_wire::{
    Ack, Alarm, Batch, Birth, ChannelNumber, Health, Kind, ReplicaId, Seq, SpoolId, Status,
    StatusState, Topic,
};

/// Nothing that is waited for takes longer, even on a slow machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A broker that can be stopped and started again at the same address.
pub(crate) struct Broker {
    pub(crate) address: SocketAddr,
    shutdown: BrokerShutdownHandle,
    task: JoinHandle<()>,
}

impl Broker {
    pub(crate) async fn start(address: SocketAddr) -> Self {
        let storage = StorageConfig::new().with_backend(StorageBackend::Memory);
        let config = BrokerConfig::new().with_bind_address(address).with_storage(storage);
        let mut broker = MqttBroker::with_config(config).await.unwrap();
        let address = broker.local_addr().unwrap();
        let shutdown = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move {
            let _ = broker.run().await;
        });
        let _ = ready.wait_for(|ready| *ready).await;
        Self { address, shutdown, task }
    }

    pub(crate) async fn anywhere() -> Self {
        Self::start("127.0.0.1:0".parse().unwrap()).await
    }

    /// Stops it and gives back where it was.
    pub(crate) async fn stop(self) -> SocketAddr {
        self.shutdown.shutdown();
        let _ = timeout(LIMIT, self.task).await;
        self.address
    }
}

/// How the centre acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Each message, at once.
    Promptly,
    /// Never.
    Never,
    /// Two of three acknowledgements are lost and the third comes twice.
    Carelessly,
}

/// What has arrived.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Every different batch, by its identity.
    pub(crate) batches: BTreeMap<(u64, u64), Batch>,
    pub(crate) alarms: BTreeMap<(u64, u64), Alarm>,
    /// Messages that had come before.
    pub(crate) duplicates: usize,
    pub(crate) births: Vec<Birth>,
    pub(crate) status: Vec<StatusState>,
    /// How the node said it was, each time it did.
    pub(crate) health: Vec<Health>,
    /// Kinds in the order of arrival.
    pub(crate) order: Vec<Kind>,
    spools: HashMap<SpoolId, (u64, BTreeSet<u64>)>,
}

impl Ledger {
    /// Every reading of every different batch: channel, time, value, quality code.
    pub(crate) fn readings(&self) -> Vec<(String, i64, Option<i64>, u16)> {
        let name = |number: ChannelNumber| {
            let all = self.births.iter().rev().flat_map(|b| &b.channels);
            let mut named = all.filter(|c| c.number == number);
            named.next().map_or_else(|| format!("{number:?}"), |c| c.name.to_string())
        };
        let columns = self.batches.values().flat_map(|b| &b.columns);
        let readings = columns.flat_map(|column| {
            let name = name(column.channel);
            column.points().map(move |p| (name.clone(), p.micros, p.value, p.quality.code()))
        });
        readings.collect()
    }

    fn take(&mut self, topic: &str, payload: &[u8]) -> Option<Ack> {
        let topic = Topic::parse(topic).unwrap();
        let (spool, seq, known) = match topic.kind {
            Kind::Data => {
                let batch = Batch::decode(payload).unwrap();
                let (spool, seq) = (batch.header.spool, batch.header.seq);
                (spool, seq, self.batches.insert((spool.0, seq.0), batch).is_some())
            }
            Kind::Alarm => {
                let alarm = Alarm::decode(payload).unwrap();
                let (spool, seq) = (alarm.spool, alarm.seq);
                (spool, seq, self.alarms.insert((spool.0, seq.0), alarm).is_some())
            }
            Kind::Birth => {
                let birth = Birth::decode(payload).unwrap();
                let (base, _) = self.spools.entry(birth.spool).or_default();
                *base = (*base).max(birth.held_from.0);
                self.births.push(birth);
                self.order.push(Kind::Birth);
                return None;
            }
            Kind::Status => {
                let status = Status::decode(payload).unwrap();
                self.status.push(status.state);
                self.health.extend(status.health);
                self.order.push(Kind::Status);
                return None;
            }
            Kind::Ack | Kind::Command | Kind::Answer | Kind::Senml => return None,
        };
        self.order.push(topic.kind);
        self.duplicates += usize::from(known);
        let (base, seqs) = self.spools.entry(spool).or_default();
        seqs.insert(seq.0);
        Some(ack(spool, *base, seqs))
    }
}

fn ack(spool: SpoolId, base: u64, seqs: &BTreeSet<u64>) -> Ack {
    let mut watermark = base;
    while seqs.contains(&watermark) {
        watermark += 1;
    }
    let mut ranges: Vec<(Seq, Seq)> = Vec::new();
    for seq in seqs.range(watermark..) {
        match ranges.last_mut() {
            Some((_, last)) if last.0 + 1 == *seq => *last = Seq(*seq),
            _ => ranges.push((Seq(*seq), Seq(*seq))),
        }
    }
    ranges.truncate(tram_wire::MAX_ACK_RANGES);
    let (replica, committed) = (ReplicaId(1), Vec::new());
    Ack { spool, replica, watermark: Seq(watermark), ranges, committed }
}

/// A centre that survives its broker.
pub(crate) struct Centre {
    ledger: Arc<Mutex<Ledger>>,
    changed: watch::Receiver<u64>,
    manner: watch::Sender<Manner>,
    task: JoinHandle<()>,
}

impl Centre {
    pub(crate) fn start(broker: SocketAddr, manner: Manner) -> Self {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let (tell, changed) = watch::channel(0);
        let (manner, manners) = watch::channel(manner);
        let task = tokio::spawn(serve(broker, Arc::clone(&ledger), tell, manners));
        Self { ledger, changed, manner, task }
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// Looks at what has arrived.
    pub(crate) fn look<T>(&self, f: impl FnOnce(&Ledger) -> T) -> T {
        f(&self.ledger.lock().unwrap())
    }

    /// Waits until what has arrived is enough.
    pub(crate) async fn until(&mut self, what: &str, enough: impl Fn(&Ledger) -> bool) {
        let ledger = Arc::clone(&self.ledger);
        let waiting = self.changed.wait_for(|_| enough(&ledger.lock().unwrap()));
        let waited = timeout(LIMIT, waiting).await;
        assert!(waited.is_ok(), "no {what} after {LIMIT:?}");
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects again and again, as a centre does.
async fn serve(
    broker: SocketAddr,
    ledger: Arc<Mutex<Ledger>>,
    tell: watch::Sender<u64>,
    manner: watch::Receiver<Manner>,
) {
    let mut acks = 0_u64;
    loop {
        let mut options = MqttOptions::new("centre", broker.ip().to_string(), broker.port());
        options.set_max_packet_size(Some(1 << 20));
        let (client, mut events) = AsyncClient::new(options, 1024);
        loop {
            let publish = match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    client.try_subscribe("tram/v1/+/+", QoS::AtLeastOnce).unwrap();
                    continue;
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => publish,
                Ok(_) => continue,
                Err(_) => break,
            };
            let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
            let ack = ledger.lock().unwrap().take(&topic, &publish.payload);
            tell.send_modify(|n| *n += 1);
            let Some(ack) = ack else { continue };
            acks += 1;
            let times = match *manner.borrow() {
                Manner::Promptly => 1,
                Manner::Never => 0,
                Manner::Carelessly => {
                    if acks.is_multiple_of(3) {
                        2
                    } else {
                        0
                    }
                }
            };
            let node = Topic::parse(&topic).unwrap().node;
            let topic = Topic { node, kind: Kind::Ack }.to_string();
            for _ in 0..times {
                let bytes = ack.encode().unwrap();
                let _ = client.try_publish(topic.as_str(), QoS::AtLeastOnce, false, bytes);
            }
        }
        // The broker is away; a centre does not hammer at its door either.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
