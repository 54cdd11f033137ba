//! One spool of one node: what of it is on disk, what is on its way, what its numbers mean.

use std::collections::BTreeSet;

use tram_wire::{Seq, SpoolId};

use crate::{Dictionary, MAX_PROGRESS_RANGES, Progress};

/// The most records of one spool on their way to the disk.
pub const MAX_TENTATIVE: usize = 4096;

/// What the pipeline knows of a spool.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) id: SpoolId,
    pub(crate) progress: Progress,
    tentative: BTreeSet<Seq>,
    pub(crate) dictionary: Dictionary,
    /// Whether a birth of it has come since the program started, so that what the dictionary
    /// does not hold does not exist.
    pub(crate) confirmed: bool,
    /// Whether the node should be told what is on disk.
    pub(crate) owes_ack: bool,
}

/// What a number of a spool is to the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// On disk.
    Durable,
    /// On its way there.
    Tentative,
    /// Never seen.
    New,
    /// Never seen, and there is no room for another gap.
    TooManyGaps,
    /// Never seen, and too many are on their way.
    Busy,
}

impl Spool {
    pub(crate) fn new(id: SpoolId, progress: Progress, dictionary: Dictionary) -> Self {
        Self {
            id,
            progress,
            tentative: BTreeSet::new(),
            dictionary,
            confirmed: false,
            owes_ack: false,
        }
    }

    pub(crate) fn standing(&self, seq: Seq) -> Standing {
        if self.progress.covers(seq) {
            return Standing::Durable;
        }
        if self.tentative.contains(&seq) {
            return Standing::Tentative;
        }
        if self.tentative.len() >= MAX_TENTATIVE {
            return Standing::Busy;
        }
        // Each tentative number may become a range of its own.
        let ranges = self.progress.ranges().len() + self.tentative.len();
        if ranges >= MAX_PROGRESS_RANGES && !self.near(seq) {
            return Standing::TooManyGaps;
        }
        Standing::New
    }

    /// Whether `seq` closes a gap or follows what is on disk or on its way.
    fn near(&self, seq: Seq) -> bool {
        let before = seq.0.checked_sub(1).map(Seq);
        self.progress.touches(seq) || before.is_some_and(|b| self.tentative.contains(&b))
    }

    pub(crate) fn mark(&mut self, seq: Seq) {
        self.tentative.insert(seq);
    }

    pub(crate) fn commit(&mut self, seq: Seq) {
        self.tentative.remove(&seq);
        self.progress.insert(seq);
        self.owes_ack = true;
    }

    pub(crate) fn withdraw(&mut self, seq: Seq) {
        self.tentative.remove(&seq);
    }

    /// Whether nothing of it is on its way to the disk, so that it may be forgotten.
    pub(crate) fn idle(&self) -> bool {
        self.tentative.is_empty()
    }
}
