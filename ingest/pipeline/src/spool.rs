//! One spool of one node: what of it is on disk, what is on its way, what its numbers mean.

use std::collections::BTreeSet;

use tram_wire::{Ack, MAX_ACK_RANGES, ReplicaId, Seq, SpoolId};

use crate::{Dictionary, MAX_PROGRESS_RANGES, Progress, ranges::Ranges};

/// The most records of one spool on their way to the disk.
pub const MAX_TENTATIVE: usize = 4096;

/// What the pipeline knows of a spool.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) id: SpoolId,
    progress: Progress,
    /// What others have settled and is not on disk here yet.
    heard: Progress,
    /// What was committed here since the last acknowledgement.
    fresh: Ranges,
    /// What came again since then although it is settled, at most [`MAX_ACK_RANGES`].
    asked: Vec<Seq>,
    tentative: BTreeSet<Seq>,
    pub(crate) dictionary: Dictionary,
    /// Whether a birth of it has come since the program started, so that what the dictionary
    /// does not hold does not exist.
    pub(crate) confirmed: bool,
    /// Whether the node should be told what is on disk.
    owes_ack: bool,
}

/// What a number of a spool is to the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// On disk, here or with a replica that said so, or let go by the node.
    Settled,
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
            heard: Progress::default(),
            fresh: Ranges::default(),
            asked: Vec::new(),
            tentative: BTreeSet::new(),
            dictionary,
            confirmed: false,
            owes_ack: false,
        }
    }

    pub(crate) fn standing(&self, seq: Seq) -> Standing {
        if self.progress.covers(seq) {
            return Standing::Settled;
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
        self.fresh.insert(seq.0, seq.0);
        self.owes_ack = true;
    }

    /// The node has let go of everything below `held_from`; that is on disk here.
    pub(crate) fn released(&mut self, held_from: Seq) {
        self.progress.raise(held_from);
        self.owes_ack = true;
    }

    /// A settled number came again: the node seems not to know.
    pub(crate) fn ask(&mut self, seq: Seq) {
        if self.asked.len() < MAX_ACK_RANGES {
            self.asked.push(seq);
        }
        self.owes_ack = true;
    }

    /// Another replica says what it knows.
    pub(crate) fn hear(&mut self, ack: &Ack) {
        self.progress.hear(ack);
        self.heard.hear(ack);
    }

    /// Makes room for another gap by giving up the lowest.
    pub(crate) fn give_up_lowest_gap(&mut self) {
        let to = self.progress.give_up_lowest_gap();
        self.heard.raise(to);
    }

    /// What was heard since the last call, to be written down.
    pub(crate) fn take_heard(&mut self) -> Option<Progress> {
        (!self.heard.is_empty()).then(|| std::mem::take(&mut self.heard))
    }

    /// The acknowledgement that is owed since the last call, if one is.
    pub(crate) fn take_ack(&mut self, replica: ReplicaId) -> Option<Ack> {
        let (fresh, asked) = (std::mem::take(&mut self.fresh), std::mem::take(&mut self.asked));
        std::mem::take(&mut self.owes_ack)
            .then(|| self.progress.ack(self.id, replica, &asked, fresh.as_slice()))
    }

    pub(crate) fn withdraw(&mut self, seq: Seq) {
        self.tentative.remove(&seq);
    }

    /// Whether nothing of it is on its way to the disk, so that it may be forgotten.
    pub(crate) fn idle(&self) -> bool {
        self.tentative.is_empty()
    }
}
