//! How far a command is, on one line of a terminal.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use tram_store::{Interrupted, Work};

use super::{bytes, stop::Stop};
use crate::clock;

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(100);
/// How wide the bar is.
const BAR: usize = 24;
/// How wide the name before it is.
const NAME: usize = 24;
/// How long to work before saying how long it will take.
const SETTLED: Duration = Duration::from_secs(2);

/// A line that shows how far a command is; nothing when standard error is not a terminal.
pub(super) struct Progress {
    shown: bool,
    written: Option<Instant>,
    begun: Instant,
    stop: Stop,
}

impl Progress {
    pub(super) fn new(stop: &Stop) -> Self {
        let begun = clock::instant();
        let shown = std::io::stderr().is_terminal();
        Self { shown, written: None, begun, stop: stop.clone() }
    }

    /// Takes note of work in bytes.
    pub(super) fn at(&mut self, work: Work<'_>) -> Result<(), Interrupted> {
        let done = format!("{} of {}", bytes(work.done), bytes(work.total));
        self.show(work.what, work.done, work.total, &done)
    }

    /// Takes note of work in anything.
    pub(super) fn show(
        &mut self,
        what: &str,
        done: u64,
        total: u64,
        text: &str,
    ) -> Result<(), Interrupted> {
        if self.stop.told() {
            return Err(Interrupted);
        }
        if !self.shown {
            return Ok(());
        }
        let now = clock::instant();
        if self.written.is_some_and(|at| now.duration_since(at) < EVERY) {
            return Ok(());
        }
        self.written = Some(now);
        let line = line(what, done, total, text, now.duration_since(self.begun));
        // A terminal that has gone is no reason to stop.
        let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
        Ok(())
    }

    /// Takes the line away.
    pub(super) fn end(&mut self) {
        if self.written.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn line(what: &str, done: u64, total: u64, text: &str, passed: Duration) -> String {
    let part = |of: u64| done.min(total).saturating_mul(of) / total.max(1);
    let filled = usize::try_from(part(BAR as u64)).unwrap_or(BAR).min(BAR);
    let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
    let mut line = format!("{what:<NAME$} {bar} {:>3} %  {text}", part(100));
    if passed >= SETTLED && done > 0 && done < total {
        let left = passed.as_secs().saturating_mul(total - done) / done;
        line += &match left {
            0..60 => format!("  {left} s left"),
            60..3_600 => format!("  {} min left", left / 60),
            _ => format!("  {} h {} min left", left / 3_600, left / 60 % 60),
        };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_how_much_and_how_long() {
        let shown = line("log.db", 25, 100, "25 B of 100 B", Duration::from_secs(10));
        assert_eq!(
            shown,
            "log.db                   ██████░░░░░░░░░░░░░░░░░░  25 %  25 B of 100 B  30 s left"
        );
        assert!(line("x", 0, 0, "", Duration::ZERO).contains("  0 %"));
        assert!(line("x", 9, 5, "", Duration::from_secs(9)).contains("100 %"));
    }
}
