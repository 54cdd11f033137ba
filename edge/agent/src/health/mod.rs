//! What the node tells of its own health, from what its threads and the system say.

mod machine;

use std::{path::PathBuf, sync::Arc, sync::atomic::Ordering, time::Duration};

use tram_spool::Spool;
use tram_wire::{Alarm, Batch, ClockState, Health, Storing, UptimeMicros};

use crate::{
    clock::{Moment, SharedBoots},
    condition::Condition,
    config::Config,
};
pub(crate) use machine::Machine;
use machine::disk;

/// Puts together how the node is.
pub(crate) struct Checkup {
    machine: Machine,
    data: PathBuf,
    signal_file: Option<PathBuf>,
    condition: Arc<Condition>,
    boots: SharedBoots,
    /// The spool had to be opened in memory.
    in_memory: bool,
    since: UptimeMicros,
    /// Connections to the broker so far.
    pub(crate) connections: u32,
    /// From a message that was sent at once to its acknowledgement.
    pub(crate) acknowledged_in: Option<Duration>,
}

impl Checkup {
    /// Of a program that begins `now`.
    pub(crate) fn new(
        config: &Config,
        condition: Arc<Condition>,
        boots: SharedBoots,
        in_memory: bool,
        now: UptimeMicros,
    ) -> Self {
        Self {
            machine: Machine::default(),
            data: config.data.clone(),
            signal_file: config.health.signal_file.clone(),
            condition,
            boots,
            in_memory,
            since: now,
            connections: 0,
            acknowledged_in: None,
        }
    }

    /// How the node is now.
    pub(crate) fn take(&self, spool: &mut Spool, now: Moment) -> Health {
        let stats = spool.stats();
        let (disk_free, disk_size) = disk(&self.data).unzip();
        let storing = match (self.condition.refuses(), self.in_memory) {
            (true, _) => Storing::Refused,
            (false, true) => Storing::InMemory,
            (false, false) => Storing::Kept,
        };
        let ack_ms = self.acknowledged_in.map(|d| u32::try_from(d.as_millis()).unwrap_or(u32::MAX));
        Health {
            uptime_s: Some(now.uptime.0 / 1_000_000),
            clock: Some(now.state),
            said_at: now.believed().then(|| now.unix.0.div_euclid(1_000_000)),
            temperature: self.machine.temperature(),
            throttled: self.machine.throttled(),
            disk_free,
            disk_size,
            waiting: Some(stats.held as u64),
            spool_bytes: Some(stats.bytes),
            oldest_s: self.oldest(spool, now),
            written_a_day: Some(stats.written_a_day(now.uptime.since(self.since))),
            storing: Some(storing),
            signal_dbm: self.machine.signal_dbm(self.signal_file.as_deref()),
            connections: Some(self.connections),
            ack_ms,
            failing: u16::try_from(self.condition.failing.load(Ordering::Relaxed)).ok(),
            missed: Some(self.condition.missed_total.load(Ordering::Relaxed)),
            clock_steps: Some(self.condition.clock_steps.load(Ordering::Relaxed)),
            errors: self.condition.errors(),
        }
    }

    /// Age of the oldest message that waits, in seconds; 0 when none does.
    fn oldest(&self, spool: &mut Spool, now: Moment) -> Option<u64> {
        let seq = spool.held_from();
        if seq == spool.next_seq() {
            return Some(0);
        }
        let payload = spool.read(seq).ok()??;
        let (clock, at) = age_of(&payload)?;
        let at = match clock {
            ClockState::Rtc | ClockState::Ntp => now.believed().then_some(at)?,
            own if own == now.state => at.saturating_add(now.raw_offset()),
            ClockState::Unsynchronised { boot } => at.saturating_add(self.boots.offset(boot)?),
        };
        let age = now.unix.0.saturating_sub(at).max(0) / 1_000_000;
        u64::try_from(age).ok()
    }
}

/// When the first reading of a message was taken, or its alarm, and on which clock.
fn age_of(payload: &[u8]) -> Option<(ClockState, i64)> {
    if let Ok(batch) = Batch::decode(payload) {
        let readings = batch.columns.iter().flat_map(|c| c.micros.iter().copied());
        let at = readings.chain(batch.losses.iter().map(|l| l.from)).min()?;
        return Some((batch.header.clock, at));
    }
    Alarm::decode(payload).ok().map(|alarm| (alarm.clock, alarm.at))
}

#[cfg(test)]
mod tests {
    use tram_spool::Options;
    use tram_wire::{ChannelNumber, Column, Point, Quality, Quantity, UnixMicros};

    use super::*;

    const S: i64 = 1_000_000;

    fn append(spool: &mut Spool, clock: ClockState, at: i64) {
        let mut column = Column::new(ChannelNumber(0), Quantity::Rain);
        column.push(Point { micros: at * S, value: Some(1), quality: Quality::GOOD });
        spool.append(clock, vec![column]).unwrap();
        spool.commit().unwrap();
    }

    #[test]
    fn the_oldest_message_has_an_age_on_every_clock_that_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(&dir.path().join("spool"), Options::default()).unwrap();
        let state = |boot| ClockState::Unsynchronised { boot };
        let at = |state, unix, uptime: u64| Moment {
            unix: UnixMicros(unix * S),
            uptime: UptimeMicros(uptime * 1_000_000),
            state,
        };
        let file = dir.path().join("boots");
        SharedBoots::open(&file, 6).note(at(state(6), 0, 0));
        SharedBoots::open(&file, 6).note(at(ClockState::Ntp, 1_900_000_000, 100));
        let boots = SharedBoots::open(&file, 7);
        let checkup = Checkup {
            machine: Machine::default(),
            data: dir.path().to_owned(),
            signal_file: None,
            condition: Arc::default(),
            boots,
            in_memory: true,
            since: UptimeMicros(0),
            connections: 3,
            acknowledged_in: Some(Duration::from_millis(42)),
        };
        let now = at(ClockState::Ntp, 1_900_001_000, 500);
        let unset = at(state(7), 1_700_000_500, 500);
        let health = checkup.take(&mut spool, now);
        assert_eq!((health.waiting, health.oldest_s), (Some(0), Some(0)));
        assert_eq!((health.storing, health.ack_ms), (Some(Storing::InMemory), Some(42)));
        assert_eq!((health.said_at, health.uptime_s), (Some(1_900_001_000), Some(500)));
        assert!(health.disk_free.is_some());

        append(&mut spool, state(6), 150);
        let oldest = |spool: &mut Spool, now| checkup.take(spool, now).oldest_s;
        // Of an earlier boot, whose offset is known: at 1 900 000 050.
        assert_eq!(oldest(&mut spool, now), Some(950));
        let release = |spool: &mut Spool| {
            let (replica, watermark) = (tram_wire::ReplicaId(1), spool.next_seq());
            let (ranges, committed) = (Vec::new(), Vec::new());
            let ack = tram_wire::Ack { spool: spool.id(), replica, watermark, ranges, committed };
            spool.acknowledge(&ack).unwrap();
        };
        release(&mut spool);
        append(&mut spool, state(7), 440);
        assert_eq!(oldest(&mut spool, unset), Some(60));
        release(&mut spool);
        append(&mut spool, ClockState::Rtc, 1_900_000_900);
        append(&mut spool, ClockState::Rtc, 1_900_000_800);
        assert_eq!(oldest(&mut spool, now), Some(100), "by its place, not by its time");
        assert_eq!(oldest(&mut spool, unset), None, "no clock to tell it by");
    }
}
