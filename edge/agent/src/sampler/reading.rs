//! One reading of a part, from when it is due until it has a value or has failed.

use std::sync::atomic::Ordering;

use tram_node::Measured;
use tram_wire::{MilliCelsius, SensorErrorKind, Tests};

use super::{AIR_VALID_US, LONGEST_READING_US, MARGIN_US, Post, Sampler, UnderWay};
use crate::{
    clock::Moment,
    sensor::{Ask, Failure, Reading, Values},
};

impl Sampler {
    pub(super) fn begin(&mut self, index: usize, at: i64, now: Moment) {
        // A reading that is not finished by now never will be.
        self.finish(index, now, true);
        let Some(post) = self.posts.get_mut(index) else { return };
        let interval = u64::try_from(post.interval()).unwrap_or(u64::MAX);
        let patience = interval.saturating_sub(MARGIN_US).min(LONGEST_READING_US);
        let until = now.uptime.plus(patience);
        let skipped = !post.care.begin(now.uptime);
        post.under_way = Some(UnderWay { at, clock: now.state, until, skipped });
        if !skipped {
            post.mounted.source.begin();
        }
    }

    pub(super) fn proceed(&mut self, index: usize, now: Moment) {
        let late = |u: &UnderWay| now.uptime >= u.until;
        let last_chance =
            self.posts.get(index).is_some_and(|p| p.under_way.as_ref().is_some_and(late));
        self.finish(index, now, last_chance);
    }

    /// Tries to finish the reading of a part.
    pub(super) fn finish(&mut self, index: usize, now: Moment, last_chance: bool) {
        let air = self.air_for(index, now);
        let Some(post) = self.posts.get_mut(index) else { return };
        let Some(under_way) = post.under_way else { return };
        if !post.care.may_ask(now.uptime) && !last_chance {
            return;
        }
        let ask = Ask { uptime: now.uptime, last_chance, air };
        let Some(outcome) = post.ask(ask, under_way.skipped) else { return };
        if let Err(Some(failure)) = &outcome {
            self.condition.failed(failure.kind);
            // What a line counted is taken by now, and asking again would give a false nothing.
            let counted = failure.kind == SensorErrorKind::Line;
            if post.care.tries_again(now.uptime) && !last_chance && !counted {
                return;
            }
        }
        post.under_way = None;
        let why = outcome.as_ref().err().and_then(Option::as_ref).map(|f| f.why.as_str());
        if !under_way.skipped {
            post.says(why, now);
        }
        if post.care.ended(outcome.is_ok()) {
            post.mounted.source.reset();
        }
        let values = outcome.unwrap_or_default();
        let (channels, interval) = (post.channels.clone(), post.interval());
        for (key, channel) in channels {
            let value = values.iter().find(|(k, _)| *k == key).map(|(_, m)| *m);
            let value = value.unwrap_or_else(|| Measured::missing(Tests::SENSOR_ERROR));
            self.resume(channel, under_way, interval, now);
            self.take(channel, under_way, value, now);
        }
        let failing = self.posts.iter().filter(|p| p.care.failing()).count();
        self.condition.failing.store(u32::try_from(failing).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    fn air_for(&self, index: usize, now: Moment) -> Option<MilliCelsius> {
        let from = self.posts.get(index)?.mounted.air_from?;
        let (value, at) = self.latest.get(&from)?;
        let fresh = now.uptime.since(*at) <= AIR_VALID_US;
        fresh.then(|| i32::try_from(*value).ok().map(MilliCelsius)).flatten()
    }
}

impl Post {
    /// Asks the part. `None` when it needs more time; an error without a failure when it is not
    /// asked, because it has failed for long.
    fn ask(&mut self, ask: Ask, skipped: bool) -> Option<Result<Values, Option<Failure>>> {
        if skipped {
            return Some(Err(None));
        }
        let reading = self.mounted.source.read(ask);
        let late = || Failure::new(SensorErrorKind::NotReady, "the part did not finish in time");
        let outcome = match reading {
            Reading::Later if !ask.last_chance => return None,
            Reading::Later => Err(late()),
            Reading::Values(values) => Ok(values),
            Reading::Failed(failure) => Err(failure),
        };
        // What a line counted that could not be read is not all there was.
        let outcome = self.broken.take().map_or(outcome, Err);
        Some(outcome.map_err(Some))
    }
}
