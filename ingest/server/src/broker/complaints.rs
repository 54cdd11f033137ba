//! How many refusals are logged. Whoever wants to fill the disk only has to knock: everything is
//! counted, and no more than so many lines a minute are written.

use std::time::{Duration, Instant};

/// The most refusals that are logged within [`WINDOW`].
const MAX_LINES: u32 = 30;
/// The time they are counted over.
const WINDOW: Duration = Duration::from_secs(60);

/// The refusals of the last minute.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    began: Option<Instant>,
    lines: u32,
    kept_back: u64,
}

impl Complaints {
    /// Whether one more may be logged; if so, how many were kept back before it.
    pub(super) fn one_more(&mut self, now: Instant) -> Option<u64> {
        if self.began.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            (self.began, self.lines) = (Some(now), 0);
        }
        if self.lines >= MAX_LINES {
            self.kept_back = self.kept_back.saturating_add(1);
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knocks_all_night_fills_no_disk() {
        let start = crate::clock::instant();
        let mut complaints = Complaints::default();
        let said = (0..1_000).filter_map(|_| complaints.one_more(start)).count();
        assert_eq!(said, 30);
        assert_eq!(complaints.one_more(start + WINDOW), Some(970), "what was kept back is told");
        assert_eq!(complaints.one_more(start + WINDOW), Some(0));
    }
}
