//! A station that does nothing but publish: what it says, made before the clock starts.

use anyhow::Result;
use tram_tests::Random;
use tram_wire::{
    Batch, BatchHeader, Birth, ChannelInfo, ChannelName, ChannelNumber, ClockState, Column, NodeId,
    Point, Quality, Quantity, Seq, SpoolId, Text, UnixMicros,
};

/// Readings in a batch: five channels of twenty.
pub(crate) const READINGS: u64 = 100;
const ROWS: u64 = 20;
/// Channels: name, quantity, usual value, noise as the parts' datasheets state it.
const CHANNELS: [(&str, Quantity, i64, i64); 5] = [
    ("temperature", Quantity::Temperature, 24_310, 40),
    ("humidity", Quantity::Humidity, 91_200, 80),
    ("pressure", Quantity::Pressure, 99_871, 3),
    ("pm2_5", Quantity::Pm25, 183, 9),
    ("water_level", Quantity::WaterLevel, 86_910, 10),
];

/// The name of station `n`.
pub(crate) fn node(n: u16) -> Result<NodeId> {
    Ok(NodeId::new(&format!("bench-{n:02}"))?)
}

/// Its spool.
pub(crate) fn spool(n: u16) -> SpoolId {
    SpoolId(0xbe9c_0000 + u64::from(n))
}

/// Its birth message.
pub(crate) fn birth(n: u16, held_from: u64) -> Result<Vec<u8>> {
    let channels = CHANNELS.iter().zip(0_u16..).map(|((name, quantity, _, _), number)| {
        Ok(ChannelInfo {
            number: ChannelNumber(number),
            name: ChannelName::new(name)?,
            quantity: *quantity,
            resolution: 1,
            sensor: Text::new("bench")?,
            position: Text::new("")?,
            calibration: Text::new("")?,
        })
    });
    let birth = Birth {
        node: node(n)?,
        software: Text::new("tram-bench")?,
        config_digest: [0; 8],
        spool: spool(n),
        held_from: Seq(held_from),
        clock: ClockState::Ntp,
        boot: 1,
        uptime_offset: None,
        channels: channels.collect::<Result<_>>()?,
    };
    Ok(birth.encode()?)
}

/// Batch `seq`: twenty wake-ups 100 ms apart, up to 10 ms late, ending before `start` plus its
/// share of time.
pub(crate) fn batch(n: u16, seq: u64, start: UnixMicros) -> Result<Vec<u8>> {
    let mut noise = Random::new(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(n) << 48));
    let first = start.plus(i64::try_from(seq * ROWS)? * 100_000);
    let times: Vec<i64> = (0..i64::try_from(ROWS)?)
        .map(|row| first.0 + row * 100_000 + noise.around(10) * 1000)
        .collect();
    let columns = CHANNELS.iter().zip(0_u16..).map(|((_, quantity, usual, spread), number)| {
        let mut column = Column::new(ChannelNumber(number), *quantity);
        for micros in &times {
            let value = Some(usual + noise.around(*spread));
            column.push(Point { micros: *micros, value, quality: Quality::GOOD });
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
