//! What the board itself promises: wiring, handles, the bus's grammar, real recordings.

use std::{fs, path::Path, thread};

use embedded_hal::{
    delay::DelayNs,
    digital::OutputPin,
    i2c::{I2c, Operation},
};
use embedded_io::{Read, ReadReady, Write};
use proptest::prelude::*;
use tram_drivers::{
    Adxl355, Dps310, Tmp105,
    dps310::{Identification, Oversampling},
    ultrasonic::Range,
};
use tram_emulator::{
    Board, BusError, BusEvent, Clock, Fault, Medium, Part, PartKind, Recording, RelayState,
    Scenario, Signal, Sounding, SpeedOfSound, UartError, WiringError, World,
};
use tram_wire::{CentiMillimetre, ChannelName, MilliCelsius, Millimetre, UnixMicros, UptimeMicros};

fn quiet() -> World {
    World::new(Scenario::Quiet, 1, 1)
}

fn part(kind: PartKind) -> Part {
    Part::new(kind)
}

const TMP105: PartKind = PartKind::Tmp105 { address: 0x48, medium: Medium::Soil };
const ADXL355: PartKind = PartKind::Adxl355 { address: 0x1d };

fn river(sounding: Sounding, speed_of_sound: SpeedOfSound) -> PartKind {
    PartKind::Ultrasonic {
        uart: 0,
        mounted_at: Millimetre(92_000),
        range: Range::FRAME,
        sounding,
        speed_of_sound,
    }
}

#[test]
fn two_parts_cannot_share_a_place() {
    let gauge = PartKind::TippingBucket { line: 4, bucket: CentiMillimetre(20) };
    let tmp105_too = PartKind::Sht4x { address: 0x48 };
    let echo = river(Sounding::Continuous, SpeedOfSound::Compensated);
    for (parts, error) in [
        (vec![TMP105, tmp105_too], WiringError::Address(0x48)),
        (vec![gauge, PartKind::Relay { line: 4 }], WiringError::Line(4)),
        (vec![echo, echo], WiringError::Uart(0)),
        (vec![ADXL355; 65], WiringError::TooManyParts),
    ] {
        let parts: Vec<Part> = parts.into_iter().map(part).collect();
        assert_eq!(Board::new(quiet(), &parts).err(), Some(error));
    }
}

#[test]
fn what_is_not_connected_has_no_handle() {
    let board = Board::new(quiet(), &[part(TMP105)]).expect("one part fits");
    assert!(board.uart(0).is_none() && board.edges(4).is_none() && board.output(4).is_none());
    assert_eq!(board.inject(1, Fault::Nack).err().map(|e| e.0), Some(Fault::Nack));
    assert_eq!(board.bus().write(0x10, &[]), Err(BusError::NoAddress));
    assert_eq!(board.bus().write(0x48, &[]), Ok(()), "a scan finds what is there");
}

#[test]
fn the_siren_is_seen_to_sound() {
    let board = Board::new(quiet(), &[part(PartKind::Relay { line: 27 })]).expect("one part fits");
    let mut siren = board.output(27).expect("connected");
    board.advance(5_000);
    siren.set_high().expect("infallible");
    siren.set_high().expect("infallible");
    let on = RelayState { on: true, changes: 1, changed_at: Some(5_000) };
    assert_eq!(board.relay(27), Some(on));
    board.advance(9_000);
    siren.set_low().expect("infallible");
    let off = RelayState { on: false, changes: 2, changed_at: Some(9_000) };
    assert_eq!(board.relay(27), Some(off));
}

#[test]
fn edges_carry_the_programs_uptime() {
    let gauge = part(PartKind::TippingBucket { line: 4, bucket: CentiMillimetre(20) });
    let world = World::new(Scenario::Storm, 1, 60);
    let board = Board::with_uptime(world, &[gauge], UptimeMicros(7_000_000_000)).expect("fits");
    board.advance(60_000_000);
    let mut line = board.edges(4).expect("connected");
    let edge = tram_drivers::EdgeSource::next_edge(&mut line).expect("infallible");
    let at = edge.expect("it rains").at.0;
    assert!((7_000_000_000..7_060_000_000).contains(&at), "{at}");
}

#[test]
fn drivers_read_behind_a_repeated_start() {
    let board = Board::new(quiet(), &[part(TMP105)]).expect("one part fits");
    let mut driver = Tmp105::new(board.bus(), 0x48);
    board.advance(1_000_000);
    driver.init().expect("it is there");
    let _ = board.bus_events();
    driver.read().expect("it has converted");
    let address = 0x48;
    let one_read = [
        BusEvent::Start { address, read: false },
        BusEvent::RepeatedStart { address, read: true },
        BusEvent::Stop,
    ];
    assert_eq!(board.bus_events(), [one_read, one_read].concat());
}

#[test]
fn a_stop_between_write_and_read_loses_the_pointer_of_a_part_that_wants_none() {
    let board = Board::new(quiet(), &[part(ADXL355)]).expect("one part fits");
    let mut bus = board.bus();
    let mut together = [0; 1];
    bus.write_read(0x1d, &[0x00], &mut together).expect("it is there");
    let mut apart = [0; 1];
    bus.write(0x1d, &[0x00]).expect("it is there");
    bus.read(0x1d, &mut apart).expect("it is there");
    assert_eq!((together, apart), ([0xad], [0xff]));
}

#[test]
fn a_bus_that_hangs_takes_every_part_with_it() {
    let board = Board::new(quiet(), &[part(TMP105), part(ADXL355)]).expect("they fit");
    board.inject(0, Fault::StuckBus).expect("a part on a bus can");
    let mut driver = Adxl355::new(board.bus(), 0x1d);
    assert_eq!(driver.init(), Err(tram_drivers::Error::Bus(BusError::Stuck)));
    board.heal(0);
    assert_eq!(driver.init(), Ok(()));
}

#[test]
fn an_empty_line_says_so_instead_of_waiting() {
    let kind = river(Sounding::Triggered, SpeedOfSound::Compensated);
    let board = Board::new(quiet(), &[part(kind)]).expect("one part fits");
    let mut uart = board.uart(0).expect("connected");
    let mut byte = [0; 1];
    assert_eq!(uart.read(&mut byte), Err(UartError::Empty));
    board.advance(1_000_000);
    uart.write(&[0x55]).expect("a line takes bytes");
    assert_eq!(uart.read_ready(), Ok(false), "the echo is on its way");
    board.delay().delay_ms(42);
    let mut frame = [0; 4];
    assert_eq!(uart.read(&mut frame), Ok(1), "bytes take their time at 9600 baud");
    board.delay().delay_ms(10);
    assert_eq!(uart.read(&mut frame), Ok(3));
}

/// c = 331.3·√(1 + T/273.15): 10 °C of error is 1.7 % of the distance, 9 cm at 5 m.
#[test]
fn cold_air_makes_an_uncompensated_part_say_more() {
    let text = "time,channel,value\n\
        2024-09-10T00:00:00Z,level,87\n\
        2024-09-10T00:00:00Z,air,10\n";
    let name = |s| ChannelName::new(s).expect("a name");
    let said = |speed_of_sound| {
        let recording = Recording::parse(text).expect("well formed");
        let world = World::new(Scenario::Replay(recording), 1, 1);
        // The temperature is recorded for a part beside it, which hangs in the same air.
        let parts = [
            part(river(Sounding::Continuous, speed_of_sound))
                .feeding(Signal::WaterLevel, name("level")),
            part(PartKind::Dps310 { address: 0x77 }).feeding(Signal::AirTemperature, name("air")),
        ];
        let board = Board::new(world, &parts).expect("they fit");
        board.advance(1_000_000);
        let mut frame = [0; 4];
        let mut uart = board.uart(0).expect("connected");
        assert_eq!(uart.read(&mut frame), Ok(4));
        let [_, high, low, _] = frame;
        u16::from_be_bytes([high, low])
    };
    assert_eq!(said(SpeedOfSound::Compensated), 5_000);
    let off = said(SpeedOfSound::FixedAt(MilliCelsius(20_000))) - 5_000;
    assert!((80..=95).contains(&off), "{off}");
}

/// A gauge that is swept away in mid-flood says nothing; its recording has an empty value.
#[test]
fn a_recorded_gap_is_a_part_that_does_not_answer() {
    let text = "time,channel,value\n\
        2024-09-10T00:00:00Z,level,87\n2024-09-10T00:00:00Z,soil,18.5\n\
        2024-09-10T01:00:00Z,level,\n2024-09-10T01:00:00Z,soil,\n\
        2024-09-10T02:00:00Z,level,88\n2024-09-10T02:00:00Z,soil,19\n";
    let name = |s| ChannelName::new(s).expect("a name");
    let echo = river(Sounding::Triggered, SpeedOfSound::Compensated);
    let parts = [
        part(echo).feeding(Signal::WaterLevel, name("level")),
        part(TMP105).feeding(Signal::SoilTemperature, name("soil")),
    ];
    let recording = Recording::parse(text).expect("well formed");
    let board = Board::new(World::new(Scenario::Replay(recording), 1, 1), &parts).expect("fits");
    let mut thermometer = Tmp105::new(board.bus(), 0x48);
    let mut uart = board.uart(0).expect("connected");
    let said = [0, 1, 2].map(|hour| {
        // The first row comes an hour after the beginning.
        board.advance((hour + 1) * 3_600_000_000);
        uart.write(&[0x55]).expect("a line takes bytes");
        board.delay().delay_ms(50);
        let echo = uart.read_ready().expect("a line can be asked");
        uart.read(&mut [0; 8]).ok();
        let _ = thermometer.init();
        (echo, thermometer.read().ok())
    });
    let soil = |milli| Some(MilliCelsius(milli));
    assert_eq!(said, [(true, soil(18_500)), (false, None), (true, soil(19_000))]);
}

/// A program that asks once a second always finds a new result, whatever the phase.
#[test]
fn a_dps310_asked_once_a_second_is_always_ready() {
    let board = Board::new(quiet(), &[part(PartKind::Dps310 { address: 0x77 })]).expect("fits");
    let mut driver = Dps310::new(board.bus(), 0x77, Identification::Strict, Oversampling::Sixteen);
    board.advance(20_000);
    assert_eq!(driver.init(), Err(tram_drivers::Error::NotReady), "it takes 40 ms to start");
    board.advance(60_000);
    assert_eq!(driver.init(), Ok(()));
    assert_eq!(driver.read(), Err(tram_drivers::Error::NotReady), "it has not measured yet");
    for second in 1..300 {
        // Up to 20 ms early or late, as a busy program is.
        board.advance(second * 1_000_000 + second * 7_919 % 40_000);
        let sample = driver.read().expect("half a second is enough");
        let truth = board.truth(0, Signal::Pressure).expect("air is always there");
        assert!((f64::from(sample.pressure.0) - truth).abs() < 3.0);
    }
}

/// Both crates find their parts by name and number.
#[test]
fn sensirions_parts_say_who_they_are() {
    let parts = [part(PartKind::Sht4x { address: 0x44 }), part(PartKind::Sen5x)];
    let board = Board::new(quiet(), &parts).expect("they fit");
    board.advance(1_000_000);
    let mut sht = sht4x::Sht4x::new(board.bus());
    assert_eq!(sht.serial_number(&mut board.delay()), Ok(0x0f4a_11d3));
    let mut sen = sen5x::Sen5x::new(board.bus(), board.delay());
    let name = sen.product_name().expect("it is idle");
    assert!(name.starts_with(b"SEN55\0"));
    assert_eq!(sen.version().expect("it is idle").firmware_major, 2);
    assert_eq!(sen.device_status(), Ok(0));
}

#[test]
fn handles_work_from_several_threads() {
    let board = Board::new(quiet(), &[part(TMP105), part(ADXL355)]).expect("they fit");
    board.advance(1_000_000);
    thread::scope(|scope| {
        scope.spawn(|| (1_000..2_000).for_each(|ms| board.advance(ms * 1_000)));
        for _ in 0..3 {
            scope.spawn(|| {
                let mut driver = Tmp105::new(board.bus(), 0x48);
                driver.init().expect("it is there");
                for _ in 0..200 {
                    driver.read().expect("nobody disturbs a transaction");
                }
            });
        }
    });
}

/// A recorded flood comes back value for value through the registers of a range finder.
#[test]
fn a_recorded_flood_comes_back_to_the_millimetre() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/river/imhea_piu03/iMHEA_PIU_03_HI_01_raw.csv");
    let Ok(raw) = fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    // 24/10/2013 00:00:00,38.9400,168.9392, with the level in cm and the time in UTC−5.
    let mut rows = Vec::new();
    let mut text = String::from("time,channel,value\n");
    for line in raw.lines().skip(1) {
        let mut fields = line.split(',');
        let (Some(time), Some(cm)) = (fields.next(), fields.next()) else { continue };
        let (Some((date, clock)), Ok(cm)) = (time.split_once(' '), cm.parse::<f64>()) else {
            continue;
        };
        let mut date = date.split('/').rev();
        let [y, m, d] = std::array::from_fn(|_| date.next().expect("a date has three parts"));
        text += &format!("{y}-{m}-{d}T{clock}Z,water_level,{:.6}\n", cm / 100.0);
        rows.push((cm * 10.0).round());
    }
    let recording = Recording::parse(&text).expect("well formed");
    let first = recording.first();
    let world = World::new(Scenario::Replay(recording), 1, 60);
    let Clock::Virtual { start, .. } = world.clock() else { unreachable!("it is a replay") };
    let level = ChannelName::new("water_level").expect("a name");
    let kind = PartKind::Ultrasonic {
        uart: 0,
        mounted_at: Millimetre(4_000),
        range: Range::A02YYUW,
        sounding: Sounding::Triggered,
        speed_of_sound: SpeedOfSound::FixedAt(MilliCelsius(20_000)),
    };
    let board = Board::new(world, &[part(kind).feeding(Signal::WaterLevel, level)]).expect("fits");
    let mut uart = board.uart(0).expect("connected");
    assert!(rows.len() > 3_000);
    for (n, expected) in (0..).zip(rows) {
        let at = UnixMicros(first.0 + n * 300_000_000).since(start);
        board.advance(u64::try_from(at).expect("later"));
        uart.write(&[0x55]).expect("a line takes bytes");
        board.delay().delay_ms(50);
        let mut frame = [0; 4];
        assert_eq!(uart.read(&mut frame), Ok(4));
        let [_, high, low, _] = frame;
        assert_eq!(f64::from(4_000 - i32::from(u16::from_be_bytes([high, low]))), expected);
    }
}

fn every_part() -> Vec<Part> {
    [
        PartKind::Dps310 { address: 0x77 },
        TMP105,
        PartKind::Sht4x { address: 0x44 },
        PartKind::Sen5x,
        ADXL355,
        river(Sounding::Triggered, SpeedOfSound::Compensated),
    ]
    .map(part)
    .to_vec()
}

proptest! {
    /// Whatever a program does to the bus, the parts neither panic nor hang.
    #[test]
    fn any_traffic_is_survived(
        steps in prop::collection::vec(
            (0_usize..5, prop::collection::vec(any::<u8>(), 0..6), 0_usize..60, 0_u64..3_000_000),
            0..60,
        ),
    ) {
        let board = Board::new(quiet(), &every_part()).expect("they fit");
        let mut bus = board.bus();
        let mut now = 0;
        for (which, bytes, read, wait) in steps {
            now += wait;
            board.advance(now);
            let address = [0x77, 0x48, 0x44, 0x69, 0x1d].get(which).copied().unwrap_or(0x77);
            let mut out = vec![0; read];
            let mut operations = [Operation::Write(&bytes), Operation::Read(&mut out)];
            let _ = bus.transaction(address, &mut operations);
            board.uart(0).expect("connected").write(&bytes).expect("a line takes bytes");
        }
    }
}

#[test]
fn the_same_address_on_two_buses_is_two_parts() {
    let parts = [part(TMP105), part(TMP105).on_bus(3)];
    let board = Board::new(quiet(), &parts).expect("the buses differ");
    board.advance(1_000_000);
    let answers = |bus: u8| board.i2c(bus).read(0x48, &mut [0; 2]).is_ok();
    assert!(answers(1) && answers(3) && !answers(0));
    board.inject(1, Fault::StuckBus).expect("a part on a bus can hold it");
    assert!(answers(1) && !answers(3), "the other bus goes on");
}
