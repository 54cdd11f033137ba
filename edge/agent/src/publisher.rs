//! The task that sends what the spool holds, for as long as there is something to send it to.

mod hearing;
mod telling;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, info, warn};
use tram_spool::{Lane, Spool};
use tram_wire::{Answer, BatchId, ClockState, Kind, Seq, StatusState, UnixMicros};

use crate::{
    backoff::Backoff,
    births::Herald,
    clock::{self, Clock},
    enrol::Reach,
    health::Checkup,
    ledger::Ledger,
    link::{Gone, Link, Message},
    lost::times_of,
    orders::Orders,
    pace::{Pace, Urgency},
    released::Released,
    window::{Due, Window},
    witness::{Connection, Witness},
};

/// At most one birth in this time, unless something in it changed.
const BIRTH_AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// What is lost is told this often at most, so that many losses make few messages.
const TELL_EVERY: Duration = Duration::from_secs(5);
const DAY_US: i64 = 86_400_000_000;
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
    pub(crate) reach: Reach,
    pub(crate) herald: Herald,
    pub(crate) checkup: Checkup,
    /// How often the node says how it is.
    pub(crate) health_every: Duration,
    pub(crate) clock: Clock,
    pub(crate) spool: SharedSpool,
    /// Rung whenever the spool has something new.
    pub(crate) kept: Arc<Notify>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) in_flight: usize,
    pub(crate) resend: Duration,
    /// How far reconnecting nodes are spread over time.
    pub(crate) spread: Duration,
    pub(crate) pace: Pace,
    pub(crate) ledger: Ledger,
    /// Asks the sampler for what it has.
    pub(crate) wanted: Arc<AtomicBool>,
    /// Somebody who watches, while the station is commissioned.
    pub(crate) witness: Option<Arc<Witness>>,
    pub(crate) orders: Orders,
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
    birth: Option<(Instant, ClockState, i64)>,
    /// When the node said how it is.
    health: Instant,
    released: Released,
    acknowledged: u64,
    /// When losses were told last.
    told: Option<Instant>,
    /// When what had to wait for its pace may be tried again.
    paced: Option<Duration>,
}

/// Connects as the station file and the enrolment say now.
async fn connect(reach: &Reach, will: Vec<u8>) -> Result<Link, String> {
    let address = reach.address().map_err(|e| format!("{e:#}"))?;
    Link::connect(&address, will).await
}

impl Publisher {
    /// Runs until there is nothing more to do.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(self.spread);
        let mut said = String::new();
        while !self.may_stop_unconnected() {
            let connected = tokio::select! {
                connected = connect(&self.reach, self.herald.status(StatusState::Offline, None)) => {
                    connected
                }
                () = stopped(&mut self.phase) => break,
            };
            let reason = match connected {
                Ok(link) => {
                    said.clear();
                    self.tell(Connection::Live);
                    match self.serve(link, Instant::now()).await {
                        Left::Done => break,
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
            self.tell(Connection::Failed(reason.clone()));
            let wait = backoff.wait(clock::random());
            // The same reason again and again is said once.
            if reason == said {
                debug!(%reason, ?wait, "still without the broker");
            } else {
                let held = lock(&self.spool).stats().held;
                warn!(
                    "no connection to {} ({reason}); sampling goes on, {held} batches wait in \
                     the spool, trying again in {:.1} s",
                    self.reach.name(),
                    wait.as_secs_f64()
                );
                said = reason;
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = stopped(&mut self.phase) => break,
            }
        }
        self.ledger.note(self.pace.used(), true);
    }

    fn tell(&self, connection: Connection) {
        if let Some(witness) = &self.witness {
            witness.connection(connection);
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
        info!("connected to {}", self.reach.name());
        let window = Window::new(self.in_flight, self.resend, &lock(&self.spool));
        let released = Released::new(lock(&self.spool).held_from());
        let mut session = Session {
            link,
            window,
            began,
            birth: None,
            health: began,
            released,
            acknowledged: 0,
            told: None,
            paced: None,
        };
        // Whoever looks at a screen has waited long enough for what is measured now.
        self.wanted.store(true, Ordering::Relaxed);
        let ended = match self.converse(&mut session).await {
            Ok(()) => {
                let offline = self.herald.status(StatusState::Offline, None);
                let _ = self.publish(&session, Kind::Status, Urgency::Always, offline).await;
                session.link.close(FAREWELL).await;
                return Left::Done;
            }
            Err(Gone) => session.link.reason().await,
        };
        // An acknowledgement proves the whole way; a broker that only lets us in proves nothing.
        Left::Broken { reason: ended, worked: session.acknowledged > 0 }
    }

    async fn converse(&mut self, session: &mut Session) -> Result<(), Gone> {
        self.checkup.connections = self.checkup.connections.saturating_add(1);
        self.send_health(session, Urgency::Always).await?;
        self.send_birth(session).await?;
        let mut give_up: Option<Instant> = None;
        loop {
            self.birth_when_the_clock_was_set(session).await?;
            if session.health.elapsed() >= self.health_every {
                self.send_health(session, Urgency::Live).await?;
            }
            self.tell_losses(session);
            self.send_due(session).await?;
            self.ledger.note(self.pace.used(), false);
            let phase = *self.phase.borrow_and_update();
            if phase != Phase::Running && lock(&self.spool).stats().held == 0 {
                return Ok(());
            }
            if let Phase::Stopping(limit) = phase {
                give_up.get_or_insert_with(|| Instant::now() + limit);
            }
            let health = Some(session.health + self.health_every);
            let resend = session.window.deadline().map(|d| session.began + d);
            let paced = session.paced.map(|d| session.began + d);
            tokio::select! {
                heard = session.link.next() => match heard {
                    Some(heard) => self.hear(session, heard).await?,
                    None => return Err(Gone),
                },
                answer = self.orders.next() => self.answer(session, answer).await?,
                () = self.kept.notified() => {}
                () = until(resend) => {}
                () = until(health) => {}
                () = until(paced) => {}
                () = until(give_up) => return Ok(()),
                changed = self.phase.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    /// Puts what is lost into the spool, to be sent like everything else.
    fn tell_losses(&self, session: &mut Session) {
        if session.told.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        let now = self.clock.now();
        let mut spool = lock(&self.spool);
        let (boot, boots) = (self.clock.boot(), &self.herald.boots);
        let offset = |boot| boots.offset(boot);
        match spool.tell(now.state, |lost| times_of(lost, now, boot, offset)) {
            Ok(None) => return,
            Ok(Some(seq)) => debug!(%seq, "what is lost is told"),
            Err(error) => debug!("what is lost cannot be told yet: {error}"),
        }
        session.told = Some(Instant::now());
    }

    /// Sends whatever the window and the pace let through.
    async fn send_due(&mut self, session: &mut Session) -> Result<(), Gone> {
        loop {
            let Some((due, payload)) = self.next_due(session) else { return Ok(()) };
            let kind = match due.lane {
                Lane::Alarm => Kind::Alarm,
                Lane::Notice | Lane::Routine | Lane::Summary => Kind::Data,
            };
            let batch = self.batch_id(due.seq);
            debug!(%batch, urgency = ?due.urgency, bytes = payload.len(), "published");
            if let Some(witness) = &self.witness {
                witness.published(&payload);
            }
            self.publish(session, kind, due.urgency, payload).await?;
        }
    }

    fn batch_id(&self, seq: Seq) -> BatchId {
        BatchId { node: self.reach.node, spool: lock(&self.spool).id(), seq }
    }

    /// The next record and its payload.
    fn next_due(&mut self, session: &mut Session) -> Option<(Due, Vec<u8>)> {
        let day = self.clock.now().unix.since(UnixMicros(0)).div_euclid(DAY_US);
        loop {
            let now = session.began.elapsed();
            let mut spool = lock(&self.spool);
            let [live, backlog] =
                [Urgency::Live, Urgency::Backlog].map(|u| self.pace.may(u, now, day));
            let next = session.window.next(&spool, now, |urgency| match urgency {
                Urgency::Always => true,
                Urgency::Live => live.is_ok(),
                Urgency::Backlog => backlog.is_ok(),
            });
            session.paced = live.and(backlog).err().map(|wait| now.saturating_add(wait));
            let due = next?;
            if let Err(error) = spool.sending(due.seq) {
                debug!(seq = %due.seq, "that it is sent cannot be written down: {error}");
            }
            match spool.read(due.seq) {
                Ok(Some(payload)) => return Some((due, payload)),
                Ok(None) => session.window.forget(due.seq),
                // Tried again when its resending is due.
                Err(error) => {
                    warn!(seq = %due.seq, "a record cannot be read from the spool: {error}");
                }
            }
        }
    }

    /// Publishes a message and counts it.
    async fn publish(
        &mut self,
        session: &Session,
        kind: Kind,
        urgency: Urgency,
        payload: Vec<u8>,
    ) -> Result<(), Gone> {
        self.pace.sent(urgency, payload.len());
        let backlog = urgency == Urgency::Backlog;
        session.link.publish(Message { kind, payload, backlog }).await
    }

    async fn answer(&mut self, session: &Session, answer: Answer) -> Result<(), Gone> {
        self.publish(session, Kind::Answer, Urgency::Always, answer.encode()).await
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
