//! What to send next: a bounded window over the spool. No network and no clock here.
//!
//! Alarms go before everything. Then comes what is measured now, so that a screen is never older
//! than it must be; then what is lost; then the backlog, the oldest first, as fast as it may.

use std::{collections::BTreeMap, time::Duration};

use tram_spool::{Disk, Lane, Spool};
use tram_wire::{Ack, Seq};

use crate::pace::Urgency;

/// Alarms may go beyond the window by this many: they must not wait behind a full one.
pub(crate) const MAX_ALARMS_BEYOND: usize = 64;
/// The backlog may fill this part of the window, so that it never keeps what is measured now.
const BACKLOG_SHARE: usize = 2;

/// A record to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) seq: Seq,
    pub(crate) lane: Lane,
    pub(crate) urgency: Urgency,
}

/// What has been sent on this connection and is not acknowledged.
#[derive(Debug)]
pub(crate) struct Window {
    /// The most batches under way.
    limit: usize,
    /// After this long without an acknowledgement a record is sent again.
    resend: Duration,
    /// When each was last sent, since whatever the caller counts from.
    under_way: BTreeMap<Seq, (Due, Duration)>,
    /// Batches from here on are what is measured now.
    live_from: Seq,
    alarms_to: Option<Seq>,
    live_to: Option<Seq>,
    backlog_to: Option<Seq>,
    summaries_to: Option<Seq>,
}

impl Window {
    /// A window of a new connection: everything the spool holds is still to be sent. The newest
    /// batch counts as what is measured now.
    pub(crate) fn new<D: Disk>(limit: usize, resend: Duration, spool: &Spool<D>) -> Self {
        let live_from = spool.newest(Lane::Routine).unwrap_or_else(|| spool.next_seq());
        Self {
            limit,
            resend,
            under_way: BTreeMap::new(),
            live_from,
            alarms_to: None,
            live_to: live_from.0.checked_sub(1).map(Seq),
            backlog_to: None,
            summaries_to: None,
        }
    }

    /// The next record to send, marked as sent at `now`: of what `may` go, alarms before
    /// everything, then what has waited too long for its acknowledgement, then what is measured
    /// now, what is lost, and the backlog.
    pub(crate) fn next<D: Disk>(
        &mut self,
        spool: &Spool<D>,
        now: Duration,
        may: impl Fn(Urgency) -> bool,
    ) -> Option<Due> {
        let next = self
            .alarm(spool)
            .or_else(|| self.overdue(now, &may))
            .or_else(|| self.live(spool).filter(|_| may(Urgency::Live)))
            .or_else(|| self.notice(spool).filter(|_| may(Urgency::Live)))
            .or_else(|| self.backlog(spool).filter(|_| may(Urgency::Backlog)))?;
        match (next.lane, next.urgency) {
            (Lane::Alarm, _) => self.alarms_to = self.alarms_to.max(Some(next.seq)),
            (Lane::Routine, Urgency::Backlog) => {
                self.backlog_to = self.backlog_to.max(Some(next.seq));
            }
            (Lane::Routine, _) => self.live_to = self.live_to.max(Some(next.seq)),
            (Lane::Summary, _) => self.summaries_to = self.summaries_to.max(Some(next.seq)),
            (Lane::Notice, _) => {}
        }
        self.under_way.insert(next.seq, (next, now));
        Some(next)
    }

    fn alarm<D: Disk>(&self, spool: &Spool<D>) -> Option<Due> {
        if self.under_way.len() >= self.limit.saturating_add(MAX_ALARMS_BEYOND) {
            return None;
        }
        let seq = spool.next(Lane::Alarm, self.alarms_to)?;
        Some(Due { seq, lane: Lane::Alarm, urgency: Urgency::Always })
    }

    fn overdue(&self, now: Duration, may: impl Fn(Urgency) -> bool) -> Option<Due> {
        let late = |sent: Duration| now.saturating_sub(sent) >= self.resend;
        let mut all = self.under_way.values();
        all.find(|(due, sent)| late(*sent) && may(due.urgency)).map(|(due, _)| *due)
    }

    fn live<D: Disk>(&self, spool: &Spool<D>) -> Option<Due> {
        if self.under_way.len() >= self.limit {
            return None;
        }
        let seq = spool.next(Lane::Routine, self.live_to)?;
        Some(Due { seq, lane: Lane::Routine, urgency: Urgency::Live })
    }

    fn notice<D: Disk>(&self, spool: &Spool<D>) -> Option<Due> {
        if self.under_way.len() >= self.limit {
            return None;
        }
        // A notice may have any number, so each time the first one is looked for that is not under
        // way.
        let mut seq = spool.next(Lane::Notice, None)?;
        while self.under_way.contains_key(&seq) {
            seq = spool.next(Lane::Notice, Some(seq))?;
        }
        Some(Due { seq, lane: Lane::Notice, urgency: Urgency::Live })
    }

    fn backlog<D: Disk>(&self, spool: &Spool<D>) -> Option<Due> {
        let backlog = self.under_way.values().filter(|(due, _)| due.urgency == Urgency::Backlog);
        let share = (self.limit / BACKLOG_SHARE).max(1);
        if self.under_way.len() >= self.limit || backlog.count() >= share {
            return None;
        }
        let urgency = Urgency::Backlog;
        // Summaries are of older readings than those that were not thinned yet.
        if let Some(seq) = spool.next(Lane::Summary, self.summaries_to) {
            return Some(Due { seq, lane: Lane::Summary, urgency });
        }
        let seq = spool.next(Lane::Routine, self.backlog_to).filter(|s| *s < self.live_from)?;
        Some(Due { seq, lane: Lane::Routine, urgency })
    }

    /// Takes an acknowledgement; `tell` hears of each record that was under way, and when it was
    /// last sent.
    pub(crate) fn acknowledge(&mut self, ack: &Ack, mut tell: impl FnMut(Due, Duration)) {
        self.under_way.retain(|seq, (due, sent)| {
            let covered = ack.covers(*seq);
            if covered {
                tell(*due, *sent);
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
    use tram_spool::{Lost, Options};
    use tram_wire::{
        Alarm, AlarmKind, ChannelNumber, ClockState, Column, EpisodeId, LossCause, Point, Quality,
        Quantity, ReplicaId, Text,
    };

    use super::*;

    const RESEND: Duration = Duration::from_secs(30);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn spool_with(dir: &std::path::Path, batches: usize) -> Spool {
        let (mut spool, _) = Spool::open(dir, Options::default()).unwrap();
        for _ in 0..batches {
            append(&mut spool);
        }
        spool
    }

    fn append(spool: &mut Spool) -> Seq {
        let mut column = Column::new(ChannelNumber(0), Quantity::Rain);
        let micros = i64::try_from(spool.next_seq().0).unwrap();
        column.push(Point { micros, value: Some(1), quality: Quality::GOOD });
        let seq = spool.append(ClockState::Ntp, vec![column]).unwrap();
        spool.commit().unwrap();
        seq
    }

    fn append_alarm(spool: &mut Spool) -> Seq {
        let alarm = |spool, seq| Alarm {
            spool,
            seq,
            clock: ClockState::Ntp,
            rule: Text::new("flood").unwrap(),
            version: 1,
            episode: EpisodeId([0; 16]),
            kind: AlarmKind::Raised,
            level: 1,
            channel: ChannelNumber(0),
            at: 0,
            value: 0,
            siren: false,
        };
        spool.append_alarm(alarm).unwrap()
    }

    fn drain(window: &mut Window, spool: &Spool, now: Duration) -> Vec<u64> {
        drain_if(window, spool, now, |_| true)
    }

    fn drain_if(
        window: &mut Window,
        spool: &Spool,
        now: Duration,
        may: impl Fn(Urgency) -> bool,
    ) -> Vec<u64> {
        std::iter::from_fn(|| window.next(spool, now, &may)).map(|due| due.seq.0).collect()
    }

    fn ack(spool: &Spool, watermark: u64, ranges: &[(u64, u64)]) -> Ack {
        let ranges = ranges.iter().map(|(a, b)| (Seq(*a), Seq(*b))).collect();
        let (replica, committed) = (ReplicaId(1), Vec::new());
        Ack { spool: spool.id(), replica, watermark: Seq(watermark), ranges, committed }
    }

    #[test]
    fn alarms_then_what_is_measured_now_then_losses_then_the_backlog_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = spool_with(dir.path(), 4);
        let mut window = Window::new(16, RESEND, &spool);
        let live = append(&mut spool);
        let (cause, channel) = (LossCause::NotWritten, None);
        let lost = Lost { channel, clock: ClockState::Ntp, from: 0, to: 0, readings: 1, cause };
        spool.lose(lost);
        let notice = spool.tell(ClockState::Ntp, |_| (0, 0)).unwrap().unwrap();
        let alarm = append_alarm(&mut spool);
        let sent: Vec<Due> = std::iter::from_fn(|| window.next(&spool, s(0), |_| true)).collect();
        let order: Vec<u64> = sent.iter().map(|due| due.seq.0).collect();
        assert_eq!(order, [alarm.0, 3, live.0, notice.0, 0, 1, 2]);
        let backlog = sent.iter().map(|due| due.urgency == Urgency::Backlog);
        assert_eq!(backlog.collect::<Vec<_>>(), [false, false, false, false, true, true, true]);
        assert_eq!(append(&mut spool).0, 7);
        assert_eq!(drain(&mut window, &spool, s(1)), [7]);
    }

    #[test]
    fn the_backlog_never_fills_the_window_and_an_alarm_overtakes_a_full_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = spool_with(dir.path(), 20);
        let mut window = Window::new(4, RESEND, &spool);
        assert_eq!(drain(&mut window, &spool, s(0)), [19, 0, 1]);
        let live = append(&mut spool);
        assert_eq!(drain(&mut window, &spool, s(1)), [live.0]);
        append(&mut spool);
        assert_eq!(drain(&mut window, &spool, s(1)), [0; 0], "full");
        let alarm = append_alarm(&mut spool);
        assert_eq!(drain(&mut window, &spool, s(1)), [alarm.0]);
        window.acknowledge(&ack(&spool, 1, &[(20, 20)]), |_, _| {});
        assert_eq!(drain(&mut window, &spool, s(2)), [21]);
        window.acknowledge(&ack(&spool, 1, &[(19, 22)]), |_, _| {});
        assert_eq!(drain(&mut window, &spool, s(2)), [2]);
    }

    #[test]
    fn what_may_not_go_waits_and_nothing_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = spool_with(dir.path(), 3);
        let mut window = Window::new(16, RESEND, &spool);
        let alarm = append_alarm(&mut spool);
        assert_eq!(drain_if(&mut window, &spool, s(0), |u| u == Urgency::Always), [alarm.0]);
        assert_eq!(drain_if(&mut window, &spool, s(0), |u| u != Urgency::Backlog), [2]);
        assert_eq!(drain(&mut window, &spool, s(0)), [0, 1]);
        assert_eq!(drain_if(&mut window, &spool, s(40), |u| u != Urgency::Backlog), [2, alarm.0]);
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool_with(dir.path(), 3);
        let mut window = Window::new(8, RESEND, &spool);
        assert_eq!(drain(&mut window, &spool, s(0)), [2, 0, 1]);
        assert_eq!(window.deadline(), Some(s(30)));
        assert_eq!(drain(&mut window, &spool, s(29)), [0; 0]);
        window.acknowledge(&ack(&spool, 0, &[(1, 1)]), |_, _| {});
        assert_eq!(drain(&mut window, &spool, s(30)), [0, 2]);
        assert_eq!(drain(&mut window, &spool, s(31)), [0; 0]);
        assert_eq!(drain(&mut window, &spool, s(60)), [0, 2]);
        window.forget(Seq(0));
        assert_eq!(drain(&mut window, &spool, s(90)), [2]);
    }

    #[test]
    fn a_new_connection_begins_with_the_newest_and_then_the_oldest_that_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = spool_with(dir.path(), 5);
        let mut window = Window::new(8, RESEND, &spool);
        drain(&mut window, &spool, s(0));
        spool.acknowledge(&ack(&spool, 2, &[])).unwrap();
        let mut window = Window::new(8, RESEND, &spool);
        assert_eq!(drain(&mut window, &spool, s(1)), [4, 2, 3]);
        // Nothing held: what comes next is what is measured now.
        spool.acknowledge(&ack(&spool, 5, &[])).unwrap();
        let mut window = Window::new(8, RESEND, &spool);
        let seq = append(&mut spool);
        let due = window.next(&spool, s(1), |u| u != Urgency::Backlog).unwrap();
        assert_eq!((due.seq, due.urgency), (seq, Urgency::Live));
    }
}
