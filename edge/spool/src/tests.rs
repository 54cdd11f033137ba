#![expect(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "numbers of tests are small"
)]

mod basics;
mod faults;
mod rot;
mod thinning;
mod week;

use std::collections::BTreeMap;

use tram_wire::{
    Ack, Alarm, AlarmKind, Batch, ChannelName, ChannelNumber, ClockState, Column, EpisodeId, Loss,
    Point, Quality, Quantity, ReplicaId, Seq, SpoolId, Text,
};

use crate::{Disk, Lane, Options, Spool};

const SMALL: Options = Options { max_bytes: 64 << 10, segment_bytes: 4 << 10 };
const SECOND: i64 = 1_000_000;

/// A column of `n` readings, one a second from `from` seconds on, whose values do not compress.
fn column(channel: u16, from: i64, n: i64) -> Column {
    let mut column = Column::new(ChannelNumber(channel), Quantity::WaterLevel);
    for i in from..from + n {
        let value = (i * 7919 + i64::from(channel) * 31) % 1000;
        column.push(Point { micros: i * SECOND, value: Some(value), quality: Quality::GOOD });
    }
    column
}

fn columns(channels: u16, from: i64, n: i64) -> Vec<Column> {
    (0..channels).map(|c| column(c, from, n)).collect()
}

/// Gives the channels of a test their numbers.
fn number_channels<D: Disk>(spool: &mut Spool<D>, channels: u16) {
    for c in 0..channels {
        let name = ChannelName::new(&format!("c{c}")).unwrap();
        assert_eq!(spool.channel_number(&name, Quantity::WaterLevel).unwrap(), ChannelNumber(c));
    }
}

fn alarm(spool: SpoolId, seq: Seq) -> Alarm {
    Alarm {
        spool,
        seq,
        clock: ClockState::Ntp,
        rule: Text::new("flood").unwrap(),
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

fn ack<D: Disk>(spool: &Spool<D>, watermark: Seq) -> Ack {
    let (ranges, committed) = (Vec::new(), Vec::new());
    Ack { spool: spool.id(), replica: ReplicaId(1), watermark, ranges, committed }
}

/// Every record that is held, by its number.
fn held<D: Disk>(spool: &mut Spool<D>) -> BTreeMap<Seq, (Lane, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for lane in [Lane::Alarm, Lane::Notice, Lane::Routine, Lane::Summary] {
        let mut after = None;
        while let Some(seq) = spool.next(lane, after) {
            after = Some(seq);
            if let Some(bytes) = spool.read(seq).unwrap() {
                assert!(all.insert(seq, (lane, bytes)).is_none(), "{seq} is there twice");
            }
        }
    }
    all
}

/// Readings that are held, and readings that are told or wait to be told as lost.
fn tally<D: Disk>(spool: &mut Spool<D>) -> (u64, u64) {
    let mut lost = spool.losses().map(|l| l.readings).sum::<u64>();
    let mut kept = 0;
    for (lane, bytes) in held(spool).values().filter(|(lane, _)| *lane != Lane::Alarm) {
        let batch = Batch::decode(bytes).unwrap();
        assert!(*lane == Lane::Routine || batch.columns.is_empty());
        kept += batch.readings() as u64;
        lost += batch.losses.iter().map(|l| l.readings).sum::<u64>();
    }
    (kept, lost)
}

/// The losses in batches of this lane.
fn losses_in<D: Disk>(spool: &mut Spool<D>, wanted: Lane) -> Vec<Loss> {
    let all = held(spool);
    let batches = all.values().filter(|(lane, _)| *lane == wanted);
    batches.flat_map(|(_, bytes)| Batch::decode(bytes).unwrap().losses).collect()
}
