//! Rollups and files of readings that were found to be damaged.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tram_pipeline::DatastreamKey;

use crate::{
    day::Day,
    shelf::{FileName, Quantities, Tier},
};

/// The most that wait for the keeper; what is found beyond is found again by the next question.
const MAX_WAITING: usize = 4096;

/// Something to be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wound {
    /// A file that cannot be opened, and what it may have held.
    File { name: FileName, quantities: Quantities },
    /// The row of a series that holds a day.
    Row { name: FileName, key: DatastreamKey, day: Day },
}

impl Wound {
    /// The file.
    pub(crate) fn name(&self) -> FileName {
        match self {
            Self::File { name, .. } | Self::Row { name, .. } => *name,
        }
    }
}

/// What was found, once each, until the keeper has seen to it.
#[derive(Debug, Default)]
pub(crate) struct Wounds {
    waiting: Mutex<VecDeque<Wound>>,
    found: AtomicU64,
}

impl Wounds {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Wound>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, wound: Wound) {
        let mut waiting = self.waiting();
        if waiting.len() < MAX_WAITING && !waiting.contains(&wound) {
            waiting.push_back(wound);
            self.found.fetch_add(u64::from(wound.name().tier != Tier::Raw), Relaxed);
        }
    }

    /// The first that is `ready`.
    pub(crate) fn first(&self, ready: impl Fn(&Wound) -> bool) -> Option<Wound> {
        self.waiting().iter().find(|wound| ready(wound)).copied()
    }

    /// Forgets everything about a file that was written anew.
    pub(crate) fn done_file(&self, file: &FileName) {
        self.waiting().retain(|wound| wound.name() != *file);
    }

    /// Forgets one that was seen to.
    pub(crate) fn done(&self, wound: &Wound) {
        self.waiting().retain(|w| w != wound);
    }

    /// How many rollups were found since the store was opened.
    pub(crate) fn found(&self) -> u64 {
        self.found.load(Relaxed)
    }
}
