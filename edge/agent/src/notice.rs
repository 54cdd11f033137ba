//! What the log says of a part that fails and comes back. A loose contact flaps many times a
//! minute, and the log is on the same card as the readings: so everything is counted, and the same
//! thing is said once a minute at most. What was kept back is said when the minute is over, so that
//! the last line about a part tells how it is.

use std::fmt;

use tram_wire::UptimeMicros;

/// The same thing is said this often at most.
const SAME_EVERY_US: u64 = 60_000_000;
/// So many different things are said of a part within that time; the others wait.
const MAX_CAUSES: usize = 8;

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Why there is no value; `None` when there are values again.
    pub(crate) why: Option<String>,
    /// Changes that were not said since the line before.
    pub(crate) unsaid: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Some(why) => write!(f, "gives no value: {why}")?,
            None => f.write_str("gives values again")?,
        }
        match self.unsaid {
            0 => Ok(()),
            1 => f.write_str(" (it has changed once since the line before)"),
            n => write!(f, " (it has changed {n} times since the line before)"),
        }
    }
}

/// How a part is, and what has been said of it.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    /// Why it gives no value; `None` when it gives one.
    is: Option<String>,
    said: Option<String>,
    unsaid: u64,
    /// When each thing was said.
    recent: Vec<(Option<String>, UptimeMicros)>,
}

impl Notices {
    /// Takes note of how the part is; what it returns goes to the log.
    pub(crate) fn note(&mut self, why: Option<&str>, now: UptimeMicros) -> Option<Line> {
        if why != self.is.as_deref() {
            self.is = why.map(str::to_owned);
            self.unsaid += 1;
        }
        if self.is == self.said || !self.may_say(now) {
            return None;
        }
        self.recent.push((self.is.clone(), now));
        self.said.clone_from(&self.is);
        let unsaid = std::mem::take(&mut self.unsaid).saturating_sub(1);
        Some(Line { why: self.is.clone(), unsaid })
    }

    fn may_say(&mut self, now: UptimeMicros) -> bool {
        self.recent.retain(|(_, at)| now.since(*at) < SAME_EVERY_US);
        self.recent.len() < MAX_CAUSES && self.recent.iter().all(|(what, _)| *what != self.is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UptimeMicros {
        UptimeMicros(seconds * 1_000_000)
    }

    fn said(notices: &mut Notices, why: Option<&str>, seconds: u64) -> Option<String> {
        notices.note(why, at(seconds)).map(|line| line.to_string())
    }

    #[test]
    fn a_failure_and_its_end_are_said_once() {
        let mut n = Notices::default();
        assert_eq!(said(&mut n, None, 0), None);
        assert_eq!(said(&mut n, Some("no answer"), 1).unwrap(), "gives no value: no answer");
        assert_eq!(said(&mut n, Some("no answer"), 2), None);
        assert_eq!(said(&mut n, Some("no answer"), 100), None, "nothing is new");
        assert_eq!(said(&mut n, None, 101).unwrap(), "gives values again");
        assert_eq!(said(&mut n, None, 500), None);
    }

    #[test]
    fn a_part_that_flaps_for_an_hour_fills_no_log() {
        let mut n = Notices::default();
        let mut lines = Vec::new();
        for second in 0..3_600 {
            lines.extend(n.note((second % 2 == 0).then_some("no answer"), at(second)));
        }
        assert!(lines.len() <= 2 * 60, "{} lines", lines.len());
        let told: u64 = lines.iter().map(|line| line.unsaid + 1).sum();
        assert!(told > 3_600 - 120, "every change is counted, {told} of 3600");
    }

    #[test]
    fn the_last_line_tells_how_the_part_is() {
        let mut n = Notices::default();
        for second in 0..10 {
            let _ = n.note((second % 2 == 0).then_some("no answer"), at(second));
        }
        let end = (10..120).find_map(|second| n.note(Some("no answer"), at(second)));
        let end = end.unwrap();
        assert_eq!(end.why.as_deref(), Some("no answer"));
        assert_eq!(
            end.to_string(),
            "gives no value: no answer (it has changed 8 times since the line before)"
        );
    }

    #[test]
    fn causes_that_never_repeat_are_bounded_too() {
        let mut n = Notices::default();
        let lines = (0..1_000).filter_map(|i| n.note(Some(&format!("cause {i}")), at(0)));
        assert_eq!(lines.count(), MAX_CAUSES);
        assert!(n.recent.len() <= MAX_CAUSES);
        assert!(n.note(Some("cause 1000"), at(60)).is_some_and(|line| line.unsaid > 900));
    }
}
