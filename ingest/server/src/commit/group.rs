//! Messages that go to disk together.

use std::time::Instant;

use tram_pipeline::Record;

use crate::ledger::Tally;

/// Records of one transaction.
pub(super) struct Group {
    /// When its first message was taken.
    pub(super) start: Instant,
    /// What is to be written, in the order the pipeline gave it.
    pub(super) records: Vec<Record>,
    /// When the message of each record arrived.
    pub(super) arrivals: Vec<Instant>,
    /// What came in, whatever became of it.
    pub(super) tally: Tally,
    bytes: usize,
    urgent: bool,
}

impl Group {
    pub(super) fn new(start: Instant) -> Self {
        let (records, arrivals) = (Vec::new(), Vec::new());
        Self { start, records, arrivals, tally: Tally::default(), bytes: 0, urgent: false }
    }

    /// How many bytes of payload it brings.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    pub(super) fn push(&mut self, record: Record, arrived: Instant) {
        self.bytes = self.bytes.saturating_add(record.bytes());
        self.urgent |= record.urgent();
        self.records.push(record);
        self.arrivals.push(arrived);
    }

    /// Whether it should be written now: an alarm waits for nobody.
    pub(super) fn full(&self, bytes: usize, messages: usize) -> bool {
        self.urgent || self.bytes >= bytes || self.tally.messages >= messages as u64
    }
}
