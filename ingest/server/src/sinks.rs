//! The sinks' threads: each reads the log for itself and writes to one engine. None of them is
//! waited for by anybody; what an engine has not taken stays in the log.

mod bucket;
mod influxdb2;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tram_store::{
    LogId, LogReader, StoreError,
    sink::{
        self, Answer, Kind, MAX_READ_ENTRIES, RefusedFile, Sight, SinkCounters, Step, Target, Watch,
    },
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
    /// Which engine it is.
    pub(crate) kind: Kind,
    /// Where it writes.
    pub(crate) url: String,
    /// Where it keeps what the engine refused.
    pub(crate) refused: PathBuf,
    picture: Mutex<Picture>,
}

/// How far a sink is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    /// What it has done.
    pub(crate) counters: SinkCounters,
    /// Everything up to here was taken or refused.
    pub(crate) written: LogId,
    /// What to go on behind after a restart.
    pub(crate) cursor: LogId,
    /// Whether the engine took what it was sent last.
    pub(crate) up: bool,
    /// Why not.
    pub(crate) reason: Option<String>,
}

impl Gauge {
    /// How far the sink is.
    pub(crate) fn picture(&self) -> Picture {
        self.locked().clone()
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
    watch: Watch,
    bucket: Option<bucket::Bucket>,
    refused: RefusedFile,
    reader: LogReader,
    grown: Arc<Wake>,
    start: Instant,
    under_way: UnderWay,
    /// Why the engine does not take readings, if it does not.
    down: Option<String>,
}

impl Writer {
    /// A sink that goes on behind `cursor`, of the centre that keeps everything in `data`.
    ///
    /// # Errors
    /// When its address cannot be one.
    pub(crate) fn new(
        config: &Sink,
        data: &Path,
        cursor: LogId,
        reader: LogReader,
        grown: Arc<Wake>,
    ) -> Result<Self, sink::TargetError> {
        let picture = Picture { written: cursor, cursor, up: true, ..Picture::default() };
        let target = Target::new(&config.place, &config.access)?;
        let gauge = Gauge {
            name: config.name.clone(),
            consumer: sink::consumer(&config.name),
            kind: config.kind,
            url: target.url().to_owned(),
            refused: sink::refused_path(data, &config.name),
            picture: Mutex::new(picture),
        };
        Ok(Self {
            gauge: Arc::new(gauge),
            sink: sink::Sink::new(cursor, config.limits).watching(),
            target,
            watch: Watch::new(&config.watched, config.place.base()?, &config.access),
            bucket: bucket::Bucket::new(config),
            refused: RefusedFile::new(data, &config.name),
            reader,
            grown,
            start: clock::instant(),
            under_way: UnderWay::default(),
            down: None,
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
            Step::Look => {
                let sight = self.watch.look();
                if let Sight::Unreachable { reason } = &sight {
                    self.fell(reason);
                }
                let now = self.now();
                self.sink.seen(sight, now);
            }
            Step::Send(lines) => {
                let amiss = self.bucket.as_mut().and_then(bucket::Bucket::see_to);
                let answer = amiss.unwrap_or_else(|| self.target.write(lines));
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
        match &answer {
            Answer::Later { reason, .. } | Answer::Unreachable { reason } => {
                self.fell(reason);
                if let Some(bucket) = &mut self.bucket {
                    bucket.doubt();
                }
            }
            Answer::Written | Answer::Refused { .. } => {
                if self.down.take().is_some() {
                    tracing::info!(sink = self.gauge.name, "it takes readings again");
                }
            }
        }
        let now = self.now();
        let refused = self.sink.answered(answer, now).cloned();
        if let Some(refused) = refused {
            self.keep(&refused);
        }
    }

    /// The engine does not take readings; says so when it did before.
    fn fell(&mut self, reason: &str) {
        if self.down.replace(reason.to_owned()).is_none() {
            tracing::warn!(
                sink = self.gauge.name,
                url = self.target.url(),
                reason,
                "it does not take readings; it is asked again until it does, and nothing else waits for it"
            );
        }
    }

    /// Keeps a reading the engine refused for good.
    fn keep(&mut self, refused: &sink::Refused) {
        let name = self.gauge.name.as_str();
        let kept = self.refused.add(clock::now(), refused);
        let c = self.sink.counters();
        let total = c.bad_request + c.too_large;
        // Each would fill the journal; their number is a metric.
        if !total.is_power_of_two() {
            return;
        }
        let (reason, line, file) = (&refused.reason, &refused.line, self.gauge.refused.display());
        tracing::error!(sink = name, total, reason, line, %file, "it refuses a reading for good");
        if let Err(error) = kept {
            tracing::error!(sink = name, %error, %file, "the reading it refused cannot be kept in the file");
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
            up: self.down.is_none(),
            reason: self.down.clone(),
        };
    }

    /// How long the program has been running.
    fn now(&self) -> Duration {
        clock::instant().duration_since(self.start)
    }
}
