//! What a clock that is set means for what is under way.

use std::sync::atomic::Ordering;

use tracing::info;
use tram_node::Qc;
use tram_wire::ClockState;

use super::{Channel, Sampler, UnderWay, nudge, schedule};
use crate::clock::Moment;

impl Sampler {
    /// Follows a clock that is set: due times lie on another scale or in another place, and what is
    /// remembered by time lies elsewhere.
    pub(super) fn follow_the_clock(&mut self, now: Moment) {
        let by = self.steps.look(now);
        let was = std::mem::replace(&mut self.scheduled_on, now.state);
        if was != now.state {
            info!(from = ?was, to = ?now.state, "the clock's state has changed");
        }
        let rescaled = believed(was) != now.believed();
        if by.is_none() && !rescaled {
            return;
        }
        // A step that readings do not show: the clock was not believed before and is not now.
        let shown = by.filter(|_| rescaled || now.believed());
        if let Some(by) = by {
            self.condition.clock_steps.fetch_add(1, Ordering::Relaxed);
            let seconds = by.checked_div(1_000_000).unwrap_or(0);
            info!(seconds, micros = by, "the clock was set");
            // The rules take times as the system has them, believed or not.
            self.watch.clock_set(by);
        }
        if shown.is_none() && !rescaled {
            return;
        }
        if let Ok(fresh) = schedule(&self.posts) {
            self.schedule = fresh;
        }
        if let Some(draft) = self.batcher.flush() {
            self.handover.draft(draft);
        }
        self.nudge = nudge();
        for channel in &mut self.channels {
            channel.qc = Qc::new(channel.limits);
        }
        let moved = by.unwrap_or(0);
        for under_way in self.posts.iter_mut().filter_map(|p| p.under_way.as_mut()) {
            // One that carries time since boot is dated by the offset, like its batch.
            if believed(under_way.clock) && now.believed() {
                under_way.at = under_way.at.saturating_add(moved);
            }
        }
    }
}

impl Channel {
    /// The time of a reading, moved a little when it is not later than another of this channel: the
    /// clock was set back, and a time that is there already would be taken for a copy.
    pub(super) fn unused(&mut self, at: UnderWay, nudge: i64) -> i64 {
        if !believed(at.clock) {
            return at.at;
        }
        let latest = self.latest.unwrap_or(i64::MIN);
        let time = if at.at <= latest { at.at.saturating_add(nudge) } else { at.at };
        self.latest = Some(latest.max(time));
        time
    }
}

fn believed(clock: ClockState) -> bool {
    !matches!(clock, ClockState::Unsynchronised { .. })
}
