//! How a node is, as far as it can tell.

use core::convert::Infallible;

use minicbor::{Decoder, Encoder, data::Int, encode};

use crate::{
    ClockState,
    birth::{put_clock, take_clock},
    cbor::{DecodeError, Put},
};

/// The most entries of a health map, those that this version does not know included.
pub const MAX_HEALTH_ENTRIES: u64 = 32;

/// What was wrong when a part was asked and gave no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum SensorErrorKind {
    /// Nothing acknowledged the address: the part is gone, or has no power.
    NoAnswer = 1,
    /// The bus failed in another way, such as a line that is held low.
    Bus = 2,
    /// The answer's checksum was wrong.
    Checksum = 3,
    /// The part did not finish in time.
    NotReady = 4,
    /// Another part answered.
    Identity = 5,
    /// An answer that the part cannot give.
    Implausible = 6,
    /// The part had lost its settings, as after a dip of its supply.
    Reset = 7,
    /// A serial or GPIO line could not be read.
    Line = 8,
}

impl SensorErrorKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::NoAnswer,
        Self::Bus,
        Self::Checksum,
        Self::NotReady,
        Self::Identity,
        Self::Implausible,
        Self::Reset,
        Self::Line,
    ];

    /// Its name in answers and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::Bus => "bus",
            Self::Checksum => "checksum",
            Self::NotReady => "not_ready",
            Self::Identity => "identity",
            Self::Implausible => "implausible",
            Self::Reset => "reset",
            Self::Line => "line",
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// Times that parts were asked and gave no value, by kind, since the program began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SensorErrors([u64; SensorErrorKind::ALL.len()]);

impl SensorErrors {
    /// Sets the count of a kind.
    pub fn set(&mut self, kind: SensorErrorKind, count: u64) {
        if let Some(slot) = self.0.get_mut(kind as usize - 1) {
            *slot = count;
        }
    }

    /// The kinds that have happened, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (SensorErrorKind, u64)> {
        SensorErrorKind::ALL.into_iter().zip(self.0).filter(|(_, n)| *n > 0)
    }
}

/// What becomes of readings on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Storing {
    /// They are kept on the disk.
    Kept = 0,
    /// The disk refuses; they wait in memory.
    Refused = 1,
    /// The data folder could not be used at the start; the spool is in memory.
    InMemory = 2,
}

impl Storing {
    /// Its name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Refused => "refused",
            Self::InMemory => "in_memory",
        }
    }
}

/// How a node is. What it cannot tell is absent; counts are since the program began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Health {
    /// Seconds since the kernel booted.
    pub uptime_s: Option<u64>,
    /// How the clock stands.
    pub clock: Option<ClockState>,
    /// When this was said, in seconds of Unix time; absent while the clock is not set.
    pub said_at: Option<i64>,
    /// Temperature of the processor in m°C.
    pub temperature: Option<i32>,
    /// What the Pi's firmware says of power and temperature: bit 0 too little voltage, 1 frequency
    /// capped, 2 throttled, 3 soft temperature limit; bits 16 to 19 the same since the boot.
    pub throttled: Option<u32>,
    /// Bytes that may still be written to the disk of the data folder.
    pub disk_free: Option<u64>,
    /// Size of that disk in bytes.
    pub disk_size: Option<u64>,
    /// Messages that wait in the spool.
    pub waiting: Option<u64>,
    /// What the spool takes on the disk, in bytes.
    pub spool_bytes: Option<u64>,
    /// Age of the oldest message that waits, in seconds.
    pub oldest_s: Option<u64>,
    /// Bytes written to the card in a day at the rate since the program began.
    pub written_a_day: Option<u64>,
    /// What becomes of readings.
    pub storing: Option<Storing>,
    /// Signal of the wireless link in dBm.
    pub signal_dbm: Option<i16>,
    /// Connections to the broker so far, this one included.
    pub connections: Option<u32>,
    /// From the sending of a message to the centre's acknowledgement, in ms: the last one that was
    /// measured.
    pub ack_ms: Option<u32>,
    /// Parts that give no value now.
    pub failing: Option<u16>,
    /// Readings that were due while the node was held up.
    pub missed: Option<u64>,
    /// Times the clock was set by more than a tenth of a second.
    pub clock_steps: Option<u32>,
    /// Times that parts gave no value, by kind.
    pub errors: SensorErrors,
}

type Written = Result<(), encode::Error<Infallible>>;

/// The keys with a meaning of their own; the others are plain numbers.
const CLOCK: u8 = 1;
const ERRORS: u8 = 18;

impl Health {
    /// The plain numbers by their keys, in ascending order.
    fn numbers(&self) -> [(u8, Option<Int>); 17] {
        let storing = self.storing.map(|s| Int::from(s as u8));
        [
            (0, self.uptime_s.map(Int::from)),
            (2, self.said_at.map(Int::from)),
            (3, self.temperature.map(Int::from)),
            (4, self.throttled.map(Int::from)),
            (5, self.disk_free.map(Int::from)),
            (6, self.disk_size.map(Int::from)),
            (7, self.waiting.map(Int::from)),
            (8, self.spool_bytes.map(Int::from)),
            (9, self.oldest_s.map(Int::from)),
            (10, self.written_a_day.map(Int::from)),
            (11, storing),
            (12, self.signal_dbm.map(Int::from)),
            (13, self.connections.map(Int::from)),
            (14, self.ack_ms.map(Int::from)),
            (15, self.failing.map(Int::from)),
            (16, self.missed.map(Int::from)),
            (17, self.clock_steps.map(Int::from)),
        ]
    }

    pub(crate) fn put(&self, e: &mut Encoder<Put>) -> Written {
        let numbers = self.numbers();
        let kinds = self.errors.iter().count() as u64;
        let present = numbers.iter().filter(|(_, n)| n.is_some()).count() as u64;
        e.map(present + u64::from(self.clock.is_some()) + u64::from(kinds > 0))?;
        for (key, number) in numbers {
            if key == CLOCK + 1
                && let Some(clock) = self.clock
            {
                e.u8(CLOCK)?;
                put_clock(e, clock)?;
            }
            if let Some(number) = number {
                e.u8(key)?.int(number)?;
            }
        }
        if kinds > 0 {
            e.u8(ERRORS)?.map(kinds)?;
            for (kind, count) in self.errors.iter() {
                e.u8(kind as u8)?.u64(count)?;
            }
        }
        Ok(())
    }

    /// Reads the map. A key that is not known here is passed over: a newer node may tell more.
    pub(crate) fn take(d: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let n = d.map()?.ok_or(DecodeError::Malformed)?;
        if n > MAX_HEALTH_ENTRIES {
            return Err(DecodeError::Limit("health entries"));
        }
        let mut health = Self::default();
        let mut before = None;
        for _ in 0..n {
            let key = d.u8()?;
            if before.is_some_and(|b| b >= key) {
                return Err(DecodeError::Value("order of health entries"));
            }
            before = Some(key);
            health.take_one(key, d)?;
        }
        Ok(health)
    }

    fn take_one(&mut self, key: u8, d: &mut Decoder<'_>) -> Result<(), DecodeError> {
        match key {
            0 => self.uptime_s = Some(d.u64()?),
            CLOCK => self.clock = Some(take_clock(d)?),
            2 => self.said_at = Some(d.i64()?),
            3 => self.temperature = Some(d.i32()?),
            4 => self.throttled = Some(d.u32()?),
            5 => self.disk_free = Some(d.u64()?),
            6 => self.disk_size = Some(d.u64()?),
            7 => self.waiting = Some(d.u64()?),
            8 => self.spool_bytes = Some(d.u64()?),
            9 => self.oldest_s = Some(d.u64()?),
            10 => self.written_a_day = Some(d.u64()?),
            11 => {
                self.storing = Some(match d.u8()? {
                    0 => Storing::Kept,
                    1 => Storing::Refused,
                    2 => Storing::InMemory,
                    _ => return Err(DecodeError::Value("storing")),
                });
            }
            12 => self.signal_dbm = Some(d.i16()?),
            13 => self.connections = Some(d.u32()?),
            14 => self.ack_ms = Some(d.u32()?),
            15 => self.failing = Some(d.u16()?),
            16 => self.missed = Some(d.u64()?),
            17 => self.clock_steps = Some(d.u32()?),
            ERRORS => self.errors = take_errors(d)?,
            _ => {
                d.int()?;
            }
        }
        Ok(())
    }
}

fn take_errors(d: &mut Decoder<'_>) -> Result<SensorErrors, DecodeError> {
    let n = d.map()?.ok_or(DecodeError::Malformed)?;
    if n > MAX_HEALTH_ENTRIES {
        return Err(DecodeError::Limit("kinds of sensor errors"));
    }
    let mut errors = SensorErrors::default();
    let mut before = None;
    for _ in 0..n {
        let number = d.u8()?;
        if before.is_some_and(|b| b >= number) {
            return Err(DecodeError::Value("order of sensor errors"));
        }
        before = Some(number);
        let count = d.u64()?;
        if let Some(kind) = SensorErrorKind::from_number(number) {
            errors.set(kind, count);
        }
    }
    Ok(errors)
}
