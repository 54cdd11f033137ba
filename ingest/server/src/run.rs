//! `tram-ingest run`: puts the parts together, says where everything is, and takes it apart again.

mod core;
mod parts;
mod ready;

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tram_journal::{Journal, Manager};
use tram_store::StoreError;

use crate::{clock, config::Configuration, failure::Failure, folder};
use parts::Parts;

/// How often to give a sign of life when nobody waits for one.
const DAY: Duration = Duration::from_secs(86_400);
/// How long everything together may take to stop.
const STOP: Duration = Duration::from_millis(1_500);

/// Runs the centre until it is told to stop.
///
/// # Errors
/// [`Failure`] with a sentence and what to do.
pub(crate) fn run(
    config: &Configuration,
    ready_file: Option<&Path>,
    journal: Journal,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("the program cannot start: {e}"), ""))?;
    let outcome = runtime.block_on(serve(config, ready_file, journal));
    // A history that is being written must not hold the program.
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

async fn serve(
    config: &Configuration,
    ready_file: Option<&Path>,
    journal: Journal,
) -> Result<(), Failure> {
    let signals = Signals::new()?;
    let manager = Manager::from_environment();
    let mut parts = Box::pin(Parts::start(config, journal.clone())).await?;
    let started = async {
        parts.meet().await?;
        // The file first: whoever reads the words may look for it.
        ready_file.map_or(Ok(()), |path| ready::write(path, &parts))?;
        ready::say(config, &parts);
        manager.ready();
        Ok(())
    };
    let outcome = match started.await {
        Ok(()) => wait(config, &mut parts, signals, &manager, &journal).await,
        Err(failure) => Err(failure),
    };
    manager.stopping();
    if outcome.is_ok() {
        tracing::info!("stopping");
    }
    parts.stop(STOP).await;
    if let Some(path) = ready_file {
        // It may be gone already; nobody needs it any more.
        let _ = std::fs::remove_file(path);
    }
    outcome
}

/// Waits for a reason to stop.
async fn wait(
    config: &Configuration,
    parts: &mut Parts,
    mut signals: Signals,
    manager: &Manager,
    journal: &Journal,
) -> Result<(), Failure> {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Twice within the manager's patience.
    let mut sign = tokio::time::interval(manager.watchdog().map_or(DAY, |patience| patience / 2));
    let mut turns = 0;
    let mut hangups = Hangups::new()?;
    loop {
        tokio::select! {
            () = signals.stop() => return Ok(()),
            () = hangups.heard() => parts.core.folder.ask(),
            ended = &mut parts.commit_ended => return Err(commit_ended(&config.data, ended)),
            ended = &mut parts.web => {
                let why = match ended {
                    Ok(Ok(())) => "it ended".to_owned(),
                    Ok(Err(e)) => e.to_string(),
                    Err(e) => e.to_string(),
                };
                return Err(Failure::new(format!("the web server stopped: {why}"), "Start the program again"));
            }
            _ = sign.tick() => {
                // A commit thread that hangs, on a dying disk for one, is a centre that hangs.
                let turned = parts.core.ledger.turns();
                if std::mem::replace(&mut turns, turned) != turned {
                    manager.alive();
                }
            }
            _ = tick.tick() => {
                parts.core.tick(clock::now());
                parts.orders.tick(clock::instant());
                if parts.orders.has_notes() {
                    let orders = Arc::clone(&parts.orders);
                    tokio::task::spawn_blocking(move || orders.write_notes());
                }
                journal.report();
                if parts.broker.as_ref().is_some_and(crate::broker::Running::stopped) {
                    return Err(Failure::new("the embedded broker stopped", "Start the program again"));
                }
            }
        }
    }
}

fn commit_ended(
    data: &Path,
    ended: Result<Option<StoreError>, oneshot::error::RecvError>,
) -> Failure {
    match ended {
        Ok(Some(error)) => folder::store_failure(data, &error),
        Ok(None) | Err(_) => Failure::new("the commit thread ended", "Start the program again"),
    }
}

/// What tells the program to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        #[cfg(unix)]
        let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|e| Failure::new(format!("signals cannot be heard: {e}"), ""))?;
        Ok(Self {
            #[cfg(unix)]
            terminate,
        })
    }

    async fn stop(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            // Without Ctrl-C there is still SIGTERM.
            Ok(()) = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// SIGHUP: the rules are to be read again.
struct Hangups {
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Hangups {
    fn new() -> Result<Self, Failure> {
        #[cfg(unix)]
        let hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
            .map_err(|e| Failure::new(format!("signals cannot be heard: {e}"), ""))?;
        Ok(Self {
            #[cfg(unix)]
            hangup,
        })
    }

    async fn heard(&mut self) {
        #[cfg(unix)]
        let heard = self.hangup.recv().await.is_some();
        #[cfg(not(unix))]
        let heard = false;
        if !heard {
            std::future::pending::<()>().await;
        }
    }
}
