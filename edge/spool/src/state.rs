//! What must outlive every segment: the spool's identity, a floor under its numbers, what was
//! thinned, what may have been sent, the dictionary, and the losses nobody has been told.
//!
//! Two copies are written one after the other, each synced before the other is touched, so at
//! every moment one of them is whole.

use std::collections::BTreeMap;

use tram_wire::{ChannelName, ChannelNumber, ClockState, LossCause, Quantity, Seq, SpoolId};

use crate::{
    BLOCK_BYTES, Channel, Dictionary, Disk, DiskFile, Lost, SpoolError,
    losses::Losses,
    ranges::Ranges,
    record::{Fields, clock_fields, clock_of},
    tier::TIERS,
};

/// The two files.
pub(crate) const STATE_FILES: [&str; 2] = ["state.a", "state.b"];
/// The most bytes a state takes: 256 channels and 1024 losses with room to spare.
const MAX_STATE_BYTES: u64 = 128 << 10;
const MAGIC: [u8; 8] = *b"TRAMSPL4";

/// When each channel was last taken, and on which clock.
pub(crate) type Latest = BTreeMap<ChannelNumber, (ClockState, i64)>;

/// The content of a state file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    generation: u64,
    pub(crate) spool: SpoolId,
    /// No record at or above this number was ever in a deleted segment.
    pub(crate) floor: Seq,
    /// Everything below this number is released. What `sent` has forgotten is below it, or a record
    /// that comes back with a restart would be taken for one that nobody has seen.
    pub(crate) released: Seq,
    /// Of each tier: segments that begin below this number are gone; one that a loss of power
    /// brought back is deleted, since what became of its readings is told elsewhere.
    pub(crate) from: [Seq; TIERS],
    /// What may have been sent and is not released.
    pub(crate) sent: Ranges,
    pub(crate) losses: Losses,
    /// As of when this was written; what was appended since is in the newest segment.
    pub(crate) latest: Latest,
    pub(crate) dictionary: Dictionary,
}

impl State {
    /// The state of a spool that was never used.
    pub(crate) fn new(spool: SpoolId) -> Self {
        Self {
            generation: 0,
            spool,
            floor: Seq(0),
            released: Seq(0),
            from: [Seq(0); TIERS],
            sent: Ranges::default(),
            losses: Losses::default(),
            latest: Latest::new(),
            dictionary: Dictionary::default(),
        }
    }

    /// What the copies take on the disk, or would if they were written now.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let losses = self.losses.pending().len() * LOSS_BYTES;
        let channels = self.dictionary.iter().map(|c| 4 + c.name.as_str().len());
        let bytes = FIXED_BYTES
            + losses
            + channels.sum::<usize>()
            + self.latest.len() * LATEST_BYTES
            + self.sent.iter().len() * 16;
        (bytes as u64).next_multiple_of(BLOCK_BYTES) * 2
    }

    /// Writes both copies. When it fails, one of them may be newer than `self` says; whoever
    /// changed the state to the better (a channel more, a range more) need not mind.
    pub(crate) fn write<D: Disk>(&mut self, disk: &D) -> Result<(), SpoolError> {
        self.generation = self.generation.saturating_add(1);
        let bytes = self.encode();
        for name in STATE_FILES {
            let mut file = disk.open(name)?;
            file.write_at(0, &bytes)?;
            file.truncate(bytes.len() as u64)?;
            file.sync()?;
        }
        Ok(())
    }

    /// The newest whole copy.
    pub(crate) fn read<D: Disk>(disk: &D) -> Result<Option<Self>, SpoolError> {
        let names = disk.list()?;
        let mut newest: Option<Self> = None;
        for name in STATE_FILES.into_iter().filter(|n| names.iter().any(|have| have == n)) {
            let file = disk.open(name)?;
            let size = file.size()?.min(MAX_STATE_BYTES);
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
            file.read_at(0, &mut bytes)?;
            let state = Self::decode(&bytes);
            if state.as_ref().map(|s| s.generation) > newest.as_ref().map(|s| s.generation) {
                newest = state;
            }
        }
        Ok(newest)
    }

    fn encode(&self) -> Vec<u8> {
        let mut b = MAGIC.to_vec();
        b.extend(self.generation.to_le_bytes());
        b.extend(self.spool.0.to_le_bytes());
        b.extend(self.floor.0.to_le_bytes());
        b.extend(self.released.0.to_le_bytes());
        for from in self.from {
            b.extend(from.0.to_le_bytes());
        }
        b.push(u8::try_from(self.sent.iter().len()).unwrap_or(u8::MAX));
        for (from, to) in self.sent.iter() {
            b.extend(from.to_le_bytes());
            b.extend(to.to_le_bytes());
        }
        b.extend(self.losses.told().to_le_bytes());
        b.extend(u16::try_from(self.losses.pending().len()).unwrap_or(u16::MAX).to_le_bytes());
        for lost in self.losses.pending() {
            put_lost(&mut b, lost);
        }
        b.extend(u16::try_from(self.latest.len()).unwrap_or(u16::MAX).to_le_bytes());
        for (channel, (clock, at)) in &self.latest {
            b.extend(channel.0.to_le_bytes());
            put_clock(&mut b, *clock);
            b.extend(at.to_le_bytes());
        }
        b.extend(u16::try_from(self.dictionary.iter().len()).unwrap_or(u16::MAX).to_le_bytes());
        for channel in self.dictionary.iter() {
            b.extend(channel.number.0.to_le_bytes());
            b.push(channel.quantity.number());
            // A channel name is 64 bytes at most.
            b.push(u8::try_from(channel.name.as_str().len()).unwrap_or(0));
            b.extend(channel.name.as_str().as_bytes());
        }
        b.extend(crc32fast::hash(&b).to_le_bytes());
        b
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, check) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(content) != u32::from_le_bytes(*check) {
            return None;
        }
        let mut f = Fields(content.strip_prefix(&MAGIC)?);
        let generation = f.u64()?;
        let spool = SpoolId(f.u64()?);
        let floor = Seq(f.u64()?);
        let released = Seq(f.u64()?);
        let mut from = [Seq(0); TIERS];
        for seq in &mut from {
            *seq = Seq(f.u64()?);
        }
        let mut sent = Ranges::default();
        for _ in 0..f.u8()? {
            sent.add(f.u64()?, f.u64()?);
        }
        let told = f.u32()?;
        let pending = (0..f.u16()?).map(|_| take_lost(&mut f)).collect::<Option<Vec<_>>>()?;
        let mut latest = Latest::new();
        for _ in 0..f.u16()? {
            let channel = ChannelNumber(f.u16()?);
            latest.insert(channel, (take_clock(&mut f)?, f.i64()?));
        }
        let mut dictionary = Dictionary::default();
        for _ in 0..f.u16()? {
            dictionary.restore(take_channel(&mut f)?)?;
        }
        let losses = Losses::new(told, pending);
        let state =
            Self { generation, spool, floor, released, from, sent, losses, latest, dictionary };
        f.0.is_empty().then_some(state)
    }
}

/// Header, identity, floor, what is released, tiers, counts and check.
const FIXED_BYTES: usize = 8 + 8 + 8 + 8 + 8 + 8 * TIERS + 1 + 4 + 2 + 2 + 2 + 4;
const LATEST_BYTES: usize = 2 + 5 + 8;
const LOSS_BYTES: usize = 1 + 3 + 5 + 24;

fn put_clock(b: &mut Vec<u8>, clock: ClockState) {
    let (tag, boot) = clock_fields(clock);
    b.push(tag);
    b.extend(boot.to_le_bytes());
}

fn take_clock(f: &mut Fields<'_>) -> Option<ClockState> {
    let tag = f.u8()?;
    clock_of(tag, f.u32()?)
}

fn put_lost(b: &mut Vec<u8>, lost: &Lost) {
    b.push(lost.cause as u8);
    b.push(u8::from(lost.channel.is_some()));
    b.extend(lost.channel.map_or(0, |c| c.0).to_le_bytes());
    put_clock(b, lost.clock);
    b.extend(lost.from.to_le_bytes());
    b.extend(lost.to.to_le_bytes());
    b.extend(lost.readings.to_le_bytes());
}

fn take_lost(f: &mut Fields<'_>) -> Option<Lost> {
    let cause = LossCause::from_number(f.u8()?)?;
    let known = f.u8()? == 1;
    let channel = Some(ChannelNumber(f.u16()?)).filter(|_| known);
    let clock = take_clock(f)?;
    Some(Lost { channel, clock, from: f.i64()?, to: f.i64()?, readings: f.u64()?, cause })
}

fn take_channel(f: &mut Fields<'_>) -> Option<Channel> {
    let number = ChannelNumber(f.u16()?);
    let quantity = Quantity::from_number(f.u8()?)?;
    let len = f.u8()?;
    let name = std::str::from_utf8(f.slice(usize::from(len))?).ok()?;
    Some(Channel { number, name: ChannelName::new(name).ok()?, quantity })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_back_and_no_damaged_one_is() {
        let mut state = State::new(SpoolId(77));
        state.floor = Seq(5);
        state.released = Seq(3);
        state.from = [Seq(4), Seq(3), Seq(2), Seq(1)];
        state.sent.add(7, 9);
        state.sent.add(70, 90);
        let clock = ClockState::Unsynchronised { boot: 9 };
        for i in 0..3 {
            let name = ChannelName::new(&format!("c{i}")).unwrap();
            state.dictionary = state.dictionary.with(name, Quantity::Rain).0;
            state.latest.insert(ChannelNumber(i), (clock, -5));
        }
        let lost = Lost {
            channel: Some(ChannelNumber(2)),
            clock,
            from: -5,
            to: 6,
            readings: 7,
            cause: LossCause::Corrupt,
        };
        state.losses = Losses::new(3, [lost, Lost { channel: None, ..lost }]);
        let bytes = state.encode();
        assert_eq!(State::decode(&bytes), Some(state.clone()));
        assert_eq!(state.disk_bytes(), 2 * BLOCK_BYTES);
        for i in 0..bytes.len() {
            assert_eq!(State::decode(&bytes[..i]), None, "cut at {i}");
            let mut damaged = bytes.clone();
            damaged[i] ^= 0x10;
            assert_eq!(State::decode(&damaged), None, "flipped in byte {i}");
        }
    }

    #[test]
    fn its_size_is_known_before_it_is_written() {
        let mut state = State::new(SpoolId(77));
        for i in 0..256_u16 {
            let name = ChannelName::new(&format!("{i:064}")).unwrap();
            state.dictionary = state.dictionary.with(name, Quantity::Rain).0;
            state.latest.insert(ChannelNumber(i), (ClockState::Ntp, 1));
        }
        for i in 0..crate::MAX_PENDING_LOSSES {
            let lost = Lost {
                channel: None,
                clock: ClockState::Unsynchronised { boot: u32::try_from(i).unwrap() },
                from: 0,
                to: 0,
                readings: 1,
                cause: LossCause::Corrupt,
            };
            state.losses.push(lost);
        }
        for i in 0..16 {
            state.sent.add(i * 10, i * 10 + 1);
        }
        let bytes = state.encode().len() as u64;
        assert!(bytes <= MAX_STATE_BYTES);
        assert_eq!(state.disk_bytes(), bytes.next_multiple_of(BLOCK_BYTES) * 2);
        assert_eq!(State::decode(&state.encode()).unwrap().encode(), state.encode());
    }
}
