//! A spool whose files hold anything opens or says why not, keeps working, and what is written
//! then is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_spool::{Disk, DiskFile, Lane, Options, Spool, power::PowerDisk};
use tram_wire::{
    Alarm, AlarmKind, Batch, ChannelName, ChannelNumber, ClockState, Column, EpisodeId, Point,
    Quality, Quantity, Seq, SpoolId, Text,
};

const OPTIONS: Options = Options { max_bytes: 64 << 10, segment_bytes: 4 << 10 };

fn readings(from: i64) -> Vec<Column> {
    let mut column = Column::new(ChannelNumber(0), Quantity::WaterLevel);
    for micros in from..from + 20 {
        column.push(Point { micros, value: Some(micros * 7919 % 1000), quality: Quality::GOOD });
    }
    vec![column]
}

fn alarm(spool: SpoolId, seq: Seq) -> Alarm {
    Alarm {
        spool,
        seq,
        clock: ClockState::Ntp,
        rule: Text::new("flood").expect("five bytes"),
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

/// Both state files, and a segment of alarms and one of readings.
fn written() -> PowerDisk {
    let disk = PowerDisk::default();
    let (mut spool, _) = Spool::open_on(disk.clone(), OPTIONS).expect("an empty disk");
    let name = ChannelName::new("level").expect("a name");
    spool.channel_number(&name, Quantity::WaterLevel).expect("the first");
    spool.append(ClockState::Ntp, readings(0)).expect("room");
    spool.append_alarm(alarm).expect("room");
    spool.commit().expect("memory");
    disk
}

fuzz_target!(|bytes: &[u8]| {
    let disk = written();
    // Each chunk overwrites a piece of one of the files: which, where, what.
    let names = disk.list().expect("memory");
    for chunk in bytes.chunks(6) {
        let [file, at, rest @ ..] = chunk else { break };
        let name = &names[usize::from(*file) % names.len()];
        let mut handle = disk.open(name).expect("it is there");
        let _ = handle.write_at(u64::from(*at), rest);
    }
    let Ok((mut spool, _)) = Spool::open_on(disk, OPTIONS) else { return };
    let seq = spool.append(ClockState::Ntp, readings(100)).expect("room");
    spool.commit().expect("memory");
    let payload = spool.read(seq).expect("memory").expect("it was just written");
    assert_eq!(Batch::decode(&payload).expect("a batch").columns, readings(100));
    for lane in [Lane::Alarm, Lane::Notice, Lane::Routine, Lane::Summary] {
        let mut after = None;
        while let Some(seq) = spool.next(lane, after) {
            after = Some(seq);
            let _ = spool.read(seq).expect("memory");
        }
    }
});
