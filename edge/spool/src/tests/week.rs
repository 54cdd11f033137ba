//! A week without the network.

use std::collections::BTreeMap;

use tram_wire::{Batch, Column};

use super::*;
use crate::power::PowerDisk;

const CHANNELS: u16 = 50;
const DAYS: i64 = 7;
const HOUR: i64 = 3_600 * SECOND;

/// Half a minute of fifty channels, each once a second: 50 readings a second.
fn batch(n: i64) -> Vec<Column> {
    let seconds = || n * 30..n * 30 + 30;
    let column = |channel: u16| {
        let mut column = Column::new(ChannelNumber(channel), Quantity::WaterLevel);
        column.micros = seconds().map(|s| s * SECOND).collect();
        let noise = |s: i64| (s.wrapping_mul(0x9e37_79b9) >> 7).rem_euclid(40);
        column.values =
            seconds().map(|s| Some(20_000 + noise(s + i64::from(channel) * 77))).collect();
        column.quality = vec![tram_wire::QualityRun { quality: Quality::GOOD, len: 30 }];
        column
    };
    (0..CHANNELS).map(column).collect()
}

/// Seven simulated days at 50 readings a second under a budget that holds one of them: every hour
/// of every channel is represented, and what is missing is reported exactly.
#[test]
fn seven_days_without_the_network_under_a_budget_that_overflows() {
    let options = Options { max_bytes: 12 << 20, segment_bytes: 256 << 10 };
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), options).unwrap();
    number_channels(&mut spool, CHANNELS);
    let batches = DAYS * 86_400 / 30;
    for n in 0..batches {
        spool.append(ClockState::Ntp, batch(n)).unwrap();
        spool.commit().unwrap();
        assert!(spool.stats().bytes <= options.max_bytes);
    }
    assert!(disk.platter().disk_bytes() <= options.max_bytes);
    let taken = (DAYS * 86_400) as u64;
    let written = spool.stats().written_bytes_total / DAYS as u64;
    println!("{:.1} MB written a day", written as f64 / 1e6);
    let mut spans: BTreeMap<u16, Vec<(i64, i64, u64)>> = BTreeMap::new();
    for (_, bytes) in held(&mut spool).values() {
        let batch = Batch::decode(bytes).unwrap();
        for c in &batch.columns {
            let ends = (c.micros[0], c.micros[c.len() - 1], c.len() as u64);
            spans.entry(c.channel.0).or_default().push(ends);
        }
        for l in &batch.losses {
            let channel = l.channel.unwrap();
            spans.entry(channel.0).or_default().push((l.from, l.to, l.readings));
        }
    }
    assert_eq!(spool.losses().len(), 0);
    assert_eq!(spans.len(), usize::from(CHANNELS));
    for (channel, mut spans) in spans {
        spans.sort_unstable();
        let total: u64 = spans.iter().map(|(.., n)| n).sum();
        assert_eq!(total, taken, "channel {channel}: kept and reported are what was taken");
        let seamless = spans.windows(2).all(|w| w[0].1 + SECOND == w[1].0);
        assert!(seamless, "channel {channel}: no time twice, none left out");
        let exact = spans.iter().all(|(from, to, n)| (to - from) / SECOND + 1 == *n as i64);
        assert!(exact, "channel {channel}: each span is full");
        let longest = spans.iter().map(|(from, to, _)| to - from).max().unwrap();
        assert!(longest < HOUR, "channel {channel}: every hour has a row of its own");
    }
    let stats = spool.stats();
    assert!(stats.thinned_readings_total > 10_000_000, "{stats:?}");
    assert_eq!(stats.evicted_readings_total, 0);
}
