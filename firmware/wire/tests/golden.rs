//! The bytes of every message, pinned: what an older node has in its outbox must be readable by
//! every later centre. The files are hexadecimal text under `tests/golden/` of the project.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mix;

use std::{fmt::Write, fs, path::PathBuf};

use tram_wire::{
    Ack, Alarm, AlarmKind, Batch, Birth, ChannelInfo, ChannelName, ChannelNumber, ClockState,
    Column, Command, EpisodeId, Loss, LossCause, NodeId, Point, Quality, Quantity, ReplicaId, Seq,
    SpoolId, Status, StatusState, Summary, Tests, Text,
};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

/// Compares with the file; `TRAM_GOLDEN=write` makes it anew, to be read in review.
fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut hex = String::new();
    for line in bytes.chunks(32) {
        line.iter().for_each(|b| write!(hex, "{b:02x}").unwrap());
        hex.push('\n');
    }
    if std::env::var("TRAM_GOLDEN").is_ok_and(|v| v == "write") {
        fs::write(path(name), &hex).unwrap();
    }
    let stored = fs::read_to_string(path(name)).unwrap();
    assert_eq!(stored, hex, "{name}: the bytes on the wire have changed");
    let digits: Vec<u8> = stored.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

fn spool() -> SpoolId {
    SpoolId(0x1b2c_3d4e_5f60_7182)
}

#[test]
fn batch_of_the_reference_mix() {
    let batch = mix::reference_mix();
    let bytes = golden("batch-reference-mix.hex", &batch.encode().unwrap());
    assert_eq!(Batch::decode(&bytes), Ok(batch.clone()));
    let each = bytes.len() as f64 / batch.readings() as f64;
    println!("reference mix: {} readings, {} bytes, {each:.2} bytes a reading", 60, bytes.len());
    assert!(each <= 3.5, "{each:.2} bytes a reading");
}

#[test]
fn batch_with_gaps_losses_and_an_unset_clock() {
    let mut rain = Column::new(ChannelNumber(3), Quantity::Rain);
    let mut level = Column::new(ChannelNumber(300), Quantity::WaterLevel);
    for n in 0..4 {
        let missing = n == 2;
        rain.push(Point { micros: n * 60_000_000, value: Some(n * 20), quality: Quality::GOOD });
        level.push(Point {
            micros: n * 60_000_000,
            value: (!missing).then_some(-1500 + n),
            quality: if missing { Quality::missing(Tests::ECHO_LOSS) } else { Quality::GOOD },
        });
    }
    let mut batch = mix::reference_mix();
    batch.header.clock = ClockState::Unsynchronised { boot: 0xdead_beef };
    batch.columns = vec![rain, level];
    let worst = Quality { flag: tram_wire::Flag::Fail, tests: Tests::SPIKE };
    let summary = Summary { usable: 598, min: -1520, max: -1490, sum: -899_392, worst };
    batch.losses = vec![
        Loss {
            channel: None,
            from: -5,
            to: 70,
            readings: 9000,
            cause: LossCause::Evicted,
            summary: None,
        },
        Loss {
            channel: Some(ChannelNumber(300)),
            from: -600_000_000,
            to: -1_000_000,
            readings: 600,
            cause: LossCause::Thinned,
            summary: Some(summary),
        },
    ];
    let bytes = golden("batch-gaps.hex", &batch.encode().unwrap());
    assert_eq!(Batch::decode(&bytes), Ok(batch));
}

#[test]
fn acknowledgement() {
    let ack = Ack {
        spool: spool(),
        replica: ReplicaId(0x0123_4567_89ab_cdef),
        watermark: Seq(1000),
        ranges: vec![(Seq(1002), Seq(1010)), (Seq(70_000), Seq(70_000))],
        committed: vec![(Seq(998), Seq(998)), (Seq(1009), Seq(1010))],
    };
    let bytes = golden("ack.hex", &ack.encode().unwrap());
    assert_eq!(Ack::decode(&bytes), Ok(ack));
}

#[test]
fn birth() {
    let birth = Birth {
        node: NodeId::new("lao-cai-river-01").unwrap(),
        software: Text::new("tram-edge 0.1.0").unwrap(),
        config_digest: *b"\x01\x02\x03\x04\x05\x06\x07\x08",
        spool: spool(),
        held_from: Seq(998),
        clock: ClockState::Rtc,
        boot: 7,
        uptime_offset: Some(1_725_886_000_000_000),
        channels: vec![ChannelInfo {
            number: ChannelNumber(0),
            name: ChannelName::new("water_level").unwrap(),
            quantity: Quantity::WaterLevel,
            resolution: 1,
            sensor: Text::new("a02yyuw /dev/ttyAMA0").unwrap(),
            position: Text::new("cầu Cốc Lếu").unwrap(),
            calibration: Text::new("2026-03-02 datum 92.450 m").unwrap(),
        }],
    };
    let bytes = golden("birth.hex", &birth.encode().unwrap());
    assert_eq!(Birth::decode(&bytes), Ok(birth));
}

#[test]
fn status_and_command() {
    let status = Status { state: StatusState::Online, boot: 0xdead_beef };
    assert_eq!(Status::decode(&golden("status.hex", &status.encode())), Ok(status));
    let command = Command::Rebirth;
    assert_eq!(Command::decode(&golden("command.hex", &command.encode())), Ok(command));
}

#[test]
fn alarm() {
    let alarm = Alarm {
        spool: spool(),
        seq: Seq(1043),
        clock: ClockState::Ntp,
        rule: Text::new("flood-lao-cai").unwrap(),
        version: 1,
        episode: EpisodeId(*b"0123456789abcdef"),
        kind: AlarmKind::Raised,
        level: 3,
        channel: ChannelNumber(0),
        at: 1_725_886_800_000_000,
        value: 83_512,
        siren: true,
    };
    assert_eq!(Alarm::decode(&golden("alarm.hex", &alarm.encode())), Ok(alarm));
}
