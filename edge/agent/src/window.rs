//! What to send next: a bounded window over the spool. No network and no clock here.

use std::{collections::BTreeMap, time::Duration};

use tram_spool::{Disk, Priority, Spool};
use tram_wire::{Ack, Seq};

/// Alarms may go beyond the window by this many: they must not wait behind a full one.
pub(crate) const MAX_ALARMS_BEYOND: usize = 64;

/// What has been sent on this connection and is not acknowledged.
#[derive(Debug)]
pub(crate) struct Window {
    /// The most batches under way.
    limit: usize,
    /// After this long without an acknowledgement a record is sent again.
    resend: Duration,
    /// When each was last sent, since whatever the caller counts from.
    under_way: BTreeMap<Seq, (Priority, Duration)>,
    alarms_to: Option<Seq>,
    routine_to: Option<Seq>,
}

impl Window {
    /// A window of a new connection: everything the spool holds is still to be sent.
    pub(crate) fn new(limit: usize, resend: Duration) -> Self {
        let under_way = BTreeMap::new();
        Self { limit, resend, under_way, alarms_to: None, routine_to: None }
    }

    /// The next record to send, marked as sent at `now`: alarms before everything, then what has
    /// waited too long for its acknowledgement, then batches in the order of their numbers.
    pub(crate) fn next<D: Disk>(
        &mut self,
        spool: &Spool<D>,
        now: Duration,
    ) -> Option<(Priority, Seq)> {
        let next = self.alarm(spool).or_else(|| self.overdue(now)).or_else(|| self.batch(spool))?;
        self.under_way.insert(next.1, (next.0, now));
        Some(next)
    }

    fn alarm<D: Disk>(&mut self, spool: &Spool<D>) -> Option<(Priority, Seq)> {
        if self.under_way.len() >= self.limit.saturating_add(MAX_ALARMS_BEYOND) {
            return None;
        }
        let seq = spool.next(Priority::Alarm, self.alarms_to)?;
        self.alarms_to = Some(seq);
        Some((Priority::Alarm, seq))
    }

    fn overdue(&self, now: Duration) -> Option<(Priority, Seq)> {
        let late = |sent: Duration| now.saturating_sub(sent) >= self.resend;
        let mut overdue = self.under_way.iter().filter(|(_, (_, sent))| late(*sent));
        overdue.next().map(|(seq, (priority, _))| (*priority, *seq))
    }

    fn batch<D: Disk>(&mut self, spool: &Spool<D>) -> Option<(Priority, Seq)> {
        if self.under_way.len() >= self.limit {
            return None;
        }
        let seq = spool.next(Priority::Routine, self.routine_to)?;
        self.routine_to = Some(seq);
        Some((Priority::Routine, seq))
    }

    /// Takes an acknowledgement; `tell` hears of each record that was under way.
    pub(crate) fn acknowledge(&mut self, ack: &Ack, mut tell: impl FnMut(Seq)) {
        self.under_way.retain(|seq, _| {
            let covered = ack.covers(*seq);
            if covered {
                tell(*seq);
            }
            !covered
        });
    }

    /// Forgets a record that the spool no longer holds.
    pub(crate) fn forget(&mut self, seq: Seq) {
        self.under_way.remove(&seq);
    }

    /// When the next record has waited too long, if one is under way.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.under_way.values().map(|(_, sent)| sent.saturating_add(self.resend)).min()
    }
}

#[cfg(test)]
mod tests {
    use tram_spool::{Options, Span};
    use tram_wire::{ClockState, ReplicaId};

    use super::*;

    const RESEND: Duration = Duration::from_secs(30);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn spool_with(dir: &std::path::Path, batches: usize) -> Spool {
        let (mut spool, _) = Spool::open(dir, Options::default()).unwrap();
        for _ in 0..batches {
            append(&mut spool, Priority::Routine);
        }
        spool
    }

    fn append(spool: &mut Spool, priority: Priority) -> Seq {
        let span = Span { clock: ClockState::Ntp, from: 0, to: 0, readings: 1 };
        let seq = spool.append(priority, span, 0, b"payload").unwrap();
        spool.commit().unwrap();
        seq
    }

    fn drain(window: &mut Window, spool: &Spool, now: Duration) -> Vec<u64> {
        std::iter::from_fn(|| window.next(spool, now)).map(|(_, seq)| seq.0).collect()
    }

    fn ack(spool: &Spool, watermark: u64, ranges: &[(u64, u64)]) -> Ack {
        let ranges = ranges.iter().map(|(a, b)| (Seq(*a), Seq(*b))).collect();
        let (replica, committed) = (ReplicaId(1), Vec::new());
        Ack { spool: spool.id(), replica, watermark: Seq(watermark), ranges, committed }
    }

    #[test]
    fn batches_go_in_order_up_to_the_limit_and_an_alarm_overtakes_a_full_window() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = spool_with(dir.path(), 6);
        let mut window = Window::new(3, RESEND);
        assert_eq!(drain(&mut window, &spool, s(0)), [0, 1, 2]);
        let alarm = append(&mut spool, Priority::Alarm);
        assert_eq!(drain(&mut window, &spool, s(1)), [alarm.0]);
        window.acknowledge(&ack(&spool, 2, &[(6, 6)]), |_| {});
        assert_eq!(drain(&mut window, &spool, s(2)), [3, 4]);
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool_with(dir.path(), 3);
        let mut window = Window::new(8, RESEND);
        assert_eq!(drain(&mut window, &spool, s(0)), [0, 1, 2]);
        assert_eq!(window.deadline(), Some(s(30)));
        assert_eq!(drain(&mut window, &spool, s(29)), [0; 0]);
        window.acknowledge(&ack(&spool, 0, &[(1, 1)]), |_| {});
        assert_eq!(drain(&mut window, &spool, s(30)), [0, 2]);
        assert_eq!(drain(&mut window, &spool, s(31)), [0; 0]);
        assert_eq!(drain(&mut window, &spool, s(60)), [0, 2]);
        window.forget(Seq(0));
        assert_eq!(drain(&mut window, &spool, s(90)), [2]);
    }

    #[test]
    fn a_new_connection_begins_with_the_oldest_that_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = spool_with(dir.path(), 4);
        let mut window = Window::new(8, RESEND);
        drain(&mut window, &spool, s(0));
        spool.acknowledge(&ack(&spool, 2, &[])).unwrap();
        let mut window = Window::new(8, RESEND);
        assert_eq!(drain(&mut window, &spool, s(1)), [2, 3]);
    }
}
