//! What the tests share: a centre in a folder of its own, and a client of its broker. Nothing
//! here waits by the clock; everything waits for something to be said, with a limit.

mod centre;
mod engine;
mod fake;
mod node;
mod readings;

use std::time::Duration;

pub(crate) use centre::{Centre, Program, TOP, configuration};
pub(crate) use engine::{Victoria, nobody};
pub(crate) use fake::{Fake, certified};
pub(crate) use node::Client;
pub(crate) use readings::{Station, now};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again until the answer is there.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let (_alive, never) = std::sync::mpsc::channel::<()>();
    for _ in 0..PATIENCE.as_millis() / 10 {
        if let Some(answer) = ask() {
            return answer;
        }
        // Nobody sends: this only gives the other processes a moment.
        let _ = never.recv_timeout(Duration::from_millis(10));
    }
    panic!("{what} did not come within {PATIENCE:?}");
}
