//! Readings that were due and were not taken.

use tram_spool::Lost;
use tram_wire::LossCause;

use super::{Sampler, UnderWay};
use crate::{clock::Moment, lost::Resume};

impl Sampler {
    /// Readings that were due before `at` while the thread was held up.
    pub(super) fn miss(&mut self, index: usize, at: i64, missed: u64, now: Moment) {
        // The reading that is under way was due before these: if it is the first of all, it settles
        // what was missed before itself, and these are told by themselves.
        self.finish(index, now, true);
        let Some(post) = self.posts.get(index) else { return };
        let interval = post.interval();
        let from = i64::try_from(missed).unwrap_or(i64::MAX).saturating_mul(interval);
        let channels: Vec<usize> = post.channels.iter().map(|(_, c)| *c).collect();
        for channel in channels.into_iter().filter_map(|c| self.channels.get(c)) {
            // What was missed before the first reading of all is counted with that one.
            if self.resume.get(&channel.number).is_none_or(Resume::begun) {
                self.handover.missed(Lost {
                    channel: Some(channel.number),
                    clock: now.state,
                    from: at.saturating_sub(from),
                    to: at.saturating_sub(interval),
                    readings: missed,
                    cause: LossCause::Interrupted,
                });
            }
        }
    }

    /// At the first reading of a channel: what was due since the last one before this start.
    pub(super) fn resume(&mut self, channel: usize, first: UnderWay, interval: i64, now: Moment) {
        let Some(number) = self.channels.get(channel).map(|c| c.number) else { return };
        let Some(resume) = self.resume.remove(&number) else { return };
        let reading = (first.clock, first.at);
        match resume.compare(number, reading, interval, now.raw_offset()) {
            Ok(lost) => lost.into_iter().for_each(|l| self.handover.missed(l)),
            Err(later) => {
                self.resume.insert(number, later);
            }
        }
    }
}
