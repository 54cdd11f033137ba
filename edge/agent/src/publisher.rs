//! The task that sends what the spool holds, for as long as there is something to send it to.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, info, warn};
use tram_spool::{Priority, Spool, SpoolError};
use tram_wire::{Ack, BatchId, ClockState, Command, Kind, Seq, StatusState};

use crate::{
    backoff::Backoff,
    births::Herald,
    clock::{self, Clock},
    link::{Address, Gone, Heard, Link},
    window::Window,
};

/// At most one birth in this time, unless something in it changed.
const BIRTH_AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// A centre that does not know after this time what the node has let go is told. Replicas of a
/// centre hear it from each other, mostly within milliseconds.
const LAG_TOLERATED: Duration = Duration::from_secs(5);
/// How long the last good-bye may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Readings keep coming.
    Running,
    /// A recording has been replayed to its end: stop once everything is acknowledged.
    Finishing,
    /// Somebody asked to stop: send what can be sent within this time.
    Stopping(Duration),
}

/// The spool, shared with the thread that fills it.
pub(crate) type SharedSpool = Arc<Mutex<Spool>>;

/// Takes the spool. A panic elsewhere does not make what is on disk wrong.
pub(crate) fn lock(spool: &SharedSpool) -> MutexGuard<'_, Spool> {
    spool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything the task needs.
pub(crate) struct Publisher {
    pub(crate) address: Address,
    pub(crate) herald: Herald,
    pub(crate) clock: Clock,
    pub(crate) spool: SharedSpool,
    /// Rung whenever the spool has something new.
    pub(crate) kept: Arc<Notify>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) in_flight: usize,
    pub(crate) resend: Duration,
}

/// Why a connection was left.
enum Left {
    /// It broke.
    Broken {
        /// A sentence that says how.
        reason: String,
        /// Whether the centre acknowledged anything on it.
        worked: bool,
    },
    /// There is nothing more to do.
    Done,
}

/// One connection's state.
struct Session {
    link: Link,
    window: Window,
    began: Instant,
    /// When the last birth was sent and what it said of the clock.
    birth: Option<(Instant, ClockState)>,
    released: Released,
    acknowledged: u64,
}

/// How far the spool had been released some time ago.
struct Released {
    /// At least [`LAG_TOLERATED`] ago.
    before: Seq,
    sample: (Duration, Seq),
}

impl Released {
    fn new(held_from: Seq) -> Self {
        Self { before: Seq(0), sample: (Duration::ZERO, held_from) }
    }

    /// Whether whoever says `watermark` waits for numbers that went long ago.
    fn unknown_to(&mut self, watermark: Seq, held_from: Seq, now: Duration) -> bool {
        if now.saturating_sub(self.sample.0) >= LAG_TOLERATED {
            self.before = self.sample.1;
            self.sample = (now, held_from);
        }
        watermark < self.before
    }
}

impl Publisher {
    /// Runs until there is nothing more to do.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut said = String::new();
        while !self.may_stop_unconnected() {
            let connected = tokio::select! {
                connected = Link::connect(&self.address, self.herald.status(StatusState::Offline)) => {
                    connected
                }
                () = stopped(&mut self.phase) => return,
            };
            let reason = match connected {
                Ok(link) => {
                    said.clear();
                    match self.serve(link, Instant::now()).await {
                        Left::Done => return,
                        Left::Broken { reason, worked } => {
                            if worked {
                                backoff.worked();
                            }
                            reason
                        }
                    }
                }
                Err(reason) => reason,
            };
            let wait = clock::jittered(backoff.failed());
            // The same reason again and again is said once.
            if reason == said {
                debug!(%reason, ?wait, "still without the broker");
            } else {
                let held = lock(&self.spool).stats().held;
                warn!(
                    "no connection to {}:{} ({reason}); sampling goes on, {held} batches wait in \
                     the spool, trying again in {:.1} s",
                    self.address.host,
                    self.address.port,
                    wait.as_secs_f64()
                );
                said = reason;
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = stopped(&mut self.phase) => return,
            }
        }
    }

    /// Whether the program may end although there is no connection.
    fn may_stop_unconnected(&self) -> bool {
        match *self.phase.borrow() {
            Phase::Running => false,
            Phase::Finishing => lock(&self.spool).stats().held == 0,
            Phase::Stopping(_) => true,
        }
    }

    /// Uses a connection for as long as it lives.
    async fn serve(&mut self, link: Link, began: Instant) -> Left {
        info!("connected to {}:{}", self.address.host, self.address.port);
        let window = Window::new(self.in_flight, self.resend);
        let released = Released::new(lock(&self.spool).held_from());
        let mut session = Session { link, window, began, birth: None, released, acknowledged: 0 };
        let ended = match self.converse(&mut session).await {
            Ok(()) => {
                let _ = session
                    .link
                    .publish(Kind::Status, self.herald.status(StatusState::Offline))
                    .await;
                session.link.close(FAREWELL).await;
                return Left::Done;
            }
            Err(Gone) => session.link.reason().await,
        };
        // An acknowledgement proves the whole way; a broker that only lets us in proves nothing.
        Left::Broken { reason: ended, worked: session.acknowledged > 0 }
    }

    async fn converse(&mut self, session: &mut Session) -> Result<(), Gone> {
        session.link.publish(Kind::Status, self.herald.status(StatusState::Online)).await?;
        self.send_birth(session).await?;
        let mut give_up: Option<Instant> = None;
        loop {
            self.birth_when_the_clock_was_set(session).await?;
            self.send_due(session).await?;
            let phase = *self.phase.borrow_and_update();
            if phase != Phase::Running && lock(&self.spool).stats().held == 0 {
                return Ok(());
            }
            if let Phase::Stopping(limit) = phase {
                give_up.get_or_insert_with(|| Instant::now() + limit);
            }
            let resend = session.window.deadline().map(|d| session.began + d);
            tokio::select! {
                heard = session.link.next() => match heard {
                    Some(heard) => self.hear(session, heard).await?,
                    None => return Err(Gone),
                },
                () = self.kept.notified() => {}
                () = until(resend) => {}
                () = until(give_up) => return Ok(()),
                changed = self.phase.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    /// Sends whatever the window lets through.
    async fn send_due(&self, session: &mut Session) -> Result<(), Gone> {
        loop {
            let (priority, batch, payload) = {
                let mut spool = lock(&self.spool);
                let (node, id) = (self.address.node, spool.id());
                let now = session.began.elapsed();
                let Some((priority, seq)) = session.window.next(&spool, now) else { return Ok(()) };
                match spool.read(seq) {
                    Ok(Some(payload)) => (priority, BatchId { node, spool: id, seq }, payload),
                    Ok(None) => {
                        session.window.forget(seq);
                        continue;
                    }
                    Err(error) => {
                        // Tried again when its resending is due.
                        warn!(%seq, "a record cannot be read from the spool: {error}");
                        continue;
                    }
                }
            };
            let kind = match priority {
                Priority::Alarm => Kind::Alarm,
                Priority::Routine => Kind::Data,
            };
            debug!(%batch, bytes = payload.len(), "published");
            session.link.publish(kind, payload).await?;
        }
    }

    async fn hear(&self, session: &mut Session, heard: Heard) -> Result<(), Gone> {
        match heard {
            Heard::Ack(ack) => {
                let (node, spool) = (self.address.node, ack.spool);
                session.window.acknowledge(&ack, |seq| {
                    debug!(batch = %BatchId { node, spool, seq }, "acknowledged");
                });
                if self.release(session, &ack) {
                    self.send_birth(session).await?;
                }
                Ok(())
            }
            Heard::Command(Command::Rebirth) => {
                debug!("the centre asks for our birth");
                self.send_birth(session).await
            }
            Heard::Unreadable(why) => {
                warn!("a message of the centre was not understood: {why}");
                Ok(())
            }
        }
    }

    /// Releases what is acknowledged. Says whether the centre has to be told that there are
    /// numbers it waits for in vain.
    fn release(&self, session: &mut Session, ack: &Ack) -> bool {
        let mut spool = lock(&self.spool);
        let ours = ack.spool == spool.id();
        match spool.acknowledge(ack) {
            Ok(released) => session.acknowledged += released,
            Err(SpoolError::DiskFull(_)) => debug!("the disk is full, spent segments stay"),
            Err(error) => warn!("a spent segment cannot be deleted: {error}"),
        }
        debug!(
            replica = %ack.replica,
            watermark = %ack.watermark,
            committed = ?ack.committed,
            held = spool.stats().held,
            "acknowledgement"
        );
        let recently = session.birth.is_some_and(|(at, _)| at.elapsed() < BIRTH_AT_MOST_EVERY);
        let (held_from, now) = (spool.held_from(), session.began.elapsed());
        ours && session.released.unknown_to(ack.watermark, held_from, now) && !recently
    }

    async fn send_birth(&self, session: &mut Session) -> Result<(), Gone> {
        let now = self.clock.now();
        let birth = self.herald.birth(&lock(&self.spool), now);
        session.birth = Some((Instant::now(), now.state));
        match birth {
            Ok(birth) => session.link.publish(Kind::Birth, birth).await,
            Err(error) => {
                warn!("{error:#}");
                Ok(())
            }
        }
    }

    /// Once the clock has been set, the centre can restamp what was taken before.
    async fn birth_when_the_clock_was_set(&self, session: &mut Session) -> Result<(), Gone> {
        let state = self.clock.now().state;
        if session.birth.is_some_and(|(_, said)| said == state) {
            return Ok(());
        }
        self.send_birth(session).await
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Waits until the program has to stop without a connection.
async fn stopped(phase: &mut watch::Receiver<Phase>) {
    let stopping = |phase: &Phase| matches!(phase, Phase::Stopping(_));
    // A sender that is gone means the program is ending.
    let _ = phase.wait_for(stopping).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_centre_is_told_only_what_it_has_not_learnt_for_some_time() {
        let s = Duration::from_secs;
        let mut released = Released::new(Seq(10));
        // What was let go before this connection, the birth at its start has told.
        assert!(!released.unknown_to(Seq(0), Seq(10), s(1)));
        assert!(released.unknown_to(Seq(9), Seq(40), s(6)), "10 for five seconds");
        assert!(!released.unknown_to(Seq(10), Seq(50), s(7)), "a replica that lags a little");
        assert!(!released.unknown_to(Seq(39), Seq(60), s(10)));
        assert!(released.unknown_to(Seq(39), Seq(70), s(11)), "40 since the sixth second");
        assert!(!released.unknown_to(Seq(40), Seq(70), s(12)));
    }
}
