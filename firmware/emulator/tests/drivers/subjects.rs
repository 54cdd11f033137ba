//! The drivers under test.

use embedded_hal::{delay::DelayNs, i2c::Error as _};
use embedded_io::{Read, ReadReady, Write};
use sen5x::Sen5x;
use sht4x::{Precision, Sht4x};
use tram_drivers::{
    Adxl355, Dps310, Error, Tmp105,
    dps310::{Identification, Oversampling},
    ultrasonic::{Event, Parser, Range, TRIGGER},
};
use tram_emulator::{
    Board, Bus, BusError, Delay, Fault, Medium, Part, PartKind, Signal, Sounding, SpeedOfSound,
    Uart,
};
use tram_wire::{MilliCelsius, Millimetre};

use crate::subject::{Beyond, Reading, Subject, Trouble, channel};

fn part(kind: PartKind, signals: &[Signal]) -> Part {
    signals.iter().fold(Part::new(kind), |part, s| part.feeding(*s, channel(*s)))
}

fn trouble(error: Error<BusError>) -> Trouble {
    match error {
        Error::Bus(e) => {
            // A driver hands the bus's own error on, kind and all.
            let _ = e.kind();
            Trouble::Bus
        }
        Error::NotReady => Trouble::NotReady,
        Error::Reset => Trouble::Reset,
        Error::Identity { .. } | Error::Implausible => Trouble::Bad,
    }
}

pub(crate) struct Dps(Dps310<Bus>);

impl Subject for Dps {
    const NAME: &'static str = "DPS310";

    fn part() -> Part {
        let kind = PartKind::Dps310 { address: tram_drivers::dps310::DEFAULT_ADDRESS };
        part(kind, &[Signal::Pressure, Signal::AirTemperature])
    }

    fn new(board: &Board) -> Self {
        Self(Dps310::new(board.bus(), 0x77, Identification::Strict, Oversampling::Sixteen))
    }

    fn init(&mut self) -> Result<(), Trouble> {
        self.0.init().map_err(trouble)
    }

    fn read(&mut self) -> Result<Reading, Trouble> {
        let sample = self.0.read().map_err(trouble)?;
        Ok(vec![
            (Signal::Pressure, sample.pressure.0.into()),
            (Signal::AirTemperature, sample.temperature.0.into()),
        ])
    }

    fn range() -> impl Iterator<Item = (Signal, i64, i64)> {
        [(Signal::Pressure, 30_000, 120_000), (Signal::AirTemperature, -40_000, 85_000)].into_iter()
    }

    /// Finer than the quantities: exact.
    fn tolerance(_: Signal) -> f64 {
        0.0
    }

    fn step(_: Signal) -> i64 {
        2_000
    }

    fn beyond(_: Signal) -> Beyond {
        Beyond::Refused
    }

    fn can_have(fault: Fault) -> bool {
        fault != Fault::CrcFlip
    }
}

pub(crate) struct Tmp(Tmp105<Bus>);

impl Subject for Tmp {
    const NAME: &'static str = "TMP105";

    fn part() -> Part {
        let kind = PartKind::Tmp105 { address: 0x48, medium: Medium::Soil };
        part(kind, &[Signal::SoilTemperature])
    }

    fn new(board: &Board) -> Self {
        Self(Tmp105::new(board.bus(), 0x48))
    }

    fn init(&mut self) -> Result<(), Trouble> {
        self.0.init().map_err(trouble)
    }

    fn read(&mut self) -> Result<Reading, Trouble> {
        let temperature = self.0.read().map_err(trouble)?;
        Ok(vec![(Signal::SoilTemperature, temperature.0.into())])
    }

    fn range() -> impl Iterator<Item = (Signal, i64, i64)> {
        [(Signal::SoilTemperature, -55_000, 127_937)].into_iter()
    }

    /// Half of 62.5 m°C, and half for rounding to whole ones.
    fn tolerance(_: Signal) -> f64 {
        31.75
    }

    fn step(_: Signal) -> i64 {
        2_000
    }

    fn beyond(_: Signal) -> Beyond {
        Beyond::Held
    }

    fn can_have(fault: Fault) -> bool {
        !matches!(fault, Fault::CrcFlip | Fault::Busy)
    }
}

/// Tilts of the part, worked out as a plain arcsine of each axis.
pub(crate) struct Adxl(Adxl355<Bus>);

impl Subject for Adxl {
    const NAME: &'static str = "ADXL355";

    fn part() -> Part {
        let kind = PartKind::Adxl355 { address: 0x1d };
        part(kind, &[Signal::TiltX, Signal::TiltY])
    }

    fn new(board: &Board) -> Self {
        Self(Adxl355::new(board.bus(), 0x1d))
    }

    fn init(&mut self) -> Result<(), Trouble> {
        self.0.init().map_err(trouble)
    }

    fn read(&mut self) -> Result<Reading, Trouble> {
        let g = self.0.read().map_err(trouble)?;
        let length = f64::from(g.x.0).hypot(f64::from(g.y.0)).hypot(f64::from(g.z.0));
        assert!((length - 1e6).abs() < 10.0, "gravity has 1 g, not {length} µg");
        let tilt = |micro_g: i32| nearest((f64::from(micro_g) / length).asin() * 1e6);
        Ok(vec![(Signal::TiltX, tilt(g.x.0)), (Signal::TiltY, tilt(g.y.0))])
    }

    /// Up to 0.5 rad; a slope that has tilted further has gone.
    fn range() -> impl Iterator<Item = (Signal, i64, i64)> {
        [(Signal::TiltX, -500_000, 500_000), (Signal::TiltY, -500_000, 500_000)].into_iter()
    }

    /// Half a count is 2 µg, more in angle away from level.
    fn tolerance(_: Signal) -> f64 {
        6.0
    }

    fn step(_: Signal) -> i64 {
        2_000
    }

    /// Gravity never leaves the part's ±2 g, so there the angle only goes on.
    fn beyond(_: Signal) -> Beyond {
        Beyond::Held
    }

    fn can_have(fault: Fault) -> bool {
        fault != Fault::CrcFlip
    }
}

pub(crate) struct Sht(Sht4x<Bus, Delay>, Delay);

impl Subject for Sht {
    const NAME: &'static str = "SHT4x";

    fn part() -> Part {
        let kind = PartKind::Sht4x { address: 0x44 };
        part(kind, &[Signal::AirTemperature, Signal::Humidity])
    }

    fn new(board: &Board) -> Self {
        Self(Sht4x::new(board.bus()), board.delay())
    }

    fn init(&mut self) -> Result<(), Trouble> {
        self.0.serial_number(&mut self.1).map(drop).map_err(|_| Trouble::Bus)
    }

    fn read(&mut self) -> Result<Reading, Trouble> {
        let read = self.0.measure(Precision::High, &mut self.1).map_err(|e| match e {
            sht4x::Error::Crc => Trouble::Bad,
            _ => Trouble::Bus,
        })?;
        Ok(vec![
            (Signal::AirTemperature, read.temperature_milli_celsius().into()),
            (Signal::Humidity, read.humidity_milli_percent().into()),
        ])
    }

    fn range() -> impl Iterator<Item = (Signal, i64, i64)> {
        [(Signal::AirTemperature, -45_000, 130_000), (Signal::Humidity, -6_000, 119_000)]
            .into_iter()
    }

    /// Half a tick (1.34 m°C, 0.96 m%RH) and what the crate's binary fractions cut off.
    fn tolerance(signal: Signal) -> f64 {
        if signal == Signal::Humidity { 3.9 } else { 5.1 }
    }

    fn step(_: Signal) -> i64 {
        2_000
    }

    fn beyond(_: Signal) -> Beyond {
        Beyond::Held
    }

    fn can_have(_: Fault) -> bool {
        true
    }
}

pub(crate) struct Sen(Sen5x<Bus, Delay>);

impl Subject for Sen {
    const NAME: &'static str = "SEN5x";

    fn part() -> Part {
        part(
            PartKind::Sen5x,
            &[
                Signal::Pm1,
                Signal::Pm25,
                Signal::Pm4,
                Signal::Pm10,
                Signal::Humidity,
                Signal::AirTemperature,
            ],
        )
    }

    fn new(board: &Board) -> Self {
        Self(Sen5x::new(board.bus(), board.delay()))
    }

    /// The crate refuses to start what it believes to be running, so reset first.
    fn init(&mut self) -> Result<(), Trouble> {
        self.0.device_reset().map_err(sen_trouble)?;
        self.0.start_measurement().map_err(sen_trouble)
    }

    fn read(&mut self) -> Result<Reading, Trouble> {
        if !self.0.data_ready().map_err(sen_trouble)? {
            return Err(Trouble::NotReady);
        }
        let raw = self.0.read_measured_values_as_integers().map_err(sen_trouble)?;
        Ok(vec![
            (Signal::Pm1, raw.mass_concentration_pm1p0.into()),
            (Signal::Pm25, raw.mass_concentration_pm2p5.into()),
            (Signal::Pm4, raw.mass_concentration_pm4p0.into()),
            (Signal::Pm10, raw.mass_concentration_pm10p0.into()),
            (Signal::Humidity, i64::from(raw.ambient_humidity) * 10),
            (Signal::AirTemperature, i64::from(raw.ambient_temperature) * 5),
        ])
    }

    fn range() -> impl Iterator<Item = (Signal, i64, i64)> {
        [
            (Signal::Pm1, 0, 10_000),
            (Signal::Pm25, 0, 10_000),
            (Signal::Pm4, 0, 10_000),
            (Signal::Pm10, 0, 10_000),
            (Signal::Humidity, 0, 100_000),
            (Signal::AirTemperature, -10_000, 50_000),
        ]
        .into_iter()
    }

    fn tolerance(signal: Signal) -> f64 {
        match signal {
            Signal::Humidity => 5.0,
            Signal::AirTemperature => 2.5,
            _ => 0.0,
        }
    }

    fn step(_: Signal) -> i64 {
        1_000
    }

    fn beyond(_: Signal) -> Beyond {
        Beyond::Held
    }

    fn can_have(_: Fault) -> bool {
        true
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn sen_trouble(error: sen5x::Error<BusError>) -> Trouble {
    match error {
        sen5x::Error::I2c(_) => Trouble::Bus,
        _ => Trouble::Bad,
    }
}

const MOUNTED_AT: i32 = 92_000;
const RANGE: Range = Range { nearest: Millimetre(500), farthest: Millimetre(15_000) };

fn echo_part(sounding: Sounding) -> Part {
    let kind = PartKind::Ultrasonic {
        uart: 1,
        mounted_at: Millimetre(MOUNTED_AT),
        range: RANGE,
        sounding,
        speed_of_sound: SpeedOfSound::FixedAt(MilliCelsius(20_000)),
    };
    part(kind, &[Signal::WaterLevel])
}

/// Throws away what waits, asks for a frame, and reads the newest of what comes: what waits may be
/// as old as the last reading.
fn sound(
    uart: &mut Uart,
    parser: &mut Parser,
    delay: &mut Delay,
    trigger: &[u8],
) -> Result<Reading, Trouble> {
    drain(uart, |_| {})?;
    parser.reset();
    uart.write(trigger).map_err(|_| Trouble::Bus)?;
    delay.delay_ms(150);
    let mut last = None;
    drain(uart, |byte| last = parser.feed(byte).or(last))?;
    match last {
        Some(Event::Distance(mm)) => Ok(vec![(Signal::WaterLevel, (MOUNTED_AT - mm.0).into())]),
        Some(Event::NoEcho) => Err(Trouble::Bad),
        None => Err(Trouble::NotReady),
    }
}

fn drain(uart: &mut Uart, mut take: impl FnMut(u8)) -> Result<(), Trouble> {
    while uart.read_ready().map_err(|_| Trouble::Bus)? {
        let mut bytes = [0; 16];
        let n = uart.read(&mut bytes).map_err(|_| Trouble::Bus)?;
        bytes.iter().take(n).for_each(|b| take(*b));
    }
    Ok(())
}

macro_rules! echo {
    ($name:ident, $title:literal, $sounding:expr, $trigger:expr) => {
        pub(crate) struct $name(Uart, Parser, Delay);

        impl Subject for $name {
            const NAME: &'static str = $title;

            fn part() -> Part {
                echo_part($sounding)
            }

            fn new(board: &Board) -> Self {
                let uart = board.uart(1).expect("the part is connected");
                Self(uart, Parser::new(RANGE), board.delay())
            }

            fn init(&mut self) -> Result<(), Trouble> {
                self.1.reset();
                Ok(())
            }

            fn read(&mut self) -> Result<Reading, Trouble> {
                sound(&mut self.0, &mut self.1, &mut self.2, $trigger)
            }

            fn range() -> impl Iterator<Item = (Signal, i64, i64)> {
                [(Signal::WaterLevel, 77_000, 91_500)].into_iter()
            }

            /// A frame counts millimetres, and so does the quantity.
            fn tolerance(_: Signal) -> f64 {
                0.0
            }

            fn step(_: Signal) -> i64 {
                1_000
            }

            fn beyond(_: Signal) -> Beyond {
                Beyond::Refused
            }

            fn can_have(fault: Fault) -> bool {
                fault != Fault::StuckBus
            }
        }
    };
}

echo!(Echo, "continuous ultrasonic", Sounding::Continuous, &[]);
echo!(TriggeredEcho, "triggered ultrasonic", Sounding::Triggered, &[TRIGGER]);

/// The nearest integer of a small number.
fn nearest(value: f64) -> i64 {
    format!("{value:.0}").parse().expect("an integer was printed")
}
