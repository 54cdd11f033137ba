//! Somebody who watches a running station: what was published, and what the centre acknowledged.
//! Commissioning proves a channel by it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;
use tram_wire::{
    Alarm, AlarmKind, Batch, BatchId, ChannelName, ChannelNumber, ClockState, NodeId, Point, Seq,
    SpoolId,
};

use crate::clock::Moment;

/// How many readings of a channel are remembered, the newest.
pub(crate) const MAX_SEEN: usize = 256;
/// How many batches without an acknowledgement are remembered; the publisher has no more under
/// way.
const MAX_BATCHES: usize = 1024;

/// A reading that was published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) point: Point,
    pub(crate) batch: BatchId,
    /// The centre has said that it is on its disk.
    pub(crate) acknowledged: bool,
}

/// The connection, as the publisher knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Not tried yet.
    None,
    /// There is one.
    Live,
    /// The last attempt failed; the sentence says why.
    Failed(String),
}

/// What is known so far.
#[derive(Debug)]
struct State {
    /// On both clocks, when it began: older readings prove nothing.
    began: Option<Moment>,
    node: Option<NodeId>,
    names: HashMap<ChannelNumber, ChannelName>,
    seen: BTreeMap<ChannelName, VecDeque<Seen>>,
    under_way: VecDeque<BatchId>,
    /// The record of a siren's test, and whether the centre has it.
    siren: Option<(BatchId, bool)>,
    connection: Connection,
    /// Asks the sampler for what it has.
    wanted: Option<Arc<AtomicBool>>,
}

/// A watcher, shared with the publisher.
#[derive(Debug)]
pub(crate) struct Witness {
    state: Mutex<State>,
    /// Rung when the station may stop.
    enough: Notify,
}

impl Witness {
    pub(crate) fn new() -> Arc<Self> {
        let state = State {
            began: None,
            node: None,
            names: HashMap::new(),
            seen: BTreeMap::new(),
            under_way: VecDeque::new(),
            siren: None,
            connection: Connection::None,
            wanted: None,
        };
        Arc::new(Self { state: Mutex::new(state), enough: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The station begins.
    pub(crate) fn begin(
        &self,
        now: Moment,
        node: NodeId,
        names: impl Iterator<Item = (ChannelNumber, ChannelName)>,
        wanted: &Arc<AtomicBool>,
    ) {
        let mut state = self.state();
        state.began = Some(now);
        state.node = Some(node);
        state.names = names.collect();
        state.wanted = Some(Arc::clone(wanted));
    }

    /// Asks the station for what it has, now.
    pub(crate) fn hurry(&self) {
        if let Some(wanted) = &self.state().wanted {
            wanted.store(true, Ordering::Relaxed);
        }
    }

    /// A connection was made, or an attempt failed.
    pub(crate) fn connection(&self, connection: Connection) {
        self.state().connection = connection;
    }

    /// How the connection stands.
    pub(crate) fn connected(&self) -> Connection {
        self.state().connection.clone()
    }

    /// A batch or an alarm was published.
    pub(crate) fn published(&self, payload: &[u8]) {
        if let Ok(alarm) = Alarm::decode(payload) {
            return self.alarm(&alarm);
        }
        let Ok(batch) = Batch::decode(payload) else { return };
        let mut state = self.state();
        let State { began: Some(began), node: Some(node), .. } = &*state else { return };
        let id = BatchId { node: *node, spool: batch.header.spool, seq: batch.header.seq };
        let from = beginning(began, batch.header.clock);
        if state.under_way.contains(&id) {
            return;
        }
        if state.under_way.len() >= MAX_BATCHES {
            state.under_way.pop_front();
        }
        state.under_way.push_back(id);
        for column in &batch.columns {
            let Some(name) = state.names.get(&column.channel).copied() else { continue };
            let seen = state.seen.entry(name).or_default();
            for point in column.points().filter(|p| p.micros >= from) {
                if seen.len() >= MAX_SEEN {
                    seen.pop_front();
                }
                seen.push_back(Seen { point, batch: id, acknowledged: false });
            }
        }
    }

    fn alarm(&self, alarm: &Alarm) {
        let mut state = self.state();
        let State { began: Some(began), node: Some(node), .. } = &*state else { return };
        let ours = alarm.kind == AlarmKind::Tested && alarm.at >= beginning(began, alarm.clock);
        let id = BatchId { node: *node, spool: alarm.spool, seq: alarm.seq };
        if ours && state.siren.is_none_or(|(known, _)| known != id) {
            state.siren = Some((id, false));
        }
    }

    /// Whether the centre has the record of a siren's test on its disk.
    pub(crate) fn siren_recorded(&self) -> bool {
        self.state().siren.is_some_and(|(_, acknowledged)| acknowledged)
    }

    /// The centre has a batch or an alarm on its disk.
    pub(crate) fn acknowledged(&self, spool: SpoolId, seq: Seq) {
        let mut state = self.state();
        let ours = |b: &BatchId| b.spool == spool && b.seq == seq;
        state.under_way.retain(|b| !ours(b));
        if let Some((_, acknowledged)) = state.siren.as_mut().filter(|(b, _)| ours(b)) {
            *acknowledged = true;
        }
        for seen in state.seen.values_mut().flatten().filter(|s| ours(&s.batch)) {
            seen.acknowledged = true;
        }
    }

    /// What is known of a channel, the oldest first.
    pub(crate) fn seen(&self, channel: &ChannelName) -> Vec<Seen> {
        self.state().seen.get(channel).map(|s| s.iter().copied().collect()).unwrap_or_default()
    }

    /// Lets the station stop.
    pub(crate) fn enough(&self) {
        self.enough.notify_one();
    }

    /// Waits until the station may stop.
    pub(crate) async fn has_enough(&self) {
        self.enough.notified().await;
    }
}

/// When it began, on a clock.
fn beginning(began: &Moment, clock: ClockState) -> i64 {
    match clock {
        ClockState::Unsynchronised { .. } => i64::try_from(began.uptime.0).unwrap_or(i64::MAX),
        ClockState::Rtc | ClockState::Ntp => began.unix.0,
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::{BatchHeader, Column, Quality, Quantity, UnixMicros, UptimeMicros};

    use super::*;

    fn batch(seq: u64, times: &[i64]) -> Vec<u8> {
        let mut column = Column::new(ChannelNumber(3), Quantity::Pressure);
        for micros in times {
            column.push(Point { micros: *micros, value: Some(*micros), quality: Quality::GOOD });
        }
        let header = BatchHeader { spool: SpoolId(7), seq: Seq(seq), clock: ClockState::Ntp };
        Batch { header, columns: vec![column], losses: Vec::new() }.encode().unwrap()
    }

    #[test]
    fn only_what_is_measured_since_the_beginning_counts_and_is_proved_by_its_own_batch() {
        let witness = Witness::new();
        witness.published(&batch(0, &[2_000]));
        let name = ChannelName::new("pressure").unwrap();
        let now =
            Moment { unix: UnixMicros(1_000), uptime: UptimeMicros(5), state: ClockState::Ntp };
        let names = [(ChannelNumber(3), name)];
        let wanted = Arc::new(AtomicBool::new(false));
        witness.begin(now, NodeId::new("a-1").unwrap(), names.into_iter(), &wanted);
        witness.published(&batch(1, &[998, 999]));
        witness.published(&batch(2, &[1_000, 1_001]));
        witness.published(&batch(2, &[1_000, 1_001]));
        witness.published(&batch(3, &[1_002]));
        witness.published(b"not a batch");
        let told = || -> Vec<(i64, bool)> {
            witness.seen(&name).iter().map(|s| (s.point.micros, s.acknowledged)).collect()
        };
        assert_eq!(told(), [(1_000, false), (1_001, false), (1_002, false)]);
        witness.acknowledged(SpoolId(8), Seq(3));
        witness.acknowledged(SpoolId(7), Seq(2));
        assert_eq!(told(), [(1_000, true), (1_001, true), (1_002, false)]);
        witness.hurry();
        assert!(wanted.load(Ordering::Relaxed));
    }
}
