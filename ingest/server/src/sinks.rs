//! The sinks' threads: each reads the log for itself and writes to one engine. None of them is
//! waited for by anybody; what an engine has not taken stays in the log.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tram_store::{
    LogId, LogReader, StoreError,
    sink::{self, Answer, MAX_READ_ENTRIES, SinkCounters, Step, Target},
};

use crate::{clock, config::Sink, trace::UnderWay, wake::Wake};

/// How long a thread sleeps at most.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long to wait when the log cannot be read.
const RETRY: Duration = Duration::from_secs(1);

/// What the rest of the program sees of a sink.
pub(crate) struct Gauge {
    /// Its name.
    pub(crate) name: String,
    /// Its name among the consumers of the log.
    pub(crate) consumer: String,
    picture: Mutex<Picture>,
}

/// How far a sink is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Picture {
    /// What it has done.
    pub(crate) counters: SinkCounters,
    /// Everything up to here was taken or refused.
    pub(crate) written: LogId,
    /// What to go on behind after a restart.
    pub(crate) cursor: LogId,
    /// Whether the engine took what it was sent last.
    pub(crate) up: bool,
}

impl Gauge {
    /// How far the sink is.
    pub(crate) fn picture(&self) -> Picture {
        *self.locked()
    }

    fn locked(&self) -> MutexGuard<'_, Picture> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of them.
pub(crate) type Gauges = Arc<[Arc<Gauge>]>;

/// One sink's work.
pub(crate) struct Writer {
    gauge: Arc<Gauge>,
    sink: sink::Sink,
    target: Target,
    reader: LogReader,
    grown: Arc<Wake>,
    start: Instant,
    up: bool,
    under_way: UnderWay,
}

impl Writer {
    /// A sink that goes on behind `cursor`.
    ///
    /// # Errors
    /// When its address or token cannot be one.
    pub(crate) fn new(
        config: &Sink,
        cursor: LogId,
        reader: LogReader,
        grown: Arc<Wake>,
    ) -> Result<Self, sink::TargetError> {
        let picture = Picture { written: cursor, cursor, up: true, ..Picture::default() };
        let gauge = Gauge {
            name: config.name.clone(),
            consumer: sink::consumer(&config.name),
            picture: Mutex::new(picture),
        };
        Ok(Self {
            gauge: Arc::new(gauge),
            sink: sink::Sink::new(cursor, config.limits),
            target: Target::new(&config.place, config.token.as_deref())?,
            reader,
            grown,
            start: clock::instant(),
            up: true,
            under_way: UnderWay::default(),
        })
    }

    /// How far it is.
    pub(crate) fn gauge(&self) -> Arc<Gauge> {
        Arc::clone(&self.gauge)
    }

    /// Starts the thread; it ends when the bell says so, or soon after when it is sending.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(self) -> std::io::Result<()> {
        // An engine that takes its time must not hold the program: the thread is left alone when
        // the program stops, and what it was sending is sent again.
        std::thread::Builder::new().name("sink".to_owned()).spawn(move || self.run()).map(drop)
    }

    fn run(mut self) {
        while self.turn() {}
    }

    /// One step. Says whether the program goes on.
    fn turn(&mut self) -> bool {
        let heard = self.grown.rings();
        let now = self.now();
        match self.sink.poll(now) {
            Step::Rest(pause) => return self.grown.sleep(heard, pause.min(LONGEST_SLEEP)),
            Step::Send(lines) => {
                let answer = self.target.write(lines);
                self.answered(answer);
            }
            Step::Read { after } => match self.reader.after(after, MAX_READ_ENTRIES) {
                Ok(entries) if entries.is_empty() => {
                    let pause = self.sink.patience(now).unwrap_or(LONGEST_SLEEP);
                    return self.grown.sleep(heard, pause.min(LONGEST_SLEEP));
                }
                Ok(entries) => {
                    self.under_way.read(&entries);
                    self.sink.take(&entries, now);
                }
                Err(StoreError::Trimmed { oldest, .. }) => {
                    self.skip(LogId(oldest.saturating_sub(1)), "the engine was away for too long");
                }
                Err(StoreError::Damaged { entry, .. }) => {
                    self.skip(LogId(entry), "an entry of the log is damaged");
                }
                Err(error) => {
                    tracing::error!(sink = self.gauge.name, %error, "the log cannot be read");
                    return self.grown.sleep(self.grown.rings(), RETRY);
                }
            },
        }
        self.show();
        !self.grown.stopping()
    }

    fn answered(&mut self, answer: Answer) {
        let name = self.gauge.name.as_str();
        match &answer {
            Answer::Later { reason, .. } | Answer::Unreachable { reason } => {
                if std::mem::take(&mut self.up) {
                    let url = self.target.url();
                    tracing::warn!(
                        sink = name,
                        url,
                        reason,
                        "it does not take readings; it is asked again until it does, and nothing else waits for it"
                    );
                }
            }
            Answer::Written | Answer::Refused { .. } => {
                if !std::mem::replace(&mut self.up, true) {
                    tracing::info!(sink = name, "it takes readings again");
                }
            }
        }
        let now = self.now();
        let refused = self.sink.answered(answer, now).cloned();
        if let Some(refused) = refused {
            let c = self.sink.counters();
            let total = c.bad_request + c.too_large;
            // Each would fill the journal; their number is a metric.
            if total.is_power_of_two() {
                let (reason, line) = (refused.reason, refused.line);
                tracing::error!(sink = name, total, reason, line, "it refuses a reading for good");
            }
        }
    }

    fn skip(&mut self, to: LogId, why: &str) {
        let lost = self.sink.skip(to);
        if lost > 0 {
            let sink = self.gauge.name.as_str();
            tracing::error!(
                sink,
                lost,
                why,
                "messages of the log are not given to it; the centre's own store has them"
            );
        }
    }

    fn show(&mut self) {
        let sink = self.gauge.name.as_str();
        self.under_way.arrived(self.sink.written(), |entry, batch| {
            tracing::debug!(%batch, %entry, sink, "written");
        });
        *self.gauge.locked() = Picture {
            counters: self.sink.counters(),
            written: self.sink.written(),
            cursor: self.sink.cursor(),
            up: self.up,
        };
    }

    /// How long the program has been running.
    fn now(&self) -> Duration {
        clock::instant().duration_since(self.start)
    }
}
