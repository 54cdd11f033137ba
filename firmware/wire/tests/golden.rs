//! The bytes of every message, pinned: what an older node has in its outbox must be readable by
//! every later centre. The files are hexadecimal text under `tests/golden/` of the project.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mix;

use std::{fmt::Write, fs, path::PathBuf};

use tram_wire::{
    Ack, Act, Actor, Alarm, AlarmKind, Answer, Batch, Birth, Challenge, ChannelInfo, ChannelName,
    ChannelNumber, ClockState, Column, Command, EnrolRequest, Enrolment, EpisodeId, Health, Loss,
    LossCause, NO_RULE, NodeId, Order, Point, Quality, Quantity, ReplicaId, SIGNATURE_BYTES,
    SensorErrorKind, Seq, Signed, SpoolId, Status, StatusState, Storing, Summary, Tests, Text,
    Verdict,
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
        earlier: Vec::new(),
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
fn birth_with_earlier_boots() {
    let birth = Birth {
        node: NodeId::new("a-1").unwrap(),
        software: Text::new("tram-edge 0.1.0").unwrap(),
        config_digest: [0; 8],
        spool: spool(),
        held_from: Seq(0),
        clock: ClockState::Unsynchronised { boot: 9 },
        boot: 9,
        uptime_offset: None,
        earlier: vec![(7, 1_725_886_000_000_000), (8, 1_725_886_500_000_000)],
        channels: Vec::new(),
    };
    let bytes = golden("birth-earlier.hex", &birth.encode().unwrap());
    assert_eq!(Birth::decode(&bytes), Ok(birth.clone()));
    let many = Birth { earlier: vec![(1, 2); tram_wire::MAX_EARLIER_BOOTS + 1], ..birth };
    assert!(many.encode().is_err());
}

fn health() -> Health {
    let mut health = Health {
        uptime_s: Some(86_400),
        clock: Some(ClockState::Ntp),
        said_at: Some(1_725_886_800),
        temperature: Some(-4_500),
        throttled: Some(0x5_0005),
        disk_free: Some(12_000_000_000),
        disk_size: Some(31_000_000_000),
        waiting: Some(3),
        spool_bytes: Some(1_310_720),
        oldest_s: Some(42),
        written_a_day: Some(61_000_000),
        storing: Some(Storing::Kept),
        signal_dbm: Some(-87),
        connections: Some(4),
        ack_ms: Some(180),
        failing: Some(1),
        missed: Some(12),
        clock_steps: Some(1),
        ..Health::default()
    };
    health.errors.set(SensorErrorKind::NoAnswer, 17);
    health.errors.set(SensorErrorKind::Line, 2);
    health
}

#[test]
fn status_with_health() {
    let status = Status { state: StatusState::Online, boot: 7, health: Some(health()) };
    assert_eq!(Status::decode(&golden("status-health.hex", &status.encode())), Ok(status));
}

#[test]
fn a_newer_node_may_tell_more_of_its_health_and_an_older_one_nothing() {
    // [1, 1, 7, {0: 60, 30: -5, 31: 9}]: two keys that are not known here.
    let newer = [0x84, 1, 1, 7, 0xa3, 0, 0x18, 60, 0x18, 30, 0x24, 0x18, 31, 9];
    let known = Health { uptime_s: Some(60), ..Health::default() };
    assert_eq!(Status::decode(&newer).unwrap().health, Some(known));
    assert_eq!(Status::decode(&[0x83, 1, 1, 7]).unwrap().health, None);
    let nothing = Status::decode(&[0x84, 1, 1, 7, 0xa0]).unwrap();
    assert_eq!(nothing.health, Some(Health::default()));
    assert_eq!(nothing.encode(), [0x84, 1, 1, 7, 0xa0]);
    // Out of order, twice, too many, no number where one belongs.
    for bad in [
        &[0x84, 1, 1, 7, 0xa2, 7, 0, 5, 0][..],
        &[0x84, 1, 1, 7, 0xa2, 7, 0, 7, 0],
        &[0x84, 1, 1, 7, 0xb8, 33],
        &[0x84, 1, 1, 7, 0xa1, 0, 0x61, b'x'],
        &[0x84, 1, 1, 7, 0xa1, 0x18, 30, 0x81, 0],
        &[0x84, 1, 1, 7, 0xa1, 11, 3],
    ] {
        assert!(Status::decode(bad).is_err(), "{bad:x?}");
    }
}

#[test]
fn status_and_command() {
    let status = Status { state: StatusState::Online, boot: 0xdead_beef, health: None };
    assert_eq!(Status::decode(&golden("status.hex", &status.encode())), Ok(status));
    let command = Command::Rebirth;
    assert_eq!(Command::decode(&golden("command.hex", &command.encode())), Ok(command));
}

#[test]
fn orders_and_answers() {
    let command = Command::Challenge;
    let bytes = golden("command-challenge.hex", &command.encode());
    assert_eq!(Command::decode(&bytes), Ok(command));
    let challenge = Challenge(*b"fedcba9876543210");
    let order = Order {
        node: NodeId::new("lao-cai-river-01").unwrap(),
        challenge,
        id: 0x0123_4567_89ab_cdef,
        act: Act::Silence(600),
        by: Text::new("Nguyễn Thị Lan").unwrap(),
    };
    assert_eq!(Order::decode(&order.encode()), Ok(order));
    let signed = Signed { order: order.encode(), signature: [0xa5; SIGNATURE_BYTES] };
    let command = Command::Signed(signed);
    let bytes = golden("command-order.hex", &command.encode());
    assert_eq!(Command::decode(&bytes), Ok(command));
    let answer = Answer::Challenge(challenge);
    let bytes = golden("answer-challenge.hex", &answer.encode());
    assert_eq!(Answer::decode(&bytes), Ok(answer));
    let answer = Answer::Outcome { id: order.id, verdict: Verdict::Occupied };
    assert_eq!(Answer::decode(&golden("answer-outcome.hex", &answer.encode())), Ok(answer));
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
    let test = Alarm {
        rule: Text::new(NO_RULE).unwrap(),
        version: 0,
        episode: EpisodeId([0; 16]),
        kind: AlarmKind::Tested,
        level: 0,
        value: Actor::Centre as i64,
        siren: false,
        ..alarm
    };
    assert_eq!(Alarm::decode(&golden("alarm-siren.hex", &test.encode())), Ok(test));
    assert!(Alarm::decode(&Alarm { value: 4, ..test }.encode()).is_err(), "an unknown actor");
}

#[test]
fn enrolment() {
    let node = NodeId::new("bat-xat-river-02").unwrap();
    let request = EnrolRequest { node, secret: Some(*b"0123456789"), request: vec![0x30; 40] };
    let bytes = golden("enrol-request.hex", &request.encode().unwrap());
    assert_eq!(EnrolRequest::decode(&bytes), Ok(request));
    let given = Enrolment {
        certificate: vec![0x31; 40],
        authority: vec![0x32; 40],
        broker: "mqtts://centre.example.org:8883".to_owned(),
        issued: tram_wire::UnixMicros(1_772_409_600_000_000),
        expires: tram_wire::UnixMicros(1_803_945_600_000_000),
        command_key: Some([0x33; 32]),
    };
    let bytes = golden("enrol-answer.hex", &Enrolment::encode(&Ok(given.clone())).unwrap());
    assert_eq!(Enrolment::decode(&bytes), Ok(Ok(given)));
}
