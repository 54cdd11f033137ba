//! What must outlive every segment: the spool's identity, a floor under its numbers, the
//! dictionary, and the losses nobody has been told.
//!
//! Two copies are written one after the other, each synced before the other is touched, so at
//! every moment one of them is whole.

use tram_wire::{ChannelName, ChannelNumber, ClockState, LossCause, Quantity, Seq, SpoolId};

use crate::{
    Channel, Dictionary, Disk, DiskFile, Lost, Span, SpoolError, losses::Losses, record::Fields,
};

/// The two files.
pub(crate) const STATE_FILES: [&str; 2] = ["state.a", "state.b"];
/// The most bytes a state takes: 256 channels and 64 losses with room to spare.
const MAX_STATE_BYTES: u64 = 64 << 10;
const MAGIC: [u8; 8] = *b"TRAMSPL1";

/// The content of a state file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    generation: u64,
    pub(crate) spool: SpoolId,
    /// No record at or above this number was ever in a deleted segment.
    pub(crate) floor: Seq,
    /// Routine segments that begin below this number were evicted; one that a loss of power
    /// brought back is deleted, since its readings were told to be lost.
    pub(crate) routine_from: Seq,
    pub(crate) losses: Losses,
    pub(crate) dictionary: Dictionary,
}

impl State {
    /// The state of a spool that was never used.
    pub(crate) fn new(spool: SpoolId) -> Self {
        Self {
            generation: 0,
            spool,
            floor: Seq(0),
            routine_from: Seq(0),
            losses: Losses::default(),
            dictionary: Dictionary::default(),
        }
    }

    /// Writes both copies. When it fails, one of them may be newer than `self` says; it then
    /// holds a channel or a loss more, which does no harm.
    pub(crate) fn write<D: Disk>(&mut self, disk: &D) -> Result<u64, SpoolError> {
        self.generation = self.generation.saturating_add(1);
        let bytes = self.encode();
        for name in STATE_FILES {
            let mut file = disk.open(name)?;
            file.write_at(0, &bytes)?;
            file.truncate(bytes.len() as u64)?;
            file.sync()?;
        }
        Ok(2 * bytes.len() as u64)
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
        b.extend(self.routine_from.0.to_le_bytes());
        b.extend(self.losses.told().to_le_bytes());
        b.push(u8::try_from(self.losses.pending().len()).unwrap_or(u8::MAX));
        for lost in self.losses.pending() {
            let (clock, boot) = match lost.span.clock {
                ClockState::Unsynchronised { boot } => (0_u8, boot),
                ClockState::Rtc => (1, 0),
                ClockState::Ntp => (2, 0),
            };
            b.extend([lost.cause as u8, clock]);
            b.extend(boot.to_le_bytes());
            b.extend(lost.span.from.to_le_bytes());
            b.extend(lost.span.to.to_le_bytes());
            b.extend(lost.span.readings.to_le_bytes());
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
        let routine_from = Seq(f.u64()?);
        let told = f.u32()?;
        let mut pending = Vec::new();
        for _ in 0..f.u8()? {
            let cause = LossCause::from_number(f.u8()?)?;
            let tag = f.u8()?;
            let boot = f.u32()?;
            let clock = match tag {
                0 => ClockState::Unsynchronised { boot },
                1 => ClockState::Rtc,
                2 => ClockState::Ntp,
                _ => return None,
            };
            let span = Span { clock, from: f.i64()?, to: f.i64()?, readings: f.u32()? };
            pending.push(Lost { span, cause });
        }
        let mut dictionary = Dictionary::default();
        for _ in 0..f.u16()? {
            let number = ChannelNumber(f.u16()?);
            let quantity = Quantity::from_number(f.u8()?)?;
            let len = f.u8()?;
            let name = std::str::from_utf8(f.slice(usize::from(len))?).ok()?;
            let name = ChannelName::new(name).ok()?;
            dictionary.restore(Channel { number, name, quantity })?;
        }
        let losses = Losses::new(told, pending);
        let state = Self { generation, spool, floor, routine_from, losses, dictionary };
        f.0.is_empty().then_some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_back_and_no_damaged_one_is() {
        let mut state = State::new(SpoolId(77));
        state.floor = Seq(5);
        state.routine_from = Seq(4);
        for i in 0..3 {
            let name = ChannelName::new(&format!("c{i}")).unwrap();
            state.dictionary = state.dictionary.with(name, Quantity::Rain).0;
        }
        let clock = ClockState::Unsynchronised { boot: 9 };
        let span = Span { clock, from: -5, to: 6, readings: 7 };
        state.losses.push(Lost { span, cause: LossCause::Corrupt });
        let bytes = state.encode();
        assert_eq!(State::decode(&bytes), Some(state));
        for i in 0..bytes.len() {
            assert_eq!(State::decode(&bytes[..i]), None, "cut at {i}");
            let mut damaged = bytes.clone();
            damaged[i] ^= 0x10;
            assert_eq!(State::decode(&damaged), None, "flipped in byte {i}");
        }
    }
}
