//! Some 3600 readings of one series in bytes.
//!
//! ```text
//! 1 byte   layout, 2
//! 4 bytes  n, number of readings, little-endian like the others
//! 4 bytes  p, number of readings that have a value
//! 8 bytes  s, microseconds: what time i is expected to be behind time 0 is i times s
//! 4 bytes  length of the times, then the times: pco of n signed 64-bit microseconds, time i less
//!          what is expected
//! 4 bytes  length of the values, then the values: pco of p signed 64-bit counts
//! rest     qualities by runs: code, length, each LEB128
//! ```
//! A reading has no value when its quality says that it is missing. The CRC-32 of these bytes
//! stands beside them in the file.

use pco::{ChunkConfig, standalone};
use tram_wire::Quality;

use crate::columns::{Columns, missing};

/// How many readings a chunk holds when there are enough.
pub(crate) const CHUNK_READINGS: usize = 3600;
/// The most readings of a chunk: a short rest is not worth a chunk of its own.
pub(crate) const MAX_CHUNK_READINGS: usize = CHUNK_READINGS + CHUNK_READINGS / 4;

const LAYOUT: u8 = 2;

/// What of the chunk's bytes is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage(pub(crate) &'static str);

/// Writes settled columns.
pub(crate) fn encode(columns: &Columns) -> Result<Vec<u8>, Damage> {
    let config = ChunkConfig::default();
    let present: Vec<i64> = columns
        .values
        .iter()
        .zip(&columns.codes)
        .filter(|(_, code)| !missing(**code))
        .map(|(value, _)| *value)
        .collect();
    let refused = |_| Damage("readings that cannot be compressed");
    let (step, times) = times(&columns.micros, &config).map_err(refused)?;
    let values = standalone::simple_compress(&present, &config).map_err(refused)?;
    let mut bytes = Vec::with_capacity(32 + times.len() + values.len());
    bytes.push(LAYOUT);
    put_u32(&mut bytes, columns.len())?;
    put_u32(&mut bytes, present.len())?;
    bytes.extend_from_slice(&step.to_le_bytes());
    for part in [times, values] {
        put_u32(&mut bytes, part.len())?;
        bytes.extend_from_slice(&part);
    }
    for run in columns.codes.chunk_by(|a, b| a == b) {
        put_leb128(&mut bytes, u32::from(run.first().copied().unwrap_or_default()));
        put_leb128(&mut bytes, u32::try_from(run.len()).map_err(|_| Damage("length"))?);
    }
    Ok(bytes)
}

/// The times in the shorter of two ways. From one reading to the next the lateness of both counts,
/// so a station that wakes up at a steady pace and a little late each time is told more briefly by
/// how far each reading is from its place on the grid.
fn times(micros: &[i64], config: &ChunkConfig) -> Result<(i64, Vec<u8>), pco::errors::PcoError> {
    let plain = standalone::simple_compress(micros, config)?;
    let step = usual_step(micros);
    if step == 0 {
        return Ok((0, plain));
    }
    let places = micros.iter().zip(0..).map(|(time, i)| time.wrapping_sub(step.wrapping_mul(i)));
    let late = standalone::simple_compress(&places.collect::<Vec<i64>>(), config)?;
    Ok(if late.len() < plain.len() { (step, late) } else { (0, plain) })
}

/// The median step from one time to the next; 0 when all steps are the same, which costs nothing as
/// it is, or when there are too few.
fn usual_step(micros: &[i64]) -> i64 {
    let next = micros.iter().skip(1);
    let mut steps: Vec<i64> = micros.iter().zip(next).map(|(a, b)| b.wrapping_sub(*a)).collect();
    if steps.len() < 8 || steps.iter().all(|step| steps.first() == Some(step)) {
        return 0;
    }
    let middle = steps.len() / 2;
    *steps.select_nth_unstable(middle).1
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Columns, Damage> {
    let mut rest = bytes;
    if take(&mut rest, 1)? != [LAYOUT] {
        return Err(Damage("layout of the chunk"));
    }
    let n = take_u32(&mut rest)?;
    let p = take_u32(&mut rest)?;
    if n > MAX_CHUNK_READINGS || p > n {
        return Err(Damage("number of readings"));
    }
    let step = take(&mut rest, 8)?.first_chunk().ok_or(Damage("length of the chunk"))?;
    let step = i64::from_le_bytes(*step);
    let mut micros = take_numbers(&mut rest, n)?;
    if step != 0 {
        for (time, i) in micros.iter_mut().zip(0..) {
            *time = time.wrapping_add(step.wrapping_mul(i));
        }
    }
    let present = take_numbers(&mut rest, p)?;
    let mut codes = Vec::with_capacity(n);
    while !rest.is_empty() {
        let code = u16::try_from(take_leb128(&mut rest)?).map_err(|_| Damage("quality"))?;
        let len = usize::try_from(take_leb128(&mut rest)?).map_err(|_| Damage("quality"))?;
        if Quality::from_code(code).is_none() || len > n - codes.len() {
            return Err(Damage("quality"));
        }
        codes.resize(codes.len() + len, code);
    }
    let mut present = present.into_iter();
    let values: Vec<i64> = codes
        .iter()
        .map(|code| if missing(*code) { Some(0) } else { present.next() })
        .collect::<Option<_>>()
        .ok_or(Damage("number of values"))?;
    if codes.len() != n || present.next().is_some() || !micros.is_sorted_by(|a, b| a < b) {
        return Err(Damage("number or order of readings"));
    }
    Ok(Columns { micros, values, codes })
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Result<&'a [u8], Damage> {
    let (head, tail) = rest.split_at_checked(n).ok_or(Damage("length of the chunk"))?;
    *rest = tail;
    Ok(head)
}

fn put_u32(bytes: &mut Vec<u8>, n: usize) -> Result<(), Damage> {
    let n = u32::try_from(n).map_err(|_| Damage("length of the chunk"))?;
    bytes.extend_from_slice(&n.to_le_bytes());
    Ok(())
}

fn take_u32(rest: &mut &[u8]) -> Result<usize, Damage> {
    let bytes = take(rest, 4)?.first_chunk().ok_or(Damage("length of the chunk"))?;
    usize::try_from(u32::from_le_bytes(*bytes)).map_err(|_| Damage("length of the chunk"))
}

/// Reads exactly `n` numbers; never more memory than that, whatever the bytes claim.
fn take_numbers(rest: &mut &[u8], n: usize) -> Result<Vec<i64>, Damage> {
    let len = take_u32(rest)?;
    let part = take(rest, len)?;
    let mut numbers = vec![0; n];
    let progress = standalone::simple_decompress_into(part, &mut numbers)
        .map_err(|_| Damage("compressed numbers"))?;
    if progress.n_processed == n && progress.finished {
        Ok(numbers)
    } else {
        Err(Damage("number of readings"))
    }
}

fn put_leb128(bytes: &mut Vec<u8>, mut n: u32) {
    while n >= 0x80 {
        bytes.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    bytes.push((n & 0x7f) as u8);
}

fn take_leb128(rest: &mut &[u8]) -> Result<u32, Damage> {
    let mut n: u32 = 0;
    for shift in [0, 7, 14, 21, 28] {
        let [byte] = take(rest, 1)? else { break };
        n |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(n);
        }
    }
    Err(Damage("quality"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tram_wire::Tests;

    use super::*;

    fn columns() -> impl Strategy<Value = Columns> {
        let reading = (1_i64..100_000_000, any::<i64>(), 0_usize..4);
        prop::collection::vec(reading, 1..400).prop_map(|readings| {
            let qualities = [
                Quality::GOOD.code(),
                Quality::NOT_EVALUATED.code(),
                Quality::missing(Tests::ECHO_LOSS).code(),
                Quality { flag: tram_wire::Flag::Suspect, tests: Tests::SPIKE }.code(),
            ];
            let mut c = Columns::default();
            let mut time = 1_790_000_000_000_000;
            for (step, value, quality) in readings {
                time += step;
                c.micros.push(time);
                c.values.push(if missing(qualities[quality]) { 0 } else { value });
                c.codes.push(qualities[quality]);
            }
            c
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read_back(c in columns()) {
            prop_assert_eq!(decode(&encode(&c).unwrap()), Ok(c));
        }

        #[test]
        fn no_bytes_make_it_panic(c in columns(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = encode(&c).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = to;
            let _ = decode(&bytes);
            let _ = decode(&bytes[..at]);
        }
    }

    #[test]
    fn a_steady_station_that_is_a_little_late_each_time_costs_what_the_lateness_costs() {
        let late = |i: i64| (i * 7919 + i * i * 31) % 8 * 1_000;
        let mut c = Columns::default();
        for i in 0..3600 {
            c.micros.push(1_790_000_000_000_000 + i * 100_000 + late(i));
            c.values.push(77_500);
            c.codes.push(Quality::GOOD.code());
        }
        let bytes = encode(&c).unwrap();
        assert_eq!(decode(&bytes), Ok(c));
        // Three bits each, and what the chunk itself costs.
        assert!(bytes.len() < 3600 * 3 / 8 + 150, "{} bytes", bytes.len());
    }

    #[test]
    fn a_regular_series_costs_a_byte_or_two_a_reading() {
        let mut c = Columns::default();
        for i in 0..3600 {
            c.micros.push(1_790_000_000_000_000 + i * 1_000_000);
            c.values.push(77_500 + (i * 7919) % 12);
            c.codes.push(Quality::GOOD.code());
        }
        let bytes = encode(&c).unwrap().len();
        assert!(bytes < 2 * 3600, "{bytes} bytes for 3600 readings");
    }
}
