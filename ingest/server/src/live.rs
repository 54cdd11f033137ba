//! The live feed: server-sent events to every page that is open.
//!
//! Nobody is sent anything; each client takes when its connection has room. What it takes is the
//! difference between the last tick it saw and the newest, made once for all that saw the same and
//! shared. A slow client therefore owns a number and at most one frame, never a queue, and cannot
//! slow down another. Alarms are kept apart in a short list of their own and never merged; a
//! client that fell out of that list gets a new snapshot.

mod client;
mod frame;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tram_alerts::Alarm;
use tram_wire::UnixMicros;

pub(crate) use client::Client;

use crate::board::Board;

/// The most clients at once.
pub(crate) const MAX_CLIENTS: usize = 500;
/// The most alarm events that are kept for clients that have not taken them.
const MAX_ALARM_EVENTS: usize = 256;
/// The most different frames that are made in one tick for clients that lag; one that would need
/// another waits for the next tick.
const MAX_FRAMES: usize = 64;
/// A heartbeat goes out every so many ticks.
const HEARTBEAT_TICKS: u64 = 5;

/// The feed.
pub(crate) struct Hub {
    board: Arc<Board>,
    room: Arc<Semaphore>,
    news: watch::Sender<News>,
    state: Mutex<State>,
    /// How many clients found no place.
    refused: AtomicU64,
}

/// What there is to take; cheap to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct News {
    tick: u64,
    /// The number of the next alarm event.
    alarms: u64,
    /// The feed has ended.
    closed: bool,
}

#[derive(Default)]
struct State {
    now: UnixMicros,
    /// Frames of this tick, by the tick that those who take them saw last; 0 is the snapshot.
    frames: BTreeMap<u64, Option<Bytes>>,
    heartbeat: Bytes,
    alarm_events: VecDeque<Bytes>,
    /// The number of the first of `alarm_events`.
    first_alarm: u64,
    /// Every alarm, for the snapshot.
    alarms: Vec<Alarm>,
}

/// What a client gets for the tick it asks about.
enum Frame {
    /// Nothing has changed.
    Nothing,
    /// This.
    Bytes(Bytes),
    /// Ask again at the next tick.
    Later,
}

impl Hub {
    /// A feed of what is on the board.
    pub(crate) fn new(board: Arc<Board>) -> Arc<Self> {
        Arc::new(Self {
            board,
            room: Arc::new(Semaphore::new(MAX_CLIENTS)),
            news: watch::Sender::new(News::default()),
            state: Mutex::default(),
            refused: AtomicU64::new(0),
        })
    }

    /// Ends a tick: what changed on the board until now goes out. Call it once a second.
    pub(crate) fn tick(&self, now: UnixMicros) {
        let tick = self.board.tick(now);
        {
            let mut state = self.state();
            state.now = now;
            state.frames.clear();
            if tick.is_multiple_of(HEARTBEAT_TICKS) {
                state.heartbeat = frame::heartbeat(now);
            }
        }
        self.news.send_modify(|news| news.tick = tick);
    }

    /// Replaces the alarm list, and sends the alarms that changed at once.
    pub(crate) fn alarms(&self, all: Vec<Alarm>, changed: &[Alarm]) {
        let next = {
            let mut state = self.state();
            state.alarms = all;
            // The snapshot of this tick is out of date.
            state.frames.remove(&0);
            for alarm in changed {
                state.alarm_events.push_back(frame::alarm(alarm));
                if state.alarm_events.len() > MAX_ALARM_EVENTS {
                    state.alarm_events.pop_front();
                    state.first_alarm += 1;
                }
            }
            state.first_alarm + state.alarm_events.len() as u64
        };
        self.news.send_modify(|news| news.alarms = next);
    }

    /// Lets a client in, or says that there are too many.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Client> {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        Some(Client::new(Arc::clone(self), permit))
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        MAX_CLIENTS.saturating_sub(self.room.available_permits())
    }

    /// How many clients found no place.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Ends the feed: every client's stream ends when it next looks.
    pub(crate) fn close(&self) {
        self.room.close();
        self.news.send_modify(|news| news.closed = true);
    }

    /// Everything, and from where to go on.
    fn snapshot(&self) -> (Bytes, News) {
        let mut state = self.state();
        let news = *self.news.borrow();
        if let Some(Some(bytes)) = state.frames.get(&0) {
            return (bytes.clone(), news);
        }
        // Before the first tick there is no time to show.
        let now = state.now;
        let bytes = frame::snapshot(&self.board.view(None, now), &state.alarms, now, news.tick);
        state.frames.insert(0, Some(bytes.clone()));
        (bytes, news)
    }

    /// What changed after tick `since`.
    fn diff(&self, since: u64) -> Frame {
        let mut state = self.state();
        if let Some(known) = state.frames.get(&since) {
            return known.clone().map_or(Frame::Nothing, Frame::Bytes);
        }
        if state.frames.len() >= MAX_FRAMES {
            return Frame::Later;
        }
        let (now, tick) = (state.now, self.news.borrow().tick);
        let view = self.board.view(Some(since), now);
        let nothing = view.stations.is_empty() && view.latest.is_empty();
        let made = (!nothing).then(|| frame::diff(&view, now, tick));
        state.frames.insert(since, made.clone());
        made.map_or(Frame::Nothing, Frame::Bytes)
    }

    /// The alarm events from number `from` on, or `None` when some of them are gone.
    fn alarms_from(&self, from: u64) -> Option<Vec<Bytes>> {
        let state = self.state();
        let skip = usize::try_from(from.checked_sub(state.first_alarm)?).ok()?;
        Some(state.alarm_events.iter().skip(skip).cloned().collect())
    }

    fn heartbeat(&self) -> Bytes {
        self.state().heartbeat.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's place among [`MAX_CLIENTS`].
type Place = OwnedSemaphorePermit;
