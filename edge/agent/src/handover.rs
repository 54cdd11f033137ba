//! From the sampler to the keeper: a bounded channel, and what becomes of what finds no room.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::mpsc::{SyncSender, TrySendError},
};

use tracing::warn;
use tram_node::Draft;
use tram_spool::Lost;
use tram_wire::{ChannelNumber, ClockState, LossCause};

use crate::{
    keeper::{AlarmDraft, Work},
    lost::losses_of,
};

/// The most alarms that wait for room; more push the oldest out.
const MAX_WAITING_ALARMS: usize = 64;
/// The most losses that wait for room; more push the oldest out.
const MAX_WAITING_LOSSES: usize = 512;

/// The sampler's end of the channel.
pub(crate) struct Handover {
    keeper: SyncSender<Work>,
    /// Wait for room instead of losing anything.
    patient: bool,
    /// Readings that found no room and have not been told: a loss for each channel and clock.
    refused: BTreeMap<(ChannelNumber, bool), Lost>,
    /// Readings that were due and not taken, likewise.
    missed: VecDeque<Lost>,
    alarms: VecDeque<AlarmDraft>,
}

impl Handover {
    pub(crate) fn new(keeper: SyncSender<Work>, patient: bool) -> Self {
        Self {
            keeper,
            patient,
            refused: BTreeMap::new(),
            missed: VecDeque::new(),
            alarms: VecDeque::new(),
        }
    }

    /// Hands over readings, or counts them as lost.
    pub(crate) fn draft(&mut self, draft: Draft) {
        if self.patient {
            // Without a keeper the program is ending and says why.
            let _ = self.keeper.send(Work::Draft(draft));
            return;
        }
        self.losses();
        if let Err(TrySendError::Full(Work::Draft(draft))) =
            self.keeper.try_send(Work::Draft(draft))
        {
            let readings = draft.readings();
            warn!(readings, "the disk does not keep up; readings are lost");
            for lost in losses_of(&draft, LossCause::NotWritten) {
                let unset = matches!(lost.clock, ClockState::Unsynchronised { .. });
                let Some(channel) = lost.channel else { continue };
                self.refused
                    .entry((channel, unset))
                    .and_modify(|l| {
                        l.from = l.from.min(lost.from);
                        l.to = l.to.max(lost.to);
                        l.readings = l.readings.saturating_add(lost.readings);
                    })
                    .or_insert(lost);
            }
        }
    }

    /// Hands over readings that were due and were not taken.
    pub(crate) fn missed(&mut self, lost: Lost) {
        if self.missed.len() >= MAX_WAITING_LOSSES {
            warn!("the disk holds up more than {MAX_WAITING_LOSSES} losses; one is dropped");
            self.missed.pop_front();
        }
        self.missed.push_back(lost);
        self.losses();
    }

    /// Tries again with the losses that wait.
    fn losses(&mut self) {
        while let Some(lost) = self.missed.front() {
            if self.keeper.try_send(Work::Lost(*lost)).is_err() {
                return;
            }
            self.missed.pop_front();
        }
        while let Some(entry) = self.refused.first_entry() {
            if self.keeper.try_send(Work::Lost(*entry.get())).is_err() {
                return;
            }
            entry.remove();
        }
    }

    /// Asks for what was handed over to be made durable now.
    pub(crate) fn commit(&self) {
        // A keeper with so much to do commits soon.
        let _ = self.keeper.try_send(Work::Commit);
    }

    /// Hands over an alarm, now or as soon as there is room.
    pub(crate) fn alarm(&mut self, alarm: AlarmDraft) {
        if self.alarms.len() >= MAX_WAITING_ALARMS {
            warn!("the disk holds up more than {MAX_WAITING_ALARMS} alarms; one is dropped");
            self.alarms.pop_front();
        }
        self.alarms.push_back(alarm);
        self.alarms();
    }

    /// Tries again with the alarms that wait.
    pub(crate) fn alarms(&mut self) {
        while let Some(alarm) = self.alarms.front() {
            if self.keeper.try_send(Work::Alarm(*alarm)).is_err() {
                return;
            }
            self.alarms.pop_front();
        }
    }

    /// Hands over the rules' states; whether there was room.
    pub(crate) fn states(&self, states: Vec<u8>) -> bool {
        self.keeper.try_send(Work::RuleStates(states)).is_ok()
    }

    /// Hands over all that is left, waiting for room.
    pub(crate) fn finish(self, states: Vec<u8>) {
        let alarms = self.alarms.into_iter().map(Work::Alarm);
        let lost = self.missed.into_iter().chain(self.refused.into_values()).map(Work::Lost);
        for work in alarms.chain(lost).chain([Work::RuleStates(states)]) {
            let _ = self.keeper.send(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use tram_node::{BatchLimits, Batcher};
    use tram_wire::{ChannelNumber, ClockState, Point, Quality, Quantity, UptimeMicros};

    use super::*;

    fn draft(at: i64) -> Draft {
        let mut batcher = Batcher::new(BatchLimits::default());
        let point = Point { micros: at, value: Some(1), quality: Quality::GOOD };
        let (number, quantity) = (ChannelNumber(0), Quantity::Rain);
        batcher.push(ClockState::Ntp, number, quantity, point, UptimeMicros(0));
        batcher.flush().unwrap()
    }

    #[test]
    fn a_keeper_that_is_held_up_never_holds_up_the_sampler_and_the_loss_is_told() {
        let (keeper, work) = sync_channel(2);
        let mut handover = Handover::new(keeper, false);
        (0..5).for_each(|at| handover.draft(draft(at)));
        let taken: Vec<_> = work.try_iter().collect();
        assert!(matches!(taken[..], [Work::Draft(_), Work::Draft(_)]), "{taken:?}");
        handover.draft(draft(5));
        let taken: Vec<_> = work.try_iter().collect();
        let [Work::Lost(lost), Work::Draft(_)] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!((lost.from, lost.to, lost.readings), (2, 4, 3));
        assert_eq!(lost.channel, Some(ChannelNumber(0)));
    }
}
