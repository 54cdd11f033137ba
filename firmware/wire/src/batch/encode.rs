//! Writing a batch.

use alloc::vec::Vec;
use core::convert::Infallible;

use minicbor::{Encoder, encode::Error};

use super::{Batch, Column, MAX_BATCH_BYTES, MAX_BATCH_COLUMNS, MAX_BATCH_READINGS};
use crate::{
    Loss, MAX_BATCH_LOSSES, Quality, WIRE_VERSION,
    birth::put_clock,
    cbor::{EncodeError, Put, message},
};

impl Batch {
    /// The message's bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when a limit is passed, the columns of a channel differ in length, or
    /// times or values are further apart than 63 bits.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        self.check()?;
        let micros = || self.columns.iter().flat_map(|c| c.micros.iter().copied());
        let first_loss = self.losses.first().map(|l| l.from);
        let base = micros().next().or(first_loss).unwrap_or(0);
        let tick = micros().fold(0, |g, t| gcd(g, t.wrapping_sub(base).unsigned_abs())).max(1);
        let bytes = message(|e| {
            e.array(8)?.u8(WIRE_VERSION)?.u64(self.header.spool.0)?.u64(self.header.seq.0)?;
            put_clock(e, self.header.clock)?;
            e.i64(base)?.u64(tick)?;
            e.array(self.columns.len() as u64)?;
            let mut before: Option<&Column> = None;
            for column in &self.columns {
                put_column(e, column, before, base, tick)?;
                before = Some(column);
            }
            e.array(self.losses.len() as u64)?;
            let mut before = base;
            for loss in &self.losses {
                loss.put(e, before)?;
                before = loss.from;
            }
            Ok(())
        });
        if bytes.len() > MAX_BATCH_BYTES {
            return Err(EncodeError::Limit("bytes in a batch"));
        }
        Ok(bytes)
    }

    fn check(&self) -> Result<(), EncodeError> {
        if self.columns.len() > MAX_BATCH_COLUMNS {
            return Err(EncodeError::Limit("columns in a batch"));
        }
        if self.readings() > MAX_BATCH_READINGS {
            return Err(EncodeError::Limit("readings in a batch"));
        }
        if self.losses.len() > MAX_BATCH_LOSSES {
            return Err(EncodeError::Limit("losses in a batch"));
        }
        self.losses.iter().try_for_each(Loss::check)?;
        let base = self.columns.iter().find_map(|c| c.micros.first()).copied().unwrap_or(0);
        self.columns.iter().try_for_each(|c| check_column(c, base))
    }
}

fn check_column(c: &Column, base: i64) -> Result<(), EncodeError> {
    if c.is_empty() {
        return Err(EncodeError::Value("empty column"));
    }
    let runs: u64 = c.quality.iter().map(|r| u64::from(r.len)).sum();
    let zero_run = c.quality.iter().any(|r| r.len == 0);
    if c.values.len() != c.len() || runs != c.len() as u64 || zero_run {
        return Err(EncodeError::Value("length of a column"));
    }
    let split = c.quality.windows(2).any(|w| matches!(w, [a, b] if a.quality == b.quality));
    if split || !c.consistent() {
        return Err(EncodeError::Value("quality of a column"));
    }
    let times_fit = c.micros.iter().all(|t| t.checked_sub(base).is_some())
        && c.micros.windows(2).all(|w| matches!(w, [a, b] if b.checked_sub(*a).is_some()))
        // The first step is taken off every other one, so leave room for that as well.
        && c.micros.iter().all(|t| t.checked_sub(base).is_some_and(|d| d.checked_mul(4).is_some()));
    let mut present = c.values.iter().flatten();
    let mut last = present.next().copied().unwrap_or(0);
    let values_fit = present.all(|v| {
        // A step of 2^63 has no positive counterpart of 63 bits.
        v.checked_sub(core::mem::replace(&mut last, *v)).is_some_and(|step| step != i64::MIN)
    });
    if times_fit && values_fit { Ok(()) } else { Err(EncodeError::Value("distance in a column")) }
}

/// `[channel, quantity, times, values, quality]`.
fn put_column(
    e: &mut Encoder<Put>,
    c: &Column,
    before: Option<&Column>,
    base: i64,
    tick: u64,
) -> Result<(), Error<Infallible>> {
    e.array(5)?.u16(c.channel.0)?.u8(c.quantity.number())?;
    if before.is_some_and(|b| b.micros == c.micros) {
        e.null()?;
    } else {
        put_times(e, &c.micros, base, tick)?;
    }
    put_values(e, &c.values)?;
    put_quality(e, c)
}

/// `[first, step, deviation…]`: reading i is `step + deviation` ticks behind reading i - 1. The
/// deviations are left out when all are 0, and `step` with them for a single reading.
fn put_times(
    e: &mut Encoder<Put>,
    micros: &[i64],
    base: i64,
    tick: u64,
) -> Result<(), Error<Infallible>> {
    let tick = i64::try_from(tick).unwrap_or(i64::MAX);
    let ticks = |t: i64| t.wrapping_sub(base) / tick;
    let first = micros.first().map_or(0, |t| ticks(*t));
    let mut steps: Vec<i64> = micros
        .windows(2)
        .map(|w| if let [a, b] = w { ticks(*b).wrapping_sub(ticks(*a)) } else { 0 })
        .collect();
    let deltas = steps.clone();
    // The median step makes the deviations short whatever a single late reading does.
    steps.sort_unstable();
    let step = steps.get(steps.len() / 2).copied().unwrap_or(0);
    e.array(3)?.i64(first)?.i64(step)?;
    if deltas.iter().all(|d| *d == step) {
        e.u64(micros.len() as u64)?;
        return Ok(());
    }
    e.array(deltas.len() as u64)?;
    for d in deltas {
        e.i64(d.wrapping_sub(step))?;
    }
    Ok(())
}

/// `[first, step, n…]`: each present value is `step × n` above the present one before it; null is
/// a missing one. `step` is the greatest common divisor, so that a gauge that counts in 0.2 mm
/// costs a byte a reading.
fn put_values(e: &mut Encoder<Put>, values: &[Option<i64>]) -> Result<(), Error<Infallible>> {
    let first = values.iter().flatten().next().copied().unwrap_or(0);
    let mut last = first;
    let step = values
        .iter()
        .flatten()
        .fold(0, |g, v| gcd(g, v.wrapping_sub(core::mem::replace(&mut last, *v)).unsigned_abs()))
        .max(1);
    let step_signed = i64::try_from(step).unwrap_or(i64::MAX);
    e.array(values.len() as u64 + 2)?.i64(first)?.u64(step)?;
    let mut last = first;
    for value in values {
        match value {
            Some(v) => {
                let delta = v.wrapping_sub(core::mem::replace(&mut last, *v));
                e.i64(delta / step_signed)?;
            }
            None => {
                e.null()?;
            }
        }
    }
    Ok(())
}

/// Empty when every reading is good, else `[code, run, code, run, …]`.
fn put_quality(e: &mut Encoder<Put>, c: &Column) -> Result<(), Error<Infallible>> {
    if c.quality.iter().all(|r| r.quality == Quality::GOOD) {
        e.array(0)?;
        return Ok(());
    }
    e.array(c.quality.len() as u64 * 2)?;
    for run in &c.quality {
        e.u16(run.quality.code())?.u32(run.len)?;
    }
    Ok(())
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
