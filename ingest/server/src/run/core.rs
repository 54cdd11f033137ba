//! What is behind the log: the store, the board, the live feed and the alarms.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    thread::JoinHandle,
};

use tram_alerts::{Alerts, AlertsError, Links};
use tram_pipeline::{Memory, Pipeline, Policy, ThirdParty};
use tram_rules::{Rule, Words};
use tram_store::{Keeper, Latest, Log, Opened, Options, Sealer, Store, sink::consumer};
use tram_wire::{Point, UnixMicros};

use super::parts::no_thread;
use crate::{
    alarms::{self, Alarms, Evaluator, log_id},
    board::Board,
    channels, clock,
    config::{Configuration, External, Station},
    failure::Failure,
    folder,
    foreign::Foreign,
    http::Beginning,
    ledger::Ledger,
    links,
    live::Hub,
    replica::Replica,
    rules,
    sinks::{Gauges, Writer},
    wake::Wake,
};

/// The name of the sealer among the consumers of the log.
const SEALER: &str = "seal";

/// What is behind the log.
pub(super) struct Core {
    pub(super) store: Store,
    pub(super) board: Arc<Board>,
    pub(super) hub: Arc<Hub>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) alarms: Option<Arc<Alarms>>,
    /// Makes and reads the links in messages.
    pub(super) links: Option<Links>,
    /// What others warn of.
    pub(super) foreign: Arc<Foreign>,
    /// Who this centre is.
    pub(super) replica: Replica,
    /// How far the engines elsewhere are.
    pub(super) sinks: Gauges,
    /// Rings when the log has grown.
    pub(super) grown: Arc<Wake>,
    /// How many rules are evaluated.
    pub(super) rules: usize,
    /// Where they come from, and whether what is there now is in force.
    pub(super) folder: Arc<rules::Folder>,
    /// When the program began and what it found.
    pub(super) beginning: Beginning,
    /// The threads behind the log.
    pub(super) threads: Vec<JoinHandle<()>>,
}

/// What the commit thread and the sealer own.
pub(super) struct Kept {
    pub(super) log: Log,
    pub(super) sealer: Sealer,
    pub(super) keeper: Keeper,
    pub(super) memory: Memory,
}

impl Core {
    pub(super) fn open(config: &Configuration, rules: Vec<Rule>) -> Result<(Self, Kept), Failure> {
        let (at, start) = (clock::now(), clock::instant());
        let Opened { log, sealer, keeper, store, memory, recovery } = open_store(config)?;
        let opening = clock::instant().duration_since(start);
        if recovery.corrupt_entries > 0 {
            tracing::error!(
                entries = recovery.corrupt_entries,
                "entries of the log are damaged; they are not shown, and go to the quarantine when \
                 the log forgets them"
            );
        }
        for finding in &recovery.findings {
            crate::seal::say_finding(finding);
        }
        let board = Arc::new(board(config, &store));
        let hub = Hub::new(Arc::clone(&board));
        let mut core = Self {
            store,
            board,
            hub,
            ledger: Arc::default(),
            alarms: None,
            links: None,
            foreign: Foreign::start(&config.cap_feeds).map_err(|e| no_thread(&e))?,
            replica: Replica::new(memory.replica, &config.broker),
            sinks: Arc::default(),
            grown: Arc::default(),
            rules: rules.len(),
            folder: rules::Folder::new(&config.rules, rules.len()),
            beginning: Beginning { at, found: recovery, opening },
            threads: Vec::new(),
        };
        if let Some(alerts) = &config.alerts {
            core.watch(config, alerts, rules)?;
        }
        core.pour(config, &log)?;
        core.ledger.log(log.stats());
        core.tick(clock::now());
        core.find_oldest(config, &log)?;
        Ok((core, Kept { log, sealer, keeper, memory }))
    }

    /// The name of the alert engine among the consumers of the log.
    pub(super) fn consumer(&self) -> Option<&'static str> {
        self.alarms.is_some().then_some(alarms::CONSUMER)
    }

    /// Once a second: what has changed is shown to open pages.
    pub(super) fn tick(&self, now: UnixMicros) {
        let through = self.ledger.picture().log.last;
        self.hub.tick(now);
        self.ledger.shown(through);
    }

    /// Looks up when the oldest entries were received that consumers have not taken, so that
    /// their lag is told from the first moment on.
    fn find_oldest(&self, config: &Configuration, log: &Log) -> Result<(), Failure> {
        let failure = |e| folder::store_failure(&config.data, &e);
        let mut reader = self.store.reader().map_err(failure)?;
        for (consumer, position) in log.cursors() {
            if consumer == SEALER {
                self.ledger.sealed_before(position);
            }
            if position >= log.stats().last {
                continue;
            }
            // An entry that is gone or damaged is told elsewhere.
            let next = reader.after(position, 1).unwrap_or_default();
            for entry in next {
                self.ledger.pace().found(entry.id, entry.received);
            }
        }
        Ok(())
    }

    /// Ends the threads and the feed.
    pub(super) fn stop(&self) {
        self.hub.close();
        self.grown.stop();
        self.foreign.stop();
        self.folder.stop();
        if let Some(alarms) = &self.alarms {
            alarms.stop();
        }
    }

    /// Starts the alert engine and one thread a receiver.
    fn watch(
        &mut self,
        config: &Configuration,
        alerts: &tram_alerts::Config,
        rules: Vec<Rule>,
    ) -> Result<(), Failure> {
        let path = config.data.join("alerts.db");
        let failure = |e: AlertsError| {
            Failure::new(format!("the alarms in {} cannot be used: {e}", path.display()), "")
        };
        let stations = config.stations.iter().map(named).collect();
        let links = links::open(&config.data, &alerts.public_url)?;
        let mut engine =
            Alerts::open(&path, alerts, rules, stations, clock::now()).map_err(failure)?;
        if let Some(saved) = engine.saved() {
            tracing::error!(file = %path.display(), "{saved}: look at the disk (dmesg, smartctl)");
        }
        engine.set_links(links.clone());
        self.links = Some(links);
        self.ledger.set_alerts(log_id(engine.position()), log_id(engine.cursor()));
        let alarms = Alarms::new(engine, Arc::clone(&self.board), Arc::clone(&self.hub));
        let reader = self.store.reader().map_err(|e| folder::store_failure(&config.data, &e))?;
        let evaluator = Evaluator {
            alarms: Arc::clone(&alarms),
            reader,
            ledger: Arc::clone(&self.ledger),
            grown: Arc::clone(&self.grown),
            doubted: None,
        };
        self.threads.push(evaluator.start().map_err(|e| no_thread(&e))?);
        for sender in channels::senders(alerts)? {
            // A receiver that takes its time must not hold the program: its thread is left
            // alone when the program stops, and what it was sending is sent again.
            drop(alarms::deliver(Arc::clone(&alarms), sender).map_err(|e| no_thread(&e))?);
        }
        self.threads.push(self.folder.watch(Arc::clone(&alarms)).map_err(|e| no_thread(&e))?);
        self.alarms = Some(alarms);
        Ok(())
    }

    /// Starts one thread for each set of loudspeakers; `own` is how the centre reaches its broker.
    pub(super) fn speak(
        &self,
        alerts: Option<&tram_alerts::Config>,
        own: &External,
    ) -> Result<(), Failure> {
        let (Some(alerts), Some(alarms)) = (alerts, &self.alarms) else { return Ok(()) };
        for sender in channels::loudspeakers(alerts, own)? {
            drop(alarms::deliver(Arc::clone(alarms), sender).map_err(|e| no_thread(&e))?);
        }
        Ok(())
    }

    /// Starts one thread a sink.
    fn pour(&mut self, config: &Configuration, log: &Log) -> Result<(), Failure> {
        let cursors: HashMap<_, _> = log.cursors().into_iter().collect();
        let mut gauges = Vec::with_capacity(config.sinks.len());
        for sink in &config.sinks {
            let reader =
                self.store.reader().map_err(|e| folder::store_failure(&config.data, &e))?;
            // The store has registered every consumer it was opened with.
            let cursor = cursors.get(&consumer(&sink.name)).copied().unwrap_or_default();
            let writer = Writer::new(sink, &config.data, cursor, reader, Arc::clone(&self.grown))
                .map_err(|e| {
                Failure::new(format!("the sink `{}` cannot be used: {e}", sink.name), "")
            })?;
            gauges.push(writer.gauge());
            writer.start().map_err(|e| no_thread(&e))?;
        }
        self.sinks = gauges.into();
        Ok(())
    }
}

fn open_store(config: &Configuration) -> Result<Opened, Failure> {
    let consumers = config.alerts.iter().map(|_| alarms::CONSUMER.to_owned()).collect();
    let bounded_consumers =
        config.sinks.iter().map(|s| (consumer(&s.name), s.hold_bytes)).collect();
    let options = Options {
        seal_readings: config.store.seal_readings,
        max_head_readings: config.store.head_readings,
        consumers,
        bounded_consumers,
        retention: config.retention.clone(),
        ..Options::default()
    };
    Store::open(&config.data, options).map_err(|e| folder::store_failure(&config.data, &e))
}

/// The board as it stood when the program ended.
fn board(config: &Configuration, store: &Store) -> Board {
    let board = Board::new(&config.stations);
    for latest in store.latest() {
        let Latest { key, time, value, quality, .. } = latest;
        board.reading(key, Point { micros: time.0, value, quality });
    }
    board
}

/// A station as messages call it.
fn named(station: &Station) -> tram_alerts::Station {
    tram_alerts::Station {
        id: station.id,
        name: Words {
            vi: station.name.clone(),
            en: station.name_en.clone(),
            zh: station.name_zh.clone(),
        },
    }
}

/// A pipeline that knows what the configuration and the store know.
pub(super) fn pipeline(config: &Configuration, memory: Memory) -> Pipeline {
    let nodes: HashSet<_> = config.stations.iter().map(|s| s.id).collect();
    let third_party = match config.register_third_party {
        true => ThirdParty::Register,
        false => ThirdParty::Refuse,
    };
    let latest_ahead = i64::try_from(config.ahead.as_micros()).unwrap_or(i64::MAX);
    let (role, earliest) = (config.broker.role(), config.earliest);
    Pipeline::new(Policy { nodes, role, third_party, earliest, latest_ahead }, memory)
}
