//! Reading a batch.

use alloc::vec::Vec;

use minicbor::{Decoder, data::Type};

use super::{
    Batch, BatchHeader, Column, MAX_BATCH_BYTES, MAX_BATCH_COLUMNS, MAX_BATCH_READINGS, QualityRun,
};
use crate::{
    ChannelNumber, Loss, MAX_BATCH_LOSSES, Quality, Quantity, Seq, SpoolId,
    birth::take_clock,
    cbor::{DecodeError, finish, open_array, open_list, version},
};

/// The null of CBOR.
const NULL: u8 = 0xf6;
const FAR: DecodeError = DecodeError::Value("distance in a column");

impl BatchHeader {
    /// Reads only the start of a batch, to be able to acknowledge one whose rest is refused.
    ///
    /// # Errors
    /// [`DecodeError`] when even the start is not that of a batch.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        take_header(&mut Decoder::new(bytes))
    }
}

impl Batch {
    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a batch or pass a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_BATCH_BYTES {
            return Err(DecodeError::Limit("bytes in a batch"));
        }
        let d = &mut Decoder::new(bytes);
        let header = take_header(d)?;
        let base = d.i64()?;
        let tick = match i64::try_from(d.u64()?) {
            Ok(t) if t > 0 => t,
            _ => return Err(DecodeError::Value("tick")),
        };
        let columns = take_columns(d, base, tick)?;
        let n = open_list(d, MAX_BATCH_LOSSES, "losses in a batch")?;
        let mut losses: Vec<Loss> = Vec::with_capacity(n);
        for _ in 0..n {
            let before = losses.last().map_or(base, |l| l.from);
            losses.push(Loss::take(d, before)?);
        }
        finish(d)?;
        Ok(Self { header, columns, losses })
    }
}

fn take_header(d: &mut Decoder<'_>) -> Result<BatchHeader, DecodeError> {
    open_array(d, 8)?;
    version(d)?;
    Ok(BatchHeader { spool: SpoolId(d.u64()?), seq: Seq(d.u64()?), clock: take_clock(d)? })
}

fn take_columns(d: &mut Decoder<'_>, base: i64, tick: i64) -> Result<Vec<Column>, DecodeError> {
    let n = open_list(d, MAX_BATCH_COLUMNS, "columns in a batch")?;
    let mut columns: Vec<Column> = Vec::with_capacity(n);
    let mut room = MAX_BATCH_READINGS;
    for _ in 0..n {
        open_array(d, 5)?;
        let channel = ChannelNumber(d.u16()?);
        let quantity = Quantity::from_number(d.u8()?).ok_or(DecodeError::Value("quantity"))?;
        let micros = if d.datatype()? == Type::Null {
            d.null()?;
            let before = columns.last().ok_or(DecodeError::Value("times of the first column"))?;
            if before.len() > room {
                return Err(DecodeError::Limit("readings in a batch"));
            }
            before.micros.clone()
        } else {
            take_times(d, base, tick, room)?
        };
        room = room.saturating_sub(micros.len());
        let values = take_values(d, micros.len())?;
        let quality = take_quality(d, &values)?;
        let column = Column { channel, quantity, micros, values, quality };
        if !column.consistent() {
            return Err(DecodeError::Value("quality of a column"));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn take_times(
    d: &mut Decoder<'_>,
    base: i64,
    tick: i64,
    room: usize,
) -> Result<Vec<i64>, DecodeError> {
    open_array(d, 3)?;
    let at = |ticks: i64| ticks.checked_mul(tick).and_then(|t| base.checked_add(t)).ok_or(FAR);
    let mut ticks = d.i64()?;
    let step = d.i64()?;
    let regular = d.datatype()? != Type::Array;
    let count = if regular {
        // The only place where few bytes stand for many readings; bounded by `room`.
        let n = usize::try_from(d.u64()?).unwrap_or(usize::MAX);
        if n == 0 {
            return Err(DecodeError::Value("length of a column"));
        }
        n
    } else {
        open_list(d, MAX_BATCH_READINGS, "readings in a batch")?.saturating_add(1)
    };
    if count > room {
        return Err(DecodeError::Limit("readings in a batch"));
    }
    let mut micros = Vec::with_capacity(count);
    micros.push(at(ticks)?);
    for _ in 1..count {
        let deviation = if regular { 0 } else { take_step(d)? };
        ticks = step.checked_add(deviation).and_then(|s| ticks.checked_add(s)).ok_or(FAR)?;
        micros.push(at(ticks)?);
    }
    Ok(micros)
}

fn take_values(d: &mut Decoder<'_>, count: usize) -> Result<Vec<Option<i64>>, DecodeError> {
    let n = open_list(d, MAX_BATCH_READINGS + 2, "readings in a batch")?;
    if n != count.saturating_add(2) {
        return Err(DecodeError::Value("length of a column"));
    }
    let mut last = d.i64()?;
    let step = i64::try_from(d.u64()?).map_err(|_| FAR)?;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        if d.input().get(d.position()) == Some(&NULL) {
            d.null()?;
            values.push(None);
            continue;
        }
        last = take_step(d)?.checked_mul(step).and_then(|v| last.checked_add(v)).ok_or(FAR)?;
        values.push(Some(last));
    }
    Ok(values)
}

/// An integer; one of one or two bytes, as nearly all are, without any detour.
fn take_step(d: &mut Decoder<'_>) -> Result<i64, DecodeError> {
    let at = d.position();
    let (step, bytes) = match d.input().get(at..) {
        Some([n @ 0..=0x17, ..]) => (i64::from(*n), 1),
        Some([n @ 0x20..=0x37, ..]) => (-1 - i64::from(n - 0x20), 1),
        Some([0x18, n, ..]) => (i64::from(*n), 2),
        Some([0x38, n, ..]) => (-1 - i64::from(*n), 2),
        _ => return Ok(d.i64()?),
    };
    d.set_position(at + bytes);
    Ok(step)
}

fn take_quality(
    d: &mut Decoder<'_>,
    values: &[Option<i64>],
) -> Result<Vec<QualityRun>, DecodeError> {
    let error = DecodeError::Value("quality of a column");
    let n = open_list(d, MAX_BATCH_READINGS * 2, "quality runs")?;
    let count = u32::try_from(values.len()).map_err(|_| error)?;
    if n == 0 {
        return Ok(alloc::vec![QualityRun { quality: Quality::GOOD, len: count }]);
    }
    let mut runs: Vec<QualityRun> = Vec::with_capacity(n / 2);
    let mut covered: u32 = 0;
    for _ in 0..n / 2 {
        let quality = Quality::from_code(d.u16()?).ok_or(error)?;
        let len = d.u32()?;
        covered = covered.checked_add(len).ok_or(error)?;
        if len == 0 || runs.last().is_some_and(|r| r.quality == quality) {
            return Err(error);
        }
        runs.push(QualityRun { quality, len });
    }
    if n % 2 != 0 || covered != count {
        return Err(error);
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_is_read_as_the_library_reads_it() {
        let mut encoded: Vec<Vec<u8>> = Vec::new();
        for n in (-70_000..70_000).chain([i64::MIN, i64::MIN + 1, i64::MAX]) {
            let mut e = minicbor::Encoder::new(Vec::new());
            e.i64(n).unwrap();
            encoded.push(e.into_writer());
        }
        // Longer than they need to be, cut, and no integers.
        for bytes in [
            &b"\x18\x01"[..],
            b"\x38\x00",
            b"\x19\x00\x01",
            b"\x1b",
            b"\x18",
            b"\x38",
            b"",
            b"\xf6",
            b"\x40",
            b"\x1c",
            b"\x3f",
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            encoded.push(bytes.to_vec());
        }
        for bytes in encoded {
            let (mut ours, mut theirs) = (Decoder::new(&bytes), Decoder::new(&bytes));
            let expected = theirs.i64().map_err(DecodeError::from);
            assert_eq!(take_step(&mut ours), expected, "{bytes:02x?}");
            if expected.is_ok() {
                assert_eq!(ours.position(), theirs.position(), "{bytes:02x?}");
            }
        }
    }
}
