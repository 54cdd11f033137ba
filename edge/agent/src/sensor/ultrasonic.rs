//! A range finder above water.

use tram_drivers::ultrasonic::{Parser, TRIGGER};
use tram_node::{Level, LevelSettings};
use tram_wire::{MilliCelsius, Millimetre, SensorErrorKind, UptimeMicros};

use super::{Ask, Failure, Reading, Source, raw};
use crate::{
    config::{self, Parts as _, UltrasonicModel, fixed},
    hal::{Again, Backend, HalError, Serial, range},
};

/// Ten bytes a millisecond is all that 9600 baud can bring in a tick; the rest waits.
const READ_BYTES: usize = 256;
/// A part that measures when asked is asked this often.
const ASK_EVERY_US: u64 = 60_000;

/// A level gauge on a serial line. A reading is the median of echoes that came after it was due.
pub(super) struct Gauge {
    line: Box<dyn Serial>,
    parser: Parser,
    level: Level,
    echoes: usize,
    triggered: bool,
    asked: Option<UptimeMicros>,
    measuring: bool,
}

impl Gauge {
    pub(super) fn open(backend: &dyn Backend, p: &config::Ultrasonic) -> Self {
        let (mut twin, port, baud) = (backend.twin(), p.port.clone(), p.baud);
        let line: Again<Box<dyn Serial>> = Again::new(&p.place(), move || twin.serial(&port, baud));
        Self {
            line: Box::new(line),
            parser: Parser::new(range(p)),
            level: Level::new(LevelSettings {
                datum: Millimetre(fixed(p.datum_m, 1000.0)),
                // Half of the burst may be lost to spray before the level is doubted.
                least_echoes: p.echoes.div_ceil(2),
                assumes: p.assumes_celsius.map(|t| MilliCelsius(fixed(t, 1000.0))),
            }),
            echoes: p.echoes,
            triggered: p.model == UltrasonicModel::JsnSr04t,
            asked: None,
            measuring: false,
        }
    }

    fn trigger(&mut self, now: UptimeMicros) -> Result<(), HalError> {
        let due = self.asked.is_none_or(|at| now.since(at) >= ASK_EVERY_US);
        if self.triggered && self.measuring && due {
            self.asked = Some(now);
            self.line.write(TRIGGER)?;
        }
        Ok(())
    }
}

impl Source for Gauge {
    fn poll(&mut self, now: UptimeMicros) -> Result<(), HalError> {
        self.trigger(now)?;
        let mut buf = [0; READ_BYTES];
        loop {
            let n = self.line.read(&mut buf)?;
            for event in buf.iter().take(n).filter_map(|b| self.parser.feed(*b)) {
                self.level.echo(event);
            }
            if n < buf.len() {
                return Ok(());
            }
        }
    }

    fn begin(&mut self) {
        // What came before belongs to no reading.
        let _ = self.level.take(None);
        self.measuring = true;
        self.asked = None;
    }

    fn read(&mut self, ask: Ask) -> Reading {
        let (heard, lost) = self.level.frames();
        if heard + lost < self.echoes && !ask.last_chance {
            return Reading::Later;
        }
        self.measuring = false;
        if heard + lost == 0 {
            let why = "nothing comes from it";
            return Reading::Failed(Failure::new(SensorErrorKind::NoAnswer, why));
        }
        Reading::Values(vec![raw("water_level", self.level.take(ask.air))])
    }

    fn streams(&self) -> bool {
        true
    }
}
