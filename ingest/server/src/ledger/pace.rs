//! When the log's entries were committed, as far as it takes to say how late a consumer is.

use std::collections::VecDeque;

use tram_store::LogId;
use tram_wire::UnixMicros;

/// The most marks. When there are more, every second is forgotten and new ones come half as often,
/// so an answer is off by at most one part in two thousand of the log's age.
const MAX_MARKS: usize = 4_096;
/// Marks are at least so far apart.
const APART_MICROS: i64 = 1_000_000;

/// When the log's entries were committed.
#[derive(Debug)]
pub(crate) struct Pace {
    /// An entry and when it was committed, in the order of entries.
    marks: VecDeque<(LogId, UnixMicros)>,
    /// How far apart marks are at least, now.
    apart: i64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { marks: VecDeque::new(), apart: APART_MICROS }
    }
}

impl Pace {
    /// Notes when an entry was committed. Entries come in order.
    pub(crate) fn committed(&mut self, entry: LogId, at: UnixMicros) {
        if self.marks.back().is_some_and(|(e, t)| *e >= entry || at.since(*t) < self.apart) {
            return;
        }
        if self.marks.len() >= MAX_MARKS {
            self.thin_out();
        }
        self.marks.push_back((entry, at));
    }

    /// Notes an entry that was there when the program began.
    pub(crate) fn found(&mut self, entry: LogId, at: UnixMicros) {
        let place = self.marks.partition_point(|(e, _)| *e < entry);
        if self.marks.len() < MAX_MARKS {
            self.marks.insert(place, (entry, at));
        }
    }

    /// Forgets what is of no use once the log has forgotten everything up to `entry`.
    pub(crate) fn trimmed(&mut self, entry: LogId) {
        while self.marks.get(1).is_some_and(|(next, _)| *next <= entry) {
            self.marks.pop_front();
        }
        if self.marks.len() < MAX_MARKS / 8 {
            self.apart = APART_MICROS;
        }
    }

    /// When an entry was committed, or shortly before: the time of the last mark up to it, else of
    /// the first mark of all.
    pub(crate) fn before(&self, entry: LogId) -> Option<UnixMicros> {
        let behind = self.marks.partition_point(|(e, _)| *e <= entry);
        let mark = self.marks.get(behind.saturating_sub(1))?;
        Some(mark.1)
    }

    /// Forgets every second mark, the first not.
    fn thin_out(&mut self) {
        let mut place = 0;
        self.marks.retain(|_| {
            place += 1;
            place % 2 == 1
        });
        self.apart = self.apart.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_in_the_log_takes_little_and_is_told_to_minutes() {
        let mut pace = Pace::default();
        let last = 7 * 86_400;
        for second in 0..=last {
            pace.committed(LogId(second * 10 + 1), UnixMicros(second * 1_000_000));
            assert!(pace.marks.len() <= MAX_MARKS);
        }
        let said = |pace: &Pace, second: i64| {
            pace.before(LogId(second * 10 + 5)).expect("there are marks").0 / 1_000_000
        };
        for second in [0, 1, 1_000, last / 2, last - 10, last] {
            let off = second - said(&pace, second);
            assert!((0..=last / 2_000).contains(&off), "{second}: off by {off}");
        }
        // Once the log is short again, so are the distances.
        pace.trimmed(LogId((last - 5) * 10));
        for second in last + 1..last + 400 {
            pace.committed(LogId(second * 10 + 1), UnixMicros(second * 1_000_000));
        }
        assert_eq!(said(&pace, last + 390), last + 390);
    }

    #[test]
    fn what_was_found_at_the_start_has_its_own_time() {
        let mut pace = Pace::default();
        pace.found(LogId(50), UnixMicros(5));
        pace.found(LogId(20), UnixMicros(2));
        pace.committed(LogId(100), UnixMicros(9_000_000));
        let said = |id| pace.before(LogId(id)).unwrap().0;
        assert_eq!([said(20), said(49), said(50), said(100)], [2, 2, 5, 9_000_000]);
    }
}
