//! What somebody types while a command runs.

use std::{
    io::{BufRead as _, Write as _},
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel},
    thread,
    time::Duration,
};

/// The longest answer that is looked at.
const MAX_ANSWER_BYTES: usize = 1024;
/// How often somebody who waits for an answer looks whether it still matters.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Lines of standard input, taken without holding anything up.
pub(super) struct Answers {
    lines: Receiver<String>,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Nothing,
    Line(String),
    /// Nobody is there to type.
    Closed,
}

impl Answers {
    /// Listens from now on.
    pub(super) fn listen() -> Self {
        let (tell, lines) = sync_channel(1);
        thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                let short = line.chars().take(MAX_ANSWER_BYTES).collect();
                if tell.send(short).is_err() {
                    return;
                }
            }
        });
        Self { lines }
    }

    /// What was typed since the last call.
    pub(super) fn typed(&self) -> Typed {
        match self.lines.try_recv() {
            Ok(line) => Typed::Line(line),
            Err(TryRecvError::Empty) => Typed::Nothing,
            Err(TryRecvError::Disconnected) => Typed::Closed,
        }
    }

    /// Asks for yes or no; nobody there is no, and so is nobody until it is `over`.
    pub(super) fn yes(&self, question: &str, over: impl Fn() -> bool) -> bool {
        print!("{question} ");
        let _ = std::io::stdout().flush();
        loop {
            match self.lines.recv_timeout(LOOK_AGAIN) {
                Ok(answer) => return yes(&answer),
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) if over() => return false,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// `y`, `yes`, `c`, `có`.
fn yes(answer: &str) -> bool {
    let answer = answer.trim().to_lowercase();
    matches!(answer.as_str(), "y" | "yes" | "c" | "co" | "có")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_is_yes_in_both_languages_and_nothing_else_is() {
        for answer in ["y", "Yes\n", " C ", "có", "CÓ"] {
            assert!(yes(answer), "{answer}");
        }
        for answer in ["", "n", "no", "không", "k", "yy", "maybe"] {
            assert!(!yes(answer), "{answer}");
        }
    }
}
