//! The decisions of a sink. Time is an argument: how long the program has been running.
//!
//! A batch is whole entries of the log. It is closed when it is large or old enough, cut into
//! pieces no larger than a request may be, and every piece is sent until the engine has taken it
//! or each of its readings was refused alone. Then the sink stands behind the batch's last entry.
//!
//! The cursor that is kept across restarts stays behind that: an engine may lose what it took
//! last. `VictoriaMetrics` answers 204 before the readings are on disk. So when an engine that did
//! not answer comes back, the sink goes back to its cursor and writes from there again; points are
//! known by series and time, so that changes nothing where they were not lost.
//!
//! An engine may also crash and be back before the next request. So a sink that watches looks every
//! now and then when its engine was started; the cursor then moves only over what was written a
//! replay window before a look that found the same engine, and another one is given everything
//! behind the cursor again.

use std::{collections::VecDeque, time::Duration};

use super::{Answer, Lines, Refusal, Refused, Sight, SinkCounters, refused::Kept};
use crate::{LogEntry, LogId};

/// The longest pause of a sink's own between two attempts.
pub const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// The most entries of the log to hand to a sink at once; a batch is at most so many larger than
/// its limits.
pub const MAX_READ_ENTRIES: usize = 64;

/// The first pause between two attempts; each is twice the one before.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// A request is not made smaller than this because the engine found one too large.
const MIN_REQUEST_BYTES: usize = 16 * 1024;
/// The most batches that are remembered as taken and not yet behind the replay window; beyond, the
/// last ones count as one.
const MAX_RECENT: usize = 4_096;
/// How many looks at the engine there are in a replay window, and how far apart they are at least.
const LOOKS: u32 = 3;
const MIN_LOOK: Duration = Duration::from_secs(1);

/// How a sink cuts its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most readings of a request.
    pub readings: usize,
    /// The most bytes of a request before compression, unless one line alone is longer.
    pub bytes: usize,
    /// How long the first reading of a batch waits for others.
    pub age: Duration,
    /// How long an engine may need until what it took is on its disk.
    pub replay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            readings: 10_000,
            bytes: 1 << 20,
            age: Duration::from_secs(1),
            replay: Duration::from_secs(30),
        }
    }
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Read at most [`MAX_READ_ENTRIES`] entries of the log behind this one and hand them to
    /// [`Sink::take`]. When there are none, sleep for at most [`Sink::patience`].
    Read {
        /// The last entry read.
        after: LogId,
    },
    /// Send these lines and hand what came of it to [`Sink::answered`].
    Send(&'a [u8]),
    /// Look when the engine was started and hand it to [`Sink::seen`].
    Look,
    /// Nothing for so long.
    Rest(Duration),
}

/// One sink.
#[derive(Debug)]
pub struct Sink {
    limits: Limits,
    /// The batch.
    lines: Lines,
    /// What of the batch is still to be sent, from line to line, the next one last. Empty while
    /// the batch grows.
    pieces: Vec<(usize, usize)>,
    /// When the batch got its first reading.
    since: Option<Duration>,
    /// The last entry in the batch.
    read: LogId,
    /// Everything up to here was taken or refused once.
    written: LogId,
    /// Everything up to here is out of reach of a crash of the engine.
    cursor: LogId,
    /// Batches taken within the replay window: when, and their last entries.
    recent: VecDeque<(Duration, LogId)>,
    /// Failures in a row.
    failures: u32,
    not_before: Duration,
    /// Whether the engine did not answer last time.
    away: bool,
    /// Whether any of the batch was taken.
    begun: bool,
    /// When to look at the engine next; `None` when nobody watches.
    look_at: Option<Duration>,
    /// When it was started, as it said last.
    started: Option<String>,
    /// The largest request, after the engine has found some too large.
    request_bytes: usize,
    counters: SinkCounters,
    refused: Kept,
}

impl Sink {
    /// A sink that goes on behind `cursor`.
    #[must_use]
    pub fn new(cursor: LogId, limits: Limits) -> Self {
        Self {
            limits,
            lines: Lines::default(),
            pieces: Vec::new(),
            since: None,
            read: cursor,
            written: cursor,
            cursor,
            recent: VecDeque::new(),
            failures: 0,
            not_before: Duration::ZERO,
            away: false,
            begun: false,
            look_at: None,
            started: None,
            request_bytes: limits.bytes,
            counters: SinkCounters::default(),
            refused: Kept::default(),
        }
    }

    /// The same, and it watches its engine.
    #[must_use]
    pub fn watching(self) -> Self {
        Self { look_at: Some(Duration::ZERO), ..self }
    }

    /// What is to be done now.
    pub fn poll(&mut self, now: Duration) -> Step<'_> {
        if self.pieces.is_empty() && self.ripe(now) {
            self.close();
        }
        if now >= self.not_before && self.look_due().is_some_and(|at| at <= now) {
            return Step::Look;
        }
        match self.pieces.last() {
            None => Step::Read { after: self.read },
            Some(_) if now < self.not_before => Step::Rest(self.not_before.saturating_sub(now)),
            Some((from, to)) => Step::Send(self.lines.slice(*from, *to)),
        }
    }

    /// How long there is nothing to do while the log does not grow, if there is a bound to it.
    #[must_use]
    pub fn patience(&self, now: Duration) -> Option<Duration> {
        let ripe = self.since.map(|since| since + self.limits.age);
        let look = self.look_due().map(|at| at.max(self.not_before));
        ripe.into_iter().chain(look).min().map(|at| at.saturating_sub(now))
    }

    /// Takes what a look at the engine showed.
    pub fn seen(&mut self, sight: Sight, now: Duration) {
        let pause = (self.limits.replay / LOOKS).max(MIN_LOOK);
        self.look_at = Some(now + pause);
        match sight {
            Sight::Unreachable { .. } => {
                self.away = true;
                self.look_at = Some(now);
                self.later(None, now);
            }
            // Somebody else answered in its place, or it is one that does not say.
            Sight::Unknown => self.started = None,
            Sight::Started(at) => match self.started.replace(at) {
                None => {}
                Some(before) if self.started.as_ref() == Some(&before) => {
                    // It was the way to it that was broken.
                    self.away = false;
                    self.settle(now);
                }
                Some(_) => {
                    self.away = false;
                    if self.doubtful() {
                        self.replay(now);
                    }
                }
            },
        }
    }

    /// Takes entries that were asked for.
    pub fn take(&mut self, entries: &[LogEntry], now: Duration) {
        for entry in entries {
            entry.columns.iter().for_each(|column| self.lines.push(column));
            self.read = entry.id;
        }
        if self.lines.is_empty() {
            self.pass();
        } else {
            self.since.get_or_insert(now);
        }
    }

    /// Passes over entries up to `to`, which cannot be read. Says how many of them the engine has
    /// never had.
    pub fn skip(&mut self, to: LogId) -> u64 {
        let known = self.read.max(self.written);
        let lost = if to > known { to.0.abs_diff(known.0) } else { 0 };
        self.counters.lost_entries += lost;
        self.read = self.read.max(to);
        if self.lines.is_empty() {
            self.pass();
        }
        lost
    }

    /// Takes what came of a request. Gives the reading back that was refused, if one was.
    pub fn answered(&mut self, answer: Answer, now: Duration) -> Option<&Refused> {
        let (from, to) = *self.pieces.last()?;
        match answer {
            Answer::Written => {
                self.counters.written += (to - from) as u64;
                // Before the cursor moves: what was taken before the engine went may be gone.
                if std::mem::take(&mut self.away) && self.doubtful() {
                    self.replay(now);
                } else {
                    self.begun = true;
                    self.done(now);
                }
            }
            Answer::Later { after, .. } => self.later(after, now),
            Answer::Unreachable { .. } => {
                self.away = true;
                // Whether it is the same one when it is back, a look shows before anything else.
                self.look_at = self.look_at.map(|at| at.min(now));
                self.later(None, now);
            }
            Answer::Refused { why, reason } => {
                if to - from == 1 {
                    let line = String::from_utf8_lossy(self.lines.slice(from, to));
                    let line = line.trim_end().to_owned();
                    self.counters.refuse(why);
                    self.refused.push(Refused { why, reason, line });
                    self.done(now);
                    return self.refused.iter().next_back();
                }
                self.split(from, to, why);
            }
        }
        None
    }

    /// Everything up to here was taken or refused; how far the sink is behind is counted from it.
    #[must_use]
    pub fn written(&self) -> LogId {
        self.written
    }

    /// What to go on behind after a restart.
    #[must_use]
    pub fn cursor(&self) -> LogId {
        self.cursor
    }

    /// What it has done.
    #[must_use]
    pub fn counters(&self) -> SinkCounters {
        self.counters
    }

    /// The last readings that were refused, oldest first.
    pub fn refused(&self) -> impl DoubleEndedIterator<Item = &Refused> {
        self.refused.iter()
    }

    /// Whether the batch is large or old enough.
    fn ripe(&self, now: Duration) -> bool {
        self.lines.len() >= self.limits.readings
            || self.lines.bytes() >= self.limits.bytes
            || self.since.is_some_and(|since| now >= since + self.limits.age)
    }

    /// Cuts the batch into pieces.
    fn close(&mut self) {
        let mut from = 0;
        while from < self.lines.len() {
            let fits = self.lines.fit(from, self.request_bytes);
            let to = fits.min(from.saturating_add(self.limits.readings.max(1)));
            self.pieces.push((from, to));
            from = to;
        }
        self.pieces.reverse();
    }

    fn split(&mut self, from: usize, to: usize, why: Refusal) {
        let middle = from.midpoint(to);
        if why == Refusal::TooLarge {
            let half = self.lines.slice(from, to).len() / 2;
            self.request_bytes =
                half.clamp(MIN_REQUEST_BYTES.min(self.limits.bytes), self.limits.bytes);
        }
        self.pieces.pop();
        self.pieces.push((middle, to));
        self.pieces.push((from, middle));
    }

    fn later(&mut self, after: Option<Duration>, now: Duration) {
        let backoff = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(16)).min(MAX_BACKOFF);
        self.failures = self.failures.saturating_add(1);
        self.counters.retries += 1;
        self.not_before = now + after.unwrap_or(backoff);
    }

    /// A piece is done with.
    fn done(&mut self, now: Duration) {
        self.failures = 0;
        self.not_before = now;
        self.pieces.pop();
        if !self.pieces.is_empty() {
            return;
        }
        self.lines.clear();
        self.since = None;
        self.begun = false;
        self.written = self.written.max(self.read);
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_back();
        }
        self.recent.push_back((now, self.read));
        // Only an answer shows that the engine was there, so the cursor moves with answers; where
        // the engine can be told apart, with looks.
        if self.started.is_none() {
            self.settle(now);
        }
    }

    /// What was written a replay window ago is out of reach of a crash.
    fn settle(&mut self, now: Duration) {
        while let Some((at, last)) = self.recent.front()
            && *at + self.limits.replay <= now
        {
            self.cursor = self.cursor.max(*last);
            self.recent.pop_front();
        }
    }

    /// Whether the engine took anything that it could have lost.
    fn doubtful(&self) -> bool {
        self.begun || self.cursor < self.written
    }

    /// When to look at the engine, if there is something that depends on it.
    fn look_due(&self) -> Option<Duration> {
        let first = self.look_at == Some(Duration::ZERO);
        let matters = first || self.away || !self.recent.is_empty();
        self.look_at.filter(|_| matters)
    }

    /// What was read or passed over last has no readings, and nothing waits before it.
    fn pass(&mut self) {
        self.written = self.written.max(self.read);
        match self.recent.back_mut() {
            Some((_, last)) => *last = self.read.max(*last),
            None => self.cursor = self.cursor.max(self.read),
        }
    }

    /// Goes back to the cursor.
    fn replay(&mut self, now: Duration) {
        self.counters.replays += 1;
        self.failures = 0;
        self.not_before = now;
        self.lines.clear();
        self.pieces.clear();
        self.recent.clear();
        self.since = None;
        self.begun = false;
        self.read = self.cursor;
    }
}

#[cfg(test)]
mod tests;
