//! Emulated parts, wired as the station file says.

use std::{convert::Infallible, fs::File, io::BufReader, time::Duration};

use anyhow::{Context as _, Result, bail};
use embedded_hal::{
    delay::DelayNs,
    digital::{self, OutputPin},
    i2c::{ErrorType, I2c, Operation},
};
use embedded_io::{Read as _, ReadReady as _, Write as _};
use tracing::debug;
use tram_drivers::{Edge, EdgeSource, ultrasonic::Range};
use tram_emulator::{
    Board, BusError, Clock as BoardClock, Medium, Part, PartKind, Recording, Scenario, Signal,
    Sounding, SpeedOfSound, World,
};
use tram_wire::{CentiMillimetre, ChannelName, MilliCelsius, Millimetre, UptimeMicros};

use super::{Backend, Delay, Edges, HalError, I2cBus, Input, Output, Serial};
use crate::{
    clock::{Clock, monotonic},
    config::{Config, Emulator, ScenarioKind, TmpMedium, Ultrasonic, UltrasonicModel, fixed},
};

/// The backend.
#[derive(Clone)]
pub(crate) struct Emulated {
    board: Board,
    /// Uptime when the world began.
    booted: UptimeMicros,
    /// Time is the recording's and does not pass by itself.
    replay: bool,
    /// Serial devices of the station file; a position is the board's number.
    ports: Vec<String>,
}

impl Emulated {
    /// Wires the station's parts to a world, and says which clock the node has to use.
    pub(crate) fn new(config: &Config) -> Result<(Self, Clock)> {
        let emulator = config.emulator.clone().unwrap_or_default();
        let scenario = scenario(&emulator)?;
        let world = World::new(scenario, emulator.seed, emulator.speed);
        let (booted, start) = match world.clock() {
            BoardClock::Real => (monotonic(), None),
            BoardClock::Virtual { start, .. } => (UptimeMicros(0), Some(start)),
        };
        let board = Board::with_uptime(world, &parts(config), booted)?;
        let clock = match start {
            None => Clock::system(config.clock.source),
            Some(start) => Clock::replay(board.clone(), start),
        };
        let ports = config.ultrasonic.iter().map(|u| u.port.clone()).collect();
        Ok((Self { board, booted, replay: start.is_some(), ports }, clock))
    }

    /// The board, to let a recording's time pass.
    pub(crate) fn board(&self) -> Board {
        self.board.clone()
    }
}

fn scenario(emulator: &Emulator) -> Result<Scenario> {
    Ok(match emulator.scenario {
        ScenarioKind::Quiet => Scenario::Quiet,
        ScenarioKind::Storm => Scenario::Storm,
        ScenarioKind::Replay => {
            let Some(path) = &emulator.replay else { bail!("there is nothing to replay") };
            let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
            let recording = Recording::read(BufReader::new(file))
                .with_context(|| format!("reading the recording {}", path.display()))?;
            Scenario::Replay(recording)
        }
    })
}

/// The parts of the station file.
fn parts(config: &Config) -> Vec<Part> {
    let mut all = on_buses(config);
    all.extend(on_lines(config));
    all.extend(on_serial_lines(config));
    all
}

/// A part whose signals end in those of these channels that have a name.
fn part(kind: PartKind, feeds: &[(Signal, Option<ChannelName>)]) -> Part {
    let named = feeds.iter().filter_map(|(signal, name)| Some((*signal, (*name)?)));
    named.fold(Part::new(kind), |part, (signal, name)| part.feeding(signal, name))
}

fn on_buses(config: &Config) -> Vec<Part> {
    let mut parts = Vec::new();
    for p in &config.dps310 {
        let kind = PartKind::Dps310 { address: p.address };
        let feeds = [(Signal::Pressure, p.pressure), (Signal::AirTemperature, p.temperature)];
        parts.push(part(kind, &feeds).on_bus(p.bus));
    }
    for p in &config.tmp105 {
        let (medium, signal) = match p.medium {
            TmpMedium::Air => (Medium::Air, Signal::AirTemperature),
            TmpMedium::Soil => (Medium::Soil, Signal::SoilTemperature),
        };
        let kind = PartKind::Tmp105 { address: p.address, medium };
        parts.push(part(kind, &[(signal, Some(p.temperature))]).on_bus(p.bus));
    }
    for p in &config.sht4x {
        let kind = PartKind::Sht4x { address: p.address };
        let feeds = [(Signal::AirTemperature, p.temperature), (Signal::Humidity, p.humidity)];
        parts.push(part(kind, &feeds).on_bus(p.bus));
    }
    for p in &config.sen5x {
        let feeds = [
            (Signal::Pm1, p.pm1),
            (Signal::Pm25, p.pm2_5),
            (Signal::Pm4, p.pm4),
            (Signal::Pm10, p.pm10),
            (Signal::AirTemperature, p.temperature),
            (Signal::Humidity, p.humidity),
        ];
        parts.push(part(PartKind::Sen5x, &feeds).on_bus(p.bus));
    }
    for p in &config.adxl355 {
        let kind = PartKind::Adxl355 { address: p.address };
        let feeds = [(Signal::TiltX, p.tilt_x), (Signal::TiltY, p.tilt_y)];
        parts.push(part(kind, &feeds).on_bus(p.bus));
    }
    parts
}

fn on_lines(config: &Config) -> Vec<Part> {
    let mut parts = Vec::new();
    for p in &config.rain_gauge {
        let bucket = CentiMillimetre(fixed(p.tip_mm, 100.0));
        let kind = PartKind::TippingBucket { line: p.pin, bucket };
        parts.push(part(kind, &[(Signal::Rain, p.rain)]));
    }
    for p in &config.dual_loop {
        let kind = PartKind::DualLoop {
            first_line: p.first_pin,
            second_line: p.second_pin,
            spacing: Millimetre(fixed(p.spacing_m, 1000.0)),
            length: Millimetre(fixed(p.loop_m, 1000.0)),
        };
        let feeds = [
            (Signal::VehicleCount, p.count),
            (Signal::VehicleSpeed, p.speed),
            (Signal::Occupancy, p.occupancy),
        ];
        parts.push(part(kind, &feeds));
    }
    if let Some(siren) = &config.siren {
        parts.push(part(PartKind::Relay { line: siren.pin }, &[]));
        if let Some(button) = siren.reset {
            parts.push(part(PartKind::Button { line: button.pin }, &[]));
        }
    }
    parts
}

fn on_serial_lines(config: &Config) -> Vec<Part> {
    let gauge = |(uart, p): (u8, &Ultrasonic)| {
        let kind = PartKind::Ultrasonic {
            uart,
            mounted_at: Millimetre(fixed(p.datum_m, 1000.0)),
            range: range(p),
            sounding: match p.model {
                UltrasonicModel::A02yyuw => Sounding::Continuous,
                UltrasonicModel::JsnSr04t => Sounding::Triggered,
            },
            speed_of_sound: p.assumes_celsius.map_or(SpeedOfSound::Compensated, |t| {
                SpeedOfSound::FixedAt(MilliCelsius(fixed(t, 1000.0)))
            }),
        };
        part(kind, &[(Signal::WaterLevel, Some(p.water_level))])
    };
    (0_u8..).zip(&config.ultrasonic).map(gauge).collect()
}

/// What a range finder can measure.
pub(crate) fn range(p: &Ultrasonic) -> Range {
    let range = match p.model {
        UltrasonicModel::A02yyuw => Range::A02YYUW,
        UltrasonicModel::JsnSr04t => Range::JSN_SR04T,
    };
    match p.farthest_m {
        Some(m) => Range { farthest: Millimetre(fixed(m, 1000.0)), ..range },
        None => range,
    }
}

impl Backend for Emulated {
    fn twin(&self) -> Box<dyn Backend> {
        Box::new(self.clone())
    }

    fn i2c(&mut self, bus: u8) -> Result<I2cBus, HalError> {
        Ok(Box::new(Bus(self.board.i2c(bus))))
    }

    fn serial(&mut self, port: &str, _baud: u32) -> Result<Box<dyn Serial>, HalError> {
        let number = self.ports.iter().position(|p| p == port).and_then(|n| u8::try_from(n).ok());
        let uart = number.and_then(|n| self.board.uart(n));
        let uart = uart.ok_or_else(|| HalError::open(port, "no part is connected to it"))?;
        Ok(Box::new(Uart(uart)))
    }

    fn edges(&mut self, input: Input) -> Result<Edges, HalError> {
        let line = self.board.edges(input.pin);
        let what = format!("pin {}", input.pin);
        let line = line.ok_or_else(|| HalError::open(what, "no part is connected to it"))?;
        Ok(Box::new(Line { line, pin: input.pin }))
    }

    fn output(&mut self, pin: u32, _active_low: bool) -> Result<Output, HalError> {
        let output = self.board.output(pin);
        let what = format!("pin {pin}");
        let output = output.ok_or_else(|| HalError::open(what, "no part is connected to it"))?;
        Ok(Box::new(Relay { output, pin }))
    }

    fn delay(&self) -> Delay {
        if self.replay {
            Delay::new(self.board.delay())
        } else {
            Delay::new(RealDelay { board: self.board.clone(), booted: self.booted })
        }
    }

    fn tick(&mut self, now: UptimeMicros) {
        self.board.advance(now.since(self.booted));
    }
}

/// Sleeps and lets the same time pass for the parts.
struct RealDelay {
    board: Board,
    booted: UptimeMicros,
}

impl DelayNs for RealDelay {
    fn delay_ns(&mut self, ns: u32) {
        std::thread::sleep(Duration::from_nanos(u64::from(ns)));
        self.board.advance(monotonic().since(self.booted));
    }
}

struct Bus(tram_emulator::Bus);

impl ErrorType for Bus {
    type Error = HalError;
}

impl I2c for Bus {
    fn transaction(&mut self, address: u8, ops: &mut [Operation<'_>]) -> Result<(), HalError> {
        self.0.transaction(address, ops).map_err(|e| match e {
            BusError::NoAddress => HalError::NoAnswer,
            other => HalError::bus(other),
        })
    }
}

struct Uart(tram_emulator::Uart);

impl Serial for Uart {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, HalError> {
        if self.0.read_ready().map_err(HalError::bus)? {
            self.0.read(buf).map_err(HalError::bus)
        } else {
            Ok(0)
        }
    }

    fn write(&mut self, byte: u8) -> Result<(), HalError> {
        self.0.write(&[byte]).map(|_| ()).map_err(HalError::bus)
    }
}

/// A line whose edges the log tells when it is asked for `debug`: what a test compares the relay
/// with.
struct Line {
    line: tram_emulator::EdgeLine,
    pin: u32,
}

impl EdgeSource for Line {
    type Error = HalError;

    fn next_edge(&mut self) -> Result<Option<Edge>, HalError> {
        let Ok(edge) = self.line.next_edge();
        if let Some(Edge { at, rising }) = edge {
            debug!(pin = self.pin, rising, at = at.0, "edge");
        }
        Ok(edge)
    }
}

/// A relay, likewise.
struct Relay {
    output: tram_emulator::Output,
    pin: u32,
}

impl Relay {
    fn tell(&self, on: bool) {
        debug!(pin = self.pin, on, at = monotonic().0, "relay");
    }
}

impl digital::ErrorType for Relay {
    type Error = HalError;
}

impl OutputPin for Relay {
    fn set_high(&mut self) -> Result<(), HalError> {
        let done: Result<(), Infallible> = self.output.set_high();
        let Ok(()) = done;
        self.tell(true);
        Ok(())
    }

    fn set_low(&mut self) -> Result<(), HalError> {
        let done: Result<(), Infallible> = self.output.set_low();
        let Ok(()) = done;
        self.tell(false);
        Ok(())
    }
}
