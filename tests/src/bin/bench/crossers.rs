//! Stations on one connection, each of which rises above a threshold once.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tram_tests::until;
use tram_wire::{
    Batch, BatchHeader, ChannelNumber, ClockState, Column, Kind, Point, Quality, Quantity, Seq,
    Topic, UnixMicros,
};

use super::{
    clock,
    connection::{self, Ear, Mouth},
    station,
};

/// The number of the first of them; those that publish in the background come before.
const FIRST: u16 = 20_000;
/// Metres in thousandths, below and above the rule's 80.00.
const CALM: i64 = 77_500;
const HIGH: i64 = 80_500;
/// How long acknowledgements may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The connection.
pub(crate) struct Crossers {
    mouth: Mouth,
    /// Spool and lowest number that is not acknowledged.
    acknowledged: Arc<Mutex<HashSet<(u64, u64)>>>,
    ear: JoinHandle<()>,
    start: UnixMicros,
}

/// The name of the `n`th of them.
pub(crate) fn name(n: u16) -> Result<String> {
    Ok(station::node(FIRST + n)?.to_string())
}

impl Crossers {
    /// Connects, lets `all` be born and calm, and waits until the centre has that.
    pub(crate) async fn connect(port: u16, all: Range<u16>, start: UnixMicros) -> Result<Self> {
        let (ear, mouth) = connection::open(port, 2, "crossers", "tram/v1/+/ack").await?;
        let acknowledged = Arc::default();
        let ear = tokio::spawn(hear(ear, Arc::clone(&acknowledged)));
        let mut crossers = Self { mouth, acknowledged, ear, start };
        for n in all.clone() {
            crossers.birth(n).await?;
            crossers.publish(n, 0, CALM).await?;
        }
        crossers.settled(all, 1).await?;
        Ok(crossers)
    }

    async fn birth(&mut self, n: u16) -> Result<()> {
        let n = FIRST + n;
        let node = station::node(n)?;
        let channels = [("river", Quantity::WaterLevel)];
        let birth = station::birth_of(node, station::spool(n), 0, channels)?;
        let topic = Topic { node, kind: Kind::Birth }.to_string();
        self.mouth.publish(&topic, &birth, true)?;
        self.mouth.flush().await
    }

    async fn publish(&mut self, n: u16, seq: u64, value: i64) -> Result<()> {
        let n = FIRST + n;
        let mut column = Column::new(ChannelNumber(0), Quantity::WaterLevel);
        let micros = self.start.plus(i64::try_from(seq)? * 1_000_000).0;
        column.push(Point { micros, value: Some(value), quality: Quality::GOOD });
        let header =
            BatchHeader { spool: station::spool(n), seq: Seq(seq), clock: ClockState::Ntp };
        let batch = Batch { header, columns: vec![column], losses: Vec::new() };
        let topic = Topic { node: station::node(n)?, kind: Kind::Data }.to_string();
        self.mouth.publish(&topic, &batch.encode()?, false)?;
        self.mouth.flush().await
    }

    /// Lets these cross the threshold, one each `gap`; says of each when it was published.
    pub(crate) async fn cross(
        &mut self,
        which: Range<u16>,
        gap: Duration,
    ) -> Result<Vec<(String, Instant)>> {
        let mut sent = Vec::new();
        let begin = tokio::time::Instant::now();
        for (i, n) in (0_u32..).zip(which) {
            tokio::time::sleep_until(begin + gap * i).await;
            sent.push((name(n)?, clock::now()));
            self.publish(n, 1, HIGH).await?;
        }
        Ok(sent)
    }

    /// Waits until everything below `seq` of these is acknowledged.
    pub(crate) async fn settled(&self, which: Range<u16>, seq: u64) -> Result<()> {
        let wanted: Vec<_> = which.map(|n| (station::spool(FIRST + n).0, seq)).collect();
        let acknowledged = Arc::clone(&self.acknowledged);
        let wait = move || {
            until("acknowledgement", PATIENCE, || {
                let all = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
                wanted.iter().all(|w| all.contains(w)).then_some(())
            })
        };
        tokio::task::spawn_blocking(wait).await.context("a thread that waits")?
    }
}

impl Drop for Crossers {
    fn drop(&mut self) {
        self.ear.abort();
    }
}

async fn hear(mut ear: Ear, acknowledged: Arc<Mutex<HashSet<(u64, u64)>>>) {
    // The connection ends with the centre, which is killed.
    while let Ok(ack) = ear.ack().await {
        let mut all = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend((1..=ack.watermark.0.min(2)).map(|seq| (ack.spool.0, seq)));
    }
}
