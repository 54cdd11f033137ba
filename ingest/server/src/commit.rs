//! The commit thread: the only one that decides about messages and the only one that writes the
//! log. What it has written, and nothing else, is acknowledged and shown.

mod group;

use std::{
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::mpsc};
use tram_pipeline::{Duplicate, Incoming, Outcome, Pipeline, Receipt, Record};
use tram_store::{Log, StoreError};
use tram_wire::{BatchId, Command, StatusState};

use crate::{
    board::Board,
    clock, folder,
    ledger::{Class, Ledger, Tally},
    link::{Delivered, Link},
    orders::Orders,
    sinks::Gauges,
    trace,
    wake::Wake,
};
use group::Group;

/// How long the first message of a group waits for company.
const GROUP_WAIT: Duration = Duration::from_millis(5);
/// A group of so many messages waits for nobody who is not there yet: divided among them, a sync
/// costs little, and their nodes wait for it.
const GROUP_ENOUGH: usize = 256;
/// The most payload bytes of a group.
const GROUP_BYTES: usize = 1024 * 1024;
/// The most messages of a group.
const GROUP_MESSAGES: usize = 2_048;
/// How long to wait before a commit that found no room is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often the log is tidied.
const MAINTAIN: Duration = Duration::from_secs(1);

/// What the thread works with.
pub(crate) struct Commit {
    /// Decides.
    pub(crate) pipeline: Pipeline,
    /// Keeps.
    pub(crate) log: Log,
    /// Brings messages; when the link is gone, the thread ends with the last one.
    pub(crate) messages: mpsc::Receiver<Delivered>,
    /// Takes acknowledgements.
    pub(crate) link: Arc<Link>,
    /// Shows.
    pub(crate) board: Arc<Board>,
    /// Hears what nodes answer.
    pub(crate) orders: Arc<Orders>,
    /// Tells.
    pub(crate) ledger: Arc<Ledger>,
    /// Rings when the log has grown.
    pub(crate) grown: Arc<Wake>,
    /// Where the log is, for the sentence about a disk that is full.
    pub(crate) data: PathBuf,
    /// The name of the alert engine among the consumers of the log, if there is one.
    pub(crate) alerts: Option<&'static str>,
    /// How far the engines elsewhere are.
    pub(crate) sinks: Gauges,
    /// How many groups it has committed.
    pub(crate) groups: u64,
}

/// Starts the thread. It ends when the link is gone, or with an error after which the log takes
/// nothing more; `ended` is told in either case.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(
    commit: Commit,
    runtime: Handle,
    ended: tokio::sync::oneshot::Sender<Option<StoreError>>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("commit".to_owned()).spawn(move || {
        let outcome = commit.run(&runtime);
        // The other side is gone only when the program is.
        let _ = ended.send(outcome.err());
    })
}

impl Commit {
    fn run(mut self, runtime: &Handle) -> Result<(), StoreError> {
        let mut maintained = clock::instant();
        self.ledger.log(self.log.stats());
        loop {
            self.ledger.turn();
            let due = maintained + MAINTAIN;
            match self.gather(runtime, due) {
                Gathered::Group(group) => self.settle(&group)?,
                Gathered::Nothing => {}
                Gathered::End => return self.maintain(),
            }
            if clock::instant() >= due {
                self.maintain()?;
                maintained = clock::instant();
            }
        }
    }

    /// Takes messages until the group is full, urgent, or old or large enough with no more waiting.
    fn gather(&mut self, runtime: &Handle, until: Instant) -> Gathered {
        let first = match receive(runtime, &mut self.messages, until) {
            Received::Message(message) => message,
            Received::Timeout => return Gathered::Nothing,
            Received::Closed => return Gathered::End,
        };
        let start = clock::instant();
        let mut group = Group::new(start);
        self.decide(&first, &mut group);
        while !group.full(GROUP_BYTES, GROUP_MESSAGES) {
            let patience =
                if group.records.len() < GROUP_ENOUGH { GROUP_WAIT } else { Duration::ZERO };
            match receive(runtime, &mut self.messages, start + patience) {
                Received::Message(message) => self.decide(&message, &mut group),
                // When the link is gone, the next call says so.
                Received::Timeout | Received::Closed => break,
            }
        }
        self.ledger.counters(self.pipeline.counters(), &group.tally);
        Gathered::Group(group)
    }

    /// Asks the pipeline about one message.
    fn decide(&mut self, message: &Delivered, group: &mut Group) {
        let incoming = Incoming {
            topic: &message.topic,
            content_type: message.content_type.as_deref(),
            payload: &message.payload,
            retained: message.retained,
        };
        let outcome = self.pipeline.receive(incoming, clock::now());
        group.tally.heard(message.payload.len(), message.backlog);
        match outcome.into_record() {
            Ok(record) => {
                if let Record::Accepted(accepted) = &record {
                    accepted.losses.iter().for_each(|l| group.tally.lost(l.cause, l.readings));
                }
                trace::received(&record, message.payload.len());
                group.push(record, message.arrived);
            }
            // One that is on disk is part of the next acknowledgements.
            Err(Outcome::Duplicate(duplicate)) => {
                let Duplicate { node, record, durable, .. } = duplicate;
                let class = if record.is_some() { Class::Station } else { Class::Device };
                group.tally.duplicate(class, durable);
                if let Some((spool, seq)) = record {
                    let batch = BatchId { node, spool, seq };
                    tracing::debug!(%batch, durable, outcome = "duplicate", "received");
                }
            }
            Err(Outcome::Status(change)) => {
                self.board.online(change.node, change.state == StatusState::Online);
                if let Some(health) = change.health {
                    self.board.health(change.node, health, clock::now());
                }
            }
            Err(Outcome::Defer(deferral)) => {
                tracing::debug!(node = %deferral.node, reason = %deferral.reason, "deferred");
                if deferral.rebirth {
                    self.link.mailbox.command(deferral.node, Command::Rebirth, 0);
                    self.link.wake();
                }
            }
            Err(Outcome::Answer(node, answer)) => self.orders.answered(node, answer),
            Err(Outcome::Heard(heard)) => {
                tracing::trace!(node = %heard.node, replica = %heard.replica, "acknowledged by another");
                self.ledger.heard();
            }
            Err(_) => {}
        }
    }

    /// Writes the group, then acknowledges and shows it.
    fn settle(&mut self, group: &Group) -> Result<(), StoreError> {
        if !group.records.is_empty() {
            self.append(group)?;
            self.groups += 1;
            trace::group(&group.records, self.groups, self.log.stats().last, "committed");
            let receipts: Vec<Receipt> = group.records.iter().map(Record::receipt).collect();
            self.pipeline.committed(&receipts);
            self.ledger.counters(self.pipeline.counters(), &Tally::default());
        }
        self.acknowledge();
        if !group.records.is_empty() {
            trace::group(&group.records, self.groups, self.log.stats().last, "acknowledged");
            let now = clock::instant();
            let arrivals = group.arrivals.iter().map(|a| now.duration_since(*a));
            self.ledger.committed(now.duration_since(group.start), arrivals);
            self.show(group);
            self.grown.ring();
        }
        Ok(())
    }

    /// Writes until it is written. While the disk is full nobody is acknowledged, nothing more is
    /// taken from the link, and the nodes keep what they have.
    fn append(&mut self, group: &Group) -> Result<(), StoreError> {
        loop {
            let start = clock::instant();
            self.ledger.turn();
            self.ledger.writes(Some(start));
            let written = self.log.append(&group.records);
            self.ledger.writes(None);
            match written {
                Ok(_) => {
                    let took = clock::instant().duration_since(start);
                    self.ledger.wrote(clock::now(), group.bytes(), took, self.log.stats());
                    self.ledger.log_writable(Ok(()));
                    return Ok(());
                }
                Err(error) => {
                    let reason = folder::commit_failure(&self.data, &error).to_string();
                    self.ledger.log_writable(Err(reason));
                    if error.fatal() || self.grown.stopping() {
                        return Err(error);
                    }
                    self.grown.sleep(self.grown.rings(), RETRY);
                }
            }
        }
    }

    fn acknowledge(&mut self) {
        let acks = self.pipeline.acks();
        if acks.is_empty() {
            return;
        }
        for (node, ack) in acks {
            self.link.mailbox.acknowledge(node, ack);
        }
        self.link.wake();
    }

    fn show(&self, group: &Group) {
        let accepted = group.records.iter().filter_map(|record| match record {
            Record::Accepted(accepted) => Some(&accepted.columns),
            Record::Refusal(_) | Record::Birth(_) | Record::Settled(_) => None,
        });
        self.board.readings(accepted.flatten(), clock::now());
    }

    /// Writes down what other replicas have settled. When it cannot be written, it is heard again.
    fn note_heard(&mut self) -> Result<(), StoreError> {
        let heard = self.pipeline.heard(clock::now());
        if heard.is_empty() {
            return Ok(());
        }
        match self.log.append(&heard) {
            Err(error) if error.fatal() => Err(error),
            Err(error) => {
                tracing::debug!(%error, "what other replicas have settled could not be noted");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Lets the log forget what everybody has read.
    fn maintain(&mut self) -> Result<(), StoreError> {
        if let Some(name) = self.alerts {
            let (_, cursor) = self.ledger.alerts();
            self.log.advance(name, cursor);
        }
        for sink in self.sinks.iter() {
            self.log.advance(&sink.consumer, sink.picture().cursor);
        }
        self.note_heard()?;
        match self.log.maintain() {
            Ok(_) => {
                self.ledger.log(self.log.stats());
                Ok(())
            }
            Err(error) if error.fatal() => Err(error),
            Err(error) => {
                tracing::warn!(%error, "the log could not be tidied");
                Ok(())
            }
        }
    }
}

/// What a turn of the thread brought.
enum Gathered {
    Group(Group),
    Nothing,
    End,
}

enum Received {
    Message(Delivered),
    Timeout,
    Closed,
}

fn receive(runtime: &Handle, messages: &mut mpsc::Receiver<Delivered>, until: Instant) -> Received {
    // Most of the time, under load, there is one already.
    match messages.try_recv() {
        Ok(message) => return Received::Message(message),
        Err(mpsc::error::TryRecvError::Disconnected) => return Received::Closed,
        Err(mpsc::error::TryRecvError::Empty) => {}
    }
    match runtime.block_on(async { tokio::time::timeout_at(until.into(), messages.recv()).await }) {
        Ok(Some(message)) => Received::Message(message),
        Ok(None) => Received::Closed,
        Err(_) => Received::Timeout,
    }
}
