//! The reference mix, from which the bytes a reading are counted: five channels of twelve noisy
//! readings with quality, as a node sends them after a minute of sampling every five seconds. The
//! readings of one wake-up share its time, which is up to 10 ms late; the noise of each channel is
//! the repeatability its part's datasheet states, in full resolution of the quantity.
#![allow(dead_code, reason = "shared by several test files, each of which uses a part")]

use tram_wire::{
    Batch, BatchHeader, ChannelNumber, ClockState, Column, Flag, Point, Quality, Quantity, Seq,
    SpoolId, Tests,
};

/// A small repeatable generator (xorshift64*), so that the golden bytes never change.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// A number from `-spread` to `spread`, roughly normal.
    pub(crate) fn around(&mut self, spread: i64) -> i64 {
        let sum: i64 = (0..4)
            .map(|_| {
                self.0 ^= self.0 >> 12;
                self.0 ^= self.0 << 25;
                self.0 ^= self.0 >> 27;
                let n = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
                i64::try_from(n).unwrap() % (2 * spread + 1) - spread
            })
            .sum();
        sum / 4
    }
}

/// The batch of the reference mix.
pub(crate) fn reference_mix() -> Batch {
    let mut noise = Noise(0x0715_2024_0909_2000);
    let start = 1_725_886_800_000_000;
    let times: Vec<i64> =
        (0..12).map(|n| start + n * 5_000_000 + noise.around(10) * 1000).collect();
    // Quantity, first value, noise: counts of the quantity.
    let channels = [
        (Quantity::Temperature, 24_310, 40), // SHT40, table 2: 0.04 °C
        (Quantity::Humidity, 91_200, 80),    // SHT40, table 1: 0.08 %RH
        (Quantity::Pressure, 99_871, 3),     // DPS310, table 4, low power: 2.5 Pa
        (Quantity::Pm25, 183, 9),            // SEN55, table 1, over 1 s: about 1 µg/m³
        (Quantity::WaterLevel, 86_910, 10),  // A02YYUW: 1 cm
    ];
    let columns = channels.iter().enumerate().map(|(i, (quantity, level, spread))| {
        let mut column = Column::new(ChannelNumber(u16::try_from(i).unwrap()), *quantity);
        for (n, micros) in times.iter().enumerate() {
            let suspect = i == 4 && (5..7).contains(&n);
            let quality = if suspect {
                Quality { flag: Flag::Suspect, tests: Tests::SPIKE }
            } else {
                Quality::GOOD
            };
            column.push(Point {
                micros: *micros,
                value: Some(level + noise.around(*spread)),
                quality,
            });
        }
        column
    });
    Batch {
        header: BatchHeader {
            spool: SpoolId(0x1b2c_3d4e_5f60_7182),
            seq: Seq(1042),
            clock: ClockState::Ntp,
        },
        columns: columns.collect(),
        losses: Vec::new(),
    }
}
