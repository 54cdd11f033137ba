//! One node or third-party device: its spools, its clocks, its packs.

use std::collections::{BTreeSet, VecDeque};

use tram_wire::{ChannelName, Quantity, SpoolId, Status, StatusState, UnixMicros};

use crate::{
    Dictionary, MAX_THIRD_PARTY_CHANNELS, PackDigest, Progress, Readings, Reason, decode::Refused,
    spool::Spool,
};

/// The most spools of one node that are remembered; the one whose birth is oldest is forgotten.
/// A spool is an SD card, so a node has one or two in its life.
pub const MAX_SPOOLS_PER_NODE: usize = 16;
/// The most boots of one node whose offset is remembered, the latest.
pub const MAX_BOOTS_PER_NODE: usize = 16;
/// The most SenML packs of one device that are remembered to recognise a second copy.
pub const MAX_PACKS_PER_NODE: usize = 256;
/// How long a node has, at least, between two requests for its birth.
pub const REBIRTH_EVERY_MICROS: i64 = 5_000_000;

/// What the pipeline knows of a node.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// The one whose birth is oldest first.
    spools: Vec<Spool>,
    /// Boots and their offsets, the oldest first.
    boots: VecDeque<(u32, i64)>,
    /// The boot of the last birth since the program started.
    pub(crate) current_boot: Option<u32>,
    online_boot: Option<u32>,
    /// Packs on disk, the oldest first, and packs on their way.
    packs: VecDeque<PackDigest>,
    tentative_packs: BTreeSet<PackDigest>,
    /// The channels of its SenML packs.
    pub(crate) channels: BTreeSet<ChannelName>,
    asked: Option<UnixMicros>,
}

impl Node {
    pub(crate) fn spool(&mut self, id: SpoolId) -> Option<&mut Spool> {
        self.spools.iter_mut().find(|s| s.id == id)
    }

    /// The spool, made if it is new, and how many others were forgotten for it.
    pub(crate) fn open_spool(&mut self, id: SpoolId) -> (&mut Spool, u64) {
        let mut forgotten = 0;
        let spool = match self.spools.iter().position(|s| s.id == id) {
            Some(at) => self.spools.remove(at),
            None => {
                if self.spools.len() >= MAX_SPOOLS_PER_NODE
                    && let Some(at) = self.spools.iter().position(Spool::idle)
                {
                    self.spools.remove(at);
                    forgotten = 1;
                }
                Spool::new(id, Progress::default(), Dictionary::default())
            }
        };
        self.spools.push(spool);
        let last = self.spools.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "pushed the line before")]
        (&mut self.spools[last], forgotten)
    }

    /// Takes a spool over from the disk.
    pub(crate) fn restore_spool(&mut self, spool: Spool) {
        if self.spools.len() >= MAX_SPOOLS_PER_NODE {
            self.spools.remove(0);
        }
        self.spools.push(spool);
    }

    pub(crate) fn spools_mut(&mut self) -> impl Iterator<Item = &mut Spool> {
        self.spools.iter_mut()
    }

    pub(crate) fn offset(&self, boot: u32) -> Option<i64> {
        self.boots.iter().find(|(b, _)| *b == boot).map(|(_, offset)| *offset)
    }

    /// Remembers the offset of a boot; the latest one told is the best one.
    pub(crate) fn set_offset(&mut self, boot: u32, offset: i64) {
        self.boots.retain(|(b, _)| *b != boot);
        if self.boots.len() >= MAX_BOOTS_PER_NODE {
            self.boots.pop_front();
        }
        self.boots.push_back((boot, offset));
    }

    /// Whether the status changes anything: the will of an old boot does not take a new one off
    /// line.
    pub(crate) fn heard(&mut self, status: Status) -> bool {
        match status.state {
            StatusState::Online => {
                self.online_boot = Some(status.boot);
                true
            }
            StatusState::Offline => {
                let current = self.online_boot.is_none_or(|boot| boot == status.boot);
                if current {
                    self.online_boot = None;
                }
                current
            }
        }
    }

    /// Whether the node may be asked for its birth again, and notes that it is.
    pub(crate) fn ask(&mut self, now: UnixMicros) -> bool {
        let due = self.asked.is_none_or(|at| {
            // A clock that went back must not silence the question.
            !(0..REBIRTH_EVERY_MICROS).contains(&now.since(at))
        });
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// Whether it ever sent a SenML pack.
    pub(crate) fn third_party(&self) -> bool {
        !self.channels.is_empty()
    }

    /// What the node's own births say that a channel measures.
    fn born_as(&self, channel: &ChannelName) -> Option<Quantity> {
        let entries = self.spools.iter().rev().flat_map(|s| s.dictionary.entries());
        entries.map(|(_, key)| key).find(|key| key.channel == *channel).map(|key| key.quantity)
    }

    /// Takes up the channels of a SenML pack, all or none.
    pub(crate) fn add_channels(&mut self, columns: &[Readings]) -> Result<(), Refused> {
        for Readings { key, .. } in columns {
            let Some(is) = self.born_as(&key.channel).filter(|is| *is != key.quantity) else {
                continue;
            };
            let detail = format!(
                "channel {} is {} in {} by its birth, the pack says {} in {}",
                key.channel,
                is.name(),
                is.unit(),
                key.quantity.name(),
                key.quantity.unit()
            );
            let readings = columns.iter().map(Readings::len).sum();
            return Err(Refused::new(Reason::WrongUnit, detail).of(readings));
        }
        let new = |c: &&Readings| !self.channels.contains(&c.key.channel);
        let fresh: BTreeSet<ChannelName> =
            columns.iter().filter(new).map(|c| c.key.channel).collect();
        if self.channels.len() + fresh.len() > MAX_THIRD_PARTY_CHANNELS {
            let detail = format!("the device has more than {MAX_THIRD_PARTY_CHANNELS} channels");
            let readings = columns.iter().map(Readings::len).sum();
            return Err(Refused::new(Reason::TooManyChannels, detail).of(readings));
        }
        self.channels.extend(fresh);
        Ok(())
    }

    /// Whether the pack was here before, and if so whether it is on disk.
    pub(crate) fn pack(&self, digest: &PackDigest) -> Option<bool> {
        if self.packs.contains(digest) {
            return Some(true);
        }
        self.tentative_packs.contains(digest).then_some(false)
    }

    pub(crate) fn mark_pack(&mut self, digest: PackDigest) {
        self.tentative_packs.insert(digest);
    }

    pub(crate) fn withdraw_pack(&mut self, digest: &PackDigest) {
        self.tentative_packs.remove(digest);
    }

    pub(crate) fn commit_pack(&mut self, digest: PackDigest) {
        self.tentative_packs.remove(&digest);
        if self.packs.len() >= MAX_PACKS_PER_NODE {
            self.packs.pop_front();
        }
        self.packs.push_back(digest);
    }
}
