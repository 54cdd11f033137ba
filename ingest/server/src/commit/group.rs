//! Messages that go to disk together.

use std::time::Instant;

use tram_pipeline::Record;

/// Records of one transaction.
pub(super) struct Group {
    /// When its first message was taken.
    pub(super) start: Instant,
    /// What is to be written, in the order the pipeline gave it.
    pub(super) records: Vec<Record>,
    /// When the message of each record arrived.
    pub(super) arrivals: Vec<Instant>,
    bytes: usize,
    urgent: bool,
    messages: u64,
}

impl Group {
    pub(super) fn new(start: Instant) -> Self {
        let (records, arrivals) = (Vec::new(), Vec::new());
        Self { start, records, arrivals, bytes: 0, urgent: false, messages: 0 }
    }

    /// Counts a message, whatever became of it.
    pub(super) fn heard(&mut self) {
        self.messages += 1;
    }

    /// How many messages it has heard.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    pub(super) fn push(&mut self, record: Record, arrived: Instant) {
        self.bytes = self.bytes.saturating_add(record.bytes());
        self.urgent |= record.urgent();
        self.records.push(record);
        self.arrivals.push(arrived);
    }

    /// Whether it should be written now: an alarm waits for nobody.
    pub(super) fn full(&self, bytes: usize, messages: usize) -> bool {
        self.urgent || self.bytes >= bytes || self.messages >= messages as u64
    }
}
