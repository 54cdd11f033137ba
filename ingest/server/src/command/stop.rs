//! Ctrl-C and SIGTERM for commands that clean up after themselves.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio::signal::unix::{SignalKind, signal};

/// Says whether the command was told to stop.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for Ctrl-C and SIGTERM from now on. A second one ends the program at once. Where
    /// they cannot be heard, they end it as they always do.
    pub(super) fn listen() -> Self {
        let stop = Self::default();
        let told = stop.clone();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let (interrupt, terminate) =
                    (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
                let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else { return };
                // Nobody waits any more when the receiver is gone.
                let _ = ready.send(());
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    if told.0.swap(true, Relaxed) {
                        std::process::exit(1);
                    }
                }
            });
        });
        if thread.is_ok() {
            // Closed when the thread has given up.
            let _ = is_ready.recv();
        }
        stop
    }

    /// Whether it was told to stop.
    pub(super) fn told(&self) -> bool {
        self.0.load(Relaxed)
    }
}
