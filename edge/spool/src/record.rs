//! A record on disk: a checked header that says what the payload stands for, then the payload
//! with its own check, so that a rotten payload still tells which readings are gone.

use tram_wire::{ClockState, MAX_BATCH_BYTES, Seq};

use crate::tier::Tier;

/// The largest payload of a record.
pub const MAX_RECORD_BYTES: usize = MAX_BATCH_BYTES;

/// Bytes of a record's header.
pub(crate) const HEADER_BYTES: usize = 73;
/// Bytes of the check behind a payload.
pub(crate) const CHECK_BYTES: usize = 4;
const MAGIC: [u8; 2] = *b"TR";

/// What a record stands for: readings taken between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The clock of `from` and `to`.
    pub(crate) clock: ClockState,
    /// Time of the first reading in microseconds.
    pub(crate) from: i64,
    /// Time of the last reading, not before `from`.
    pub(crate) to: i64,
    /// How many readings; 0 for an alarm.
    pub(crate) readings: u64,
}

impl Span {
    /// Of no reading at all.
    pub(crate) const NONE: Self = Self { clock: ClockState::Rtc, from: 0, to: 0, readings: 0 };
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A batch or an alarm, in the file of its lane.
    Payload = 1,
    /// "Everything below `seq` is released"; no payload.
    Released = 2,
}

/// What a record was made of: the segment of another tier that was thinned. It counts from when
/// the state says that this segment is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) tier: Tier,
    /// The first number of the segment.
    pub(crate) base: Seq,
}

/// `TR, kind, clock, len u32, seq u64, from i64, to i64, readings u64, boot u32, losses u32,
/// source-tier u8, source-base u64, before u64, durable u32, crc u32`, little endian, 73 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) payload_bytes: u32,
    pub(crate) seq: Seq,
    pub(crate) span: Span,
    /// How many losses of the spool were told up to and including this record.
    pub(crate) losses_told: u32,
    pub(crate) source: Option<Source>,
    /// How many readings were appended to the chain before, ever: the distance of two records
    /// tells how many readings were in whatever lay between them.
    pub(crate) before: u64,
    /// How many bytes of the segment were durable when this was appended: what cannot be read
    /// below is damaged, what cannot be read above may never have reached the medium.
    pub(crate) durable: u32,
}

/// Where a record lies. It goes into the checks, so that an old record that a file system gives
/// back in another place is not taken for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) spool: u64,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

impl Header {
    /// A record of a payload that tells no losses and was made of nothing else.
    pub(crate) fn of(seq: Seq, span: Span, payload: &[u8]) -> Self {
        // Whoever appends has checked the length.
        let payload_bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let (kind, losses_told, source, before) = (Kind::Payload, 0, None, 0);
        Self { kind, payload_bytes, seq, span, losses_told, source, before, durable: 0 }
    }

    /// Bytes of the whole record.
    pub(crate) fn record_bytes(&self) -> u64 {
        record_bytes(self.payload_bytes)
    }

    /// Readings of the chain up to and including this record.
    pub(crate) fn through(&self) -> u64 {
        self.before.saturating_add(self.span.readings)
    }

    /// The record's bytes at its place.
    pub(crate) fn encode(&self, payload: &[u8], place: Place) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len() + CHECK_BYTES);
        let (clock, boot) = clock_fields(self.span.clock);
        bytes.extend(MAGIC);
        bytes.extend([self.kind as u8, clock]);
        bytes.extend(self.payload_bytes.to_le_bytes());
        bytes.extend(self.seq.0.to_le_bytes());
        bytes.extend(self.span.from.to_le_bytes());
        bytes.extend(self.span.to.to_le_bytes());
        bytes.extend(self.span.readings.to_le_bytes());
        bytes.extend(boot.to_le_bytes());
        bytes.extend(self.losses_told.to_le_bytes());
        bytes.push(self.source.map_or(u8::MAX, |s| s.tier as u8));
        bytes.extend(self.source.map_or(0, |s| s.base.0).to_le_bytes());
        bytes.extend(self.before.to_le_bytes());
        bytes.extend(self.durable.to_le_bytes());
        let check = header_check(&bytes, place);
        bytes.extend(check.to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes.extend(payload_check(check, payload).to_le_bytes());
        bytes
    }

    /// Reads a header, if `bytes` begin with one that belongs at `place`.
    pub(crate) fn decode(bytes: &[u8], place: Place) -> Option<Self> {
        let head = bytes.get(..HEADER_BYTES)?;
        if !head.starts_with(&MAGIC) {
            return None;
        }
        let mut f = Fields(head.get(2..)?);
        let kind = match f.u8()? {
            1 => Kind::Payload,
            2 => Kind::Released,
            _ => return None,
        };
        let clock = f.u8()?;
        let payload_bytes = f.u32()?;
        let seq = Seq(f.u64()?);
        let (from, to, readings) = (f.i64()?, f.i64()?, f.u64()?);
        let (boot, losses_told) = (f.u32()?, f.u32()?);
        let clock = clock_of(clock, boot)?;
        let (tier, base) = (f.u8()?, Seq(f.u64()?));
        let source = match tier {
            u8::MAX => None,
            n => Some(Source { tier: Tier::from_number(n)?, base }),
        };
        let (before, durable) = (f.u64()?, f.u32()?);
        let sound = f.u32()? == header_check(head.get(..HEADER_BYTES - 4)?, place)
            && usize::try_from(payload_bytes).is_ok_and(|n| n <= MAX_RECORD_BYTES);
        let span = Span { clock, from, to, readings };
        sound.then_some(Self {
            kind,
            payload_bytes,
            seq,
            span,
            losses_told,
            source,
            before,
            durable,
        })
    }

    /// The payload of the record that `bytes` begin with, if it is whole and its check is right.
    pub(crate) fn payload<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let len = usize::try_from(self.payload_bytes).ok()?;
        let check = Fields(bytes.get(HEADER_BYTES - 4..HEADER_BYTES)?).u32()?;
        let payload = bytes.get(HEADER_BYTES..HEADER_BYTES.checked_add(len)?)?;
        let behind = bytes.get(HEADER_BYTES + len..HEADER_BYTES + len + CHECK_BYTES)?;
        (Fields(behind).u32()? == payload_check(check, payload)).then_some(payload)
    }
}

/// A clock as a tag and the boot it counts from.
pub(crate) fn clock_fields(clock: ClockState) -> (u8, u32) {
    match clock {
        ClockState::Unsynchronised { boot } => (0, boot),
        ClockState::Rtc => (1, 0),
        ClockState::Ntp => (2, 0),
    }
}

/// The clock of these fields.
pub(crate) fn clock_of(tag: u8, boot: u32) -> Option<ClockState> {
    match tag {
        0 => Some(ClockState::Unsynchronised { boot }),
        1 => Some(ClockState::Rtc),
        2 => Some(ClockState::Ntp),
        _ => None,
    }
}

/// Bytes on disk of a record with so many bytes of payload.
pub(crate) fn record_bytes(payload_bytes: u32) -> u64 {
    u64::from(payload_bytes) + (HEADER_BYTES + CHECK_BYTES) as u64
}

fn header_check(head: &[u8], place: Place) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&place.spool.to_le_bytes());
    crc.update(&place.segment.to_le_bytes());
    crc.update(&place.offset.to_le_bytes());
    crc.update(head);
    crc.finalize()
}

/// Begun with the header's check, so a payload fits one header only.
fn payload_check(header_check: u32, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(header_check);
    crc.update(payload);
    crc.finalize()
}

/// Takes little-endian numbers off the front of a slice.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn slice(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[b]| b)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clock() -> impl Strategy<Value = ClockState> {
        prop_oneof![
            any::<u32>().prop_map(|boot| ClockState::Unsynchronised { boot }),
            Just(ClockState::Rtc),
            Just(ClockState::Ntp),
        ]
    }

    proptest! {
        #[test]
        fn a_record_is_read_back_at_its_place_and_nowhere_else(
            clock in clock(), from: i64, to: i64, readings: u64, seq: u64, losses_told: u32,
            payload in prop::collection::vec(any::<u8>(), 0..200), offset in 0_u64..1000,
            source in prop::option::of((0_u8..4, any::<u64>())), before: u64, durable: u32,
        ) {
            let place = Place { spool: 7, segment: 3, offset };
            let header = Header {
                kind: Kind::Payload,
                payload_bytes: u32::try_from(payload.len()).unwrap(),
                seq: Seq(seq),
                span: Span { clock, from, to, readings },
                losses_told,
                source: source
                    .map(|(t, base)| Source { tier: Tier::from_number(t).unwrap(), base: Seq(base) }),
                before,
                durable,
            };
            let bytes = header.encode(&payload, place);
            prop_assert_eq!(bytes.len() as u64, header.record_bytes());
            prop_assert_eq!(Header::decode(&bytes, place), Some(header));
            prop_assert_eq!(header.payload(&bytes), Some(&payload[..]));
            for other in [
                Place { spool: 8, ..place },
                Place { segment: 4, ..place },
                Place { offset: offset + 1, ..place },
            ] {
                prop_assert_eq!(Header::decode(&bytes, other), None);
            }
        }

        #[test]
        fn every_flipped_bit_is_noticed(bit in 0_usize..(HEADER_BYTES + 20 + CHECK_BYTES) * 8) {
            let place = Place { spool: 7, segment: 3, offset: 32 };
            let header = Header {
                kind: Kind::Payload,
                payload_bytes: 20,
                seq: Seq(9),
                span: Span { clock: ClockState::Ntp, from: 1, to: 2, readings: 3 },
                losses_told: 0,
                source: None,
                before: 0,
                durable: 0,
            };
            let mut bytes = header.encode(&[0x5a; 20], place);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let read = Header::decode(&bytes, place);
            prop_assert!(read.is_none() || header.payload(&bytes).is_none());
        }
    }
}
