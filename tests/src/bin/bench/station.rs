//! Stations that do nothing but publish: what they say, made before the clock starts.

use anyhow::{Context, Result};
use tram_tests::Random;
use tram_wire::{
    Batch, BatchHeader, Birth, ChannelInfo, ChannelName, ChannelNumber, ClockState, Column, NodeId,
    Point, Quality, Quantity, Seq, SpoolId, Text, UnixMicros,
};

/// Channels: name, quantity, usual value, noise as the parts' datasheets state it.
const CHANNELS: [(&str, Quantity, i64, i64); 6] = [
    ("temperature", Quantity::Temperature, 24_310, 40),
    ("humidity", Quantity::Humidity, 91_200, 80),
    ("pressure", Quantity::Pressure, 99_871, 3),
    ("pm2_5", Quantity::Pm25, 183, 9),
    ("water_level", Quantity::WaterLevel, 86_910, 10),
    ("pm10", Quantity::Pm10, 241, 12),
];

/// How a station samples: in each batch, `wakes` times, `every` microseconds apart and up to
/// `late` milliseconds late, it reads its first `channels` channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) channels: usize,
    pub(crate) wakes: u64,
    pub(crate) every: i64,
    pub(crate) late: i64,
}

/// Five channels of twenty noisy readings each: 100 readings a message, ten a second.
pub(crate) const REFERENCE: Shape = Shape { channels: 5, wakes: 20, every: 100_000, late: 10 };
/// Six channels read once a minute, sent every quarter of an hour: 90 readings a message.
pub(crate) const MINUTELY: Shape = Shape { channels: 6, wakes: 15, every: 60_000_000, late: 10 };

impl Shape {
    /// Readings in a batch.
    pub(crate) fn readings(self) -> u64 {
        self.channels as u64 * self.wakes
    }

    /// Microseconds from one batch to the next.
    pub(crate) fn span(self) -> i64 {
        self.every.saturating_mul(i64::try_from(self.wakes).unwrap_or(i64::MAX))
    }

    /// The readings of batch `seq` of station `n`: when it woke up, and what each channel read.
    /// `start` is when its batch 0 began.
    pub(crate) fn rows(self, n: u16, seq: u64, start: UnixMicros) -> Result<Rows> {
        let mut noise = Random::new(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(n) << 48));
        let first = start.plus(i64::try_from(seq)?.saturating_mul(self.span()));
        let times = (0..i64::try_from(self.wakes)?)
            .map(|wake| first.0 + wake * self.every + noise.around(self.late) * 1000)
            .collect();
        let values = CHANNELS
            .iter()
            .take(self.channels)
            .map(|(_, _, usual, spread)| {
                (0..self.wakes).map(|_| usual + noise.around(*spread)).collect()
            })
            .collect();
        Ok(Rows { times, values })
    }

    /// Batch `seq` of station `n` as it travels.
    pub(crate) fn batch(self, n: u16, seq: u64, start: UnixMicros) -> Result<Vec<u8>> {
        let Rows { times, values } = self.rows(n, seq, start)?;
        let columns =
            CHANNELS.iter().zip(0_u16..).zip(&values).map(|((channel, number), values)| {
                let mut column = Column::new(ChannelNumber(number), channel.1);
                for (micros, value) in times.iter().zip(values) {
                    let (micros, value) = (*micros, Some(*value));
                    column.push(Point { micros, value, quality: Quality::GOOD });
                }
                column
            });
        let batch = Batch {
            header: BatchHeader { spool: spool(n), seq: Seq(seq), clock: ClockState::Ntp },
            columns: columns.collect(),
            losses: Vec::new(),
        };
        Ok(batch.encode()?)
    }
}

/// The readings of one batch.
pub(crate) struct Rows {
    /// When the station woke up, Unix microseconds.
    pub(crate) times: Vec<i64>,
    /// For each channel, what it read each time, in counts.
    pub(crate) values: Vec<Vec<i64>>,
}

/// Name and quantity of channel `number`.
pub(crate) fn channel(number: usize) -> Result<(&'static str, Quantity)> {
    let (name, quantity, _, _) = CHANNELS.get(number).context("no such channel")?;
    Ok((name, *quantity))
}

/// The name of station `n`.
pub(crate) fn node(n: u16) -> Result<NodeId> {
    Ok(NodeId::new(&format!("bench-{n:05}"))?)
}

/// Its spool.
pub(crate) fn spool(n: u16) -> SpoolId {
    SpoolId(0xbe9c_0000 + u64::from(n))
}

/// Its birth message.
pub(crate) fn birth(n: u16, held_from: u64) -> Result<Vec<u8>> {
    let channels = CHANNELS.iter().map(|(name, quantity, _, _)| (*name, *quantity));
    birth_of(node(n)?, spool(n), held_from, channels)
}

/// The birth of a node with these channels, numbered from 0.
pub(crate) fn birth_of(
    node: NodeId,
    spool: SpoolId,
    held_from: u64,
    channels: impl IntoIterator<Item = (&'static str, Quantity)>,
) -> Result<Vec<u8>> {
    let channels = (0_u16..).zip(channels).map(|(number, (name, quantity))| {
        Ok(ChannelInfo {
            number: ChannelNumber(number),
            name: ChannelName::new(name)?,
            quantity,
            resolution: 1,
            sensor: Text::new("bench")?,
            position: Text::new("")?,
            calibration: Text::new("")?,
        })
    });
    let birth = Birth {
        node,
        software: Text::new("tram-bench")?,
        config_digest: [0; 8],
        spool,
        held_from: Seq(held_from),
        clock: ClockState::Ntp,
        boot: 1,
        uptime_offset: None,
        earlier: Vec::new(),
        channels: channels.collect::<Result<_>>()?,
    };
    Ok(birth.encode()?)
}
