//! A node's spool against the least that a centre does, where everything on the way may go wrong:
//! what is stored must be what was sampled less what was reported lost, reading by reading.

mod day;
mod ledger;
mod truth;
mod world;

pub use day::Day;
pub use ledger::Ledger;
pub use truth::Truth;
pub use world::World;

use tram_spool::{Options, Spool, power::PowerDisk};
use tram_wire::{
    Alarm, AlarmKind, ChannelName, ChannelNumber, ClockState, Column, EpisodeId, Point, Quality,
    Quantity, Seq, SpoolId, Text,
};

/// So little that thinning, in all its steps, happens within a day.
const OPTIONS: Options = Options { max_bytes: 48 << 10, segment_bytes: 4 << 10 };
/// How many channels there are; each is taken in every batch.
const CHANNELS: u16 = 2;
const SECOND: i64 = 1_000_000;

/// Readings of both channels, at these seconds.
fn columns(times: &(impl Iterator<Item = i64> + Clone)) -> Vec<Column> {
    let column = |channel| {
        let mut column = Column::new(ChannelNumber(channel), Quantity::WaterLevel);
        for t in times.clone() {
            // Enough noise to take some room.
            let value = Some((t * 7919 + i64::from(channel) * 31).rem_euclid(1000));
            column.push(Point { micros: t * SECOND, value, quality: Quality::GOOD });
        }
        column
    };
    (0..CHANNELS).map(column).collect()
}

/// Gives the channels their numbers.
fn number_channels(spool: &mut Spool<PowerDisk>) -> Result<(), tram_spool::SpoolError> {
    for name in ["level-a", "level-b"] {
        let name = ChannelName::new(name).map_err(|_| tram_spool::SpoolError::Options("a name"))?;
        spool.channel_number(&name, Quantity::WaterLevel)?;
    }
    Ok(())
}

fn alarm(spool: SpoolId, seq: Seq) -> Alarm {
    Alarm {
        spool,
        seq,
        clock: ClockState::Ntp,
        rule: Text::new("flood").unwrap_or_else(|_| unreachable!("five bytes")),
        version: 1,
        episode: EpisodeId([7; 16]),
        kind: AlarmKind::Raised,
        level: 2,
        channel: ChannelNumber(0),
        at: 5,
        value: 6,
        siren: true,
    }
}
