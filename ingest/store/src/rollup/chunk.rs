//! The buckets of one series over a span of time in bytes.
//!
//! ```text
//! 1 byte   layout, 1; 2 when the values are directions
//! 4 bytes  n, number of buckets, little-endian like the others
//! columns  place of the bucket (its number counted from the start of the row), total,
//!          total - count, count - good; then
//!          min, max - min, last - min, low and high half of sum - count * min
//!          or, of directions, last, sine, cosine
//! ```
//! A column is a byte 0 and the one value it holds, or a byte 1, a length and the values by pco;
//! all values have 64 bits. A bucket without a usable value has zeros for its values. Differences
//! are small where values themselves are not, and all zero for a series of one reading a bucket.
//! The CRC-32 of these bytes and of the row's number stands beside them in the file.

use pco::{ChunkConfig, data_types::Number, standalone};

use crate::{Bucket, Vector, chunk::Damage};

const VALUES: u8 = 1;
const DIRECTIONS: u8 = 2;
/// The most buckets of a row: the minutes of a day.
const MAX_BUCKETS: usize = 1440;

/// Writes buckets whose starts are multiples of `step` from `start` on, in order.
pub(super) fn encode(buckets: &[Bucket], start: i64, step: i64) -> Result<Vec<u8>, Damage> {
    let circular = buckets.first().is_some_and(|b| b.vector.is_some());
    let n = u32::try_from(buckets.len()).map_err(|_| Damage("number of buckets"))?;
    let mut bytes = Vec::with_capacity(64 + buckets.len() * 8);
    bytes.push(if circular { DIRECTIONS } else { VALUES });
    bytes.extend_from_slice(&n.to_le_bytes());
    let out = &mut bytes;
    put(out, buckets, |b| b.start.0.wrapping_sub(start).div_euclid(step).cast_unsigned())?;
    put(out, buckets, |b| b.total)?;
    put(out, buckets, |b| b.total.wrapping_sub(b.count))?;
    put(out, buckets, |b| b.count.wrapping_sub(b.good))?;
    let last = |b: &Bucket| b.last.unwrap_or_default();
    if circular {
        let vector = |b: &Bucket| b.vector.unwrap_or_default();
        put(out, buckets, last)?;
        put(out, buckets, |b| vector(b).sine)?;
        put(out, buckets, |b| vector(b).cosine)?;
        return Ok(bytes);
    }
    let min = |b: &Bucket| b.min.unwrap_or_default();
    put(out, buckets, min)?;
    put(out, buckets, |b| b.max.unwrap_or_default().wrapping_sub(min(b)).cast_unsigned())?;
    put(out, buckets, |b| last(b).wrapping_sub(min(b)).cast_unsigned())?;
    // As many values as a bucket can hold do not pass 128 bits, whatever they are.
    let rest = |b: &Bucket| {
        let least = i128::from(min(b)).wrapping_mul(i128::from(b.count));
        b.sum.unwrap_or_default().wrapping_sub(least)
    };
    put(out, buckets, |b| low(rest(b)))?;
    put(out, buckets, |b| low(rest(b) >> 64))?;
    Ok(bytes)
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(bytes: &[u8], start: i64, step: i64) -> Result<Vec<Bucket>, Damage> {
    let rest = &mut &*bytes;
    let circular = match take(rest, 1)? {
        [VALUES] => false,
        [DIRECTIONS] => true,
        _ => return Err(Damage("layout of the rollup")),
    };
    let n = take_u32(rest)?;
    if n > MAX_BUCKETS {
        return Err(Damage("number of buckets"));
    }
    let places: Vec<u64> = column(rest, n)?;
    let [total, fewer, worse] = [column::<u64>(rest, n)?, column(rest, n)?, column(rest, n)?];
    let starts = places.iter().map(|place| {
        let place = i64::try_from(*place).ok().filter(|p| *p <= 1 << 20)?;
        Some(start.saturating_add(place.saturating_mul(step)))
    });
    let mut buckets = Vec::with_capacity(n);
    for (((start, total), fewer), worse) in starts.zip(total).zip(fewer).zip(worse) {
        let mut bucket = Bucket::new(start.ok_or(Damage("place"))?, step, circular);
        bucket.total = total;
        bucket.count = total.checked_sub(fewer).ok_or(Damage("counts"))?;
        bucket.good = bucket.count.checked_sub(worse).ok_or(Damage("counts"))?;
        buckets.push(bucket);
    }
    if circular {
        directions(&mut buckets, rest)?;
    } else {
        values(&mut buckets, rest)?;
    }
    if !rest.is_empty() || !buckets.is_sorted_by(|a, b| a.start < b.start) {
        return Err(Damage("length or order of the rollup"));
    }
    Ok(buckets)
}

fn directions(buckets: &mut [Bucket], rest: &mut &[u8]) -> Result<(), Damage> {
    let n = buckets.len();
    let [last, sine, cosine] = [column::<i64>(rest, n)?, column(rest, n)?, column(rest, n)?];
    for (((b, last), sine), cosine) in buckets.iter_mut().zip(last).zip(sine).zip(cosine) {
        b.last = (b.count > 0).then_some(last);
        b.vector = Some(Vector { sine, cosine });
    }
    Ok(())
}

fn values(buckets: &mut [Bucket], rest: &mut &[u8]) -> Result<(), Damage> {
    let n = buckets.len();
    let min: Vec<i64> = column(rest, n)?;
    let [max, last] = [column::<u64>(rest, n)?, column(rest, n)?];
    let [lower, upper] = [column::<u64>(rest, n)?, column(rest, n)?];
    let halves = lower.into_iter().zip(upper);
    for ((((b, min), max), last), (lower, upper)) in
        buckets.iter_mut().zip(min).zip(max).zip(last).zip(halves)
    {
        if b.count == 0 {
            continue;
        }
        let above = |difference: u64| min.wrapping_add(difference.cast_signed());
        b.min = Some(min);
        b.max = Some(above(max));
        b.last = Some(above(last));
        let rest = (u128::from(upper) << 64 | u128::from(lower)).cast_signed();
        b.sum = Some(rest.wrapping_add(i128::from(min).wrapping_mul(i128::from(b.count))));
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the lower half is what is wanted"
)]
fn low(n: i128) -> u64 {
    n as u64
}

/// A column's values as they stand in the file.
trait Word: Number + PartialEq + Copy {
    fn bytes(self) -> [u8; 8];
    fn of(bytes: [u8; 8]) -> Self;
}

impl Word for u64 {
    fn bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
    fn of(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Word for i64 {
    fn bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
    fn of(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

fn put<T: Word>(
    out: &mut Vec<u8>,
    buckets: &[Bucket],
    of: impl Fn(&Bucket) -> T,
) -> Result<(), Damage> {
    let column: Vec<T> = buckets.iter().map(of).collect();
    let first = column.first().copied().ok_or(Damage("no buckets"))?;
    if column.iter().all(|value| *value == first) {
        out.push(0);
        out.extend_from_slice(&first.bytes());
        return Ok(());
    }
    let packed = standalone::simple_compress(&column, &ChunkConfig::default())
        .map_err(|_| Damage("buckets that cannot be compressed"))?;
    let len = u32::try_from(packed.len()).map_err(|_| Damage("length of the rollup"))?;
    out.push(1);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&packed);
    Ok(())
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Result<&'a [u8], Damage> {
    let (head, tail) = rest.split_at_checked(n).ok_or(Damage("length of the rollup"))?;
    *rest = tail;
    Ok(head)
}

fn take_u32(rest: &mut &[u8]) -> Result<usize, Damage> {
    let bytes = take(rest, 4)?.first_chunk().ok_or(Damage("length of the rollup"))?;
    usize::try_from(u32::from_le_bytes(*bytes)).map_err(|_| Damage("length of the rollup"))
}

/// Reads exactly `n` values; never more memory than that, whatever the bytes claim.
fn column<T: Word + Default>(rest: &mut &[u8], n: usize) -> Result<Vec<T>, Damage> {
    match take(rest, 1)? {
        [0] => {
            let bytes = take(rest, 8)?.first_chunk().ok_or(Damage("length of the rollup"))?;
            Ok(vec![T::of(*bytes); n])
        }
        [1] => {
            let len = take_u32(rest)?;
            let mut values = vec![T::default(); n];
            let progress = standalone::simple_decompress_into(take(rest, len)?, &mut values)
                .map_err(|_| Damage("compressed numbers"))?;
            if progress.n_processed == n && progress.finished {
                Ok(values)
            } else {
                Err(Damage("number of buckets"))
            }
        }
        _ => Err(Damage("kind of a column")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tram_wire::{Flag, Quality};

    use super::*;
    use crate::Reading;

    const STEP: i64 = 60_000_000;
    const START: i64 = 1_790_035_200_000_000;

    fn bucket(place: i64, values: &[(i64, Flag)], circular: bool) -> Bucket {
        let mut bucket = Bucket::new(START + place * STEP, STEP, circular);
        for (value, flag) in values {
            let quality = Quality { flag: *flag, ..Quality::GOOD };
            let value = (*flag != Flag::Missing).then_some(*value);
            bucket.add(&Reading { time: bucket.start, value, quality });
        }
        bucket
    }

    fn buckets() -> impl Strategy<Value = Vec<Bucket>> {
        let flag = prop_oneof![
            Just(Flag::Good),
            Just(Flag::Suspect),
            Just(Flag::Fail),
            Just(Flag::Missing)
        ];
        let value = prop_oneof![any::<i64>(), -50_i64..50, Just(i64::MIN), Just(i64::MAX)];
        let values = prop::collection::vec((value, flag), 1..6);
        let places = prop::collection::btree_map(0_i64..1440, values, 1..60);
        (places, any::<bool>()).prop_map(|(places, circular)| {
            places.iter().map(|(place, values)| bucket(*place, values, circular)).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read_back(b in buckets()) {
            prop_assert_eq!(decode(&encode(&b, START, STEP).unwrap(), START, STEP), Ok(b));
        }

        #[test]
        fn no_bytes_make_it_panic(b in buckets(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = encode(&b, START, STEP).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = to;
            let _ = decode(&bytes, START, STEP);
            let _ = decode(&bytes[..at], START, STEP);
        }
    }

    #[test]
    fn one_reading_a_minute_costs_no_more_than_the_reading() {
        let day: Vec<_> = (0..1440)
            .map(|i| bucket(i, &[(77_500 + (i * 7919) % 12, Flag::Good)], false))
            .collect();
        let bytes = encode(&day, START, STEP).unwrap().len();
        assert!(bytes < 1440, "{bytes} bytes for 1440 buckets");
    }
}
