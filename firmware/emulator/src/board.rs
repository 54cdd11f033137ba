//! The parts of one station, tied to a world.

mod inner;
mod machine;
mod wiring;

use std::sync::{Arc, Mutex};

use embedded_hal::delay::DelayNs;
use tram_wire::UptimeMicros;

use crate::{
    Bus, BusEvent, Clock, EdgeLine, Fault, NotApplicable, Output, Part, RelayState, Signal, Uart,
    World, fault::Faults, sense::Bias,
};
pub(crate) use inner::{Inner, locked};
pub use wiring::WiringError;

/// The most parts of one station.
pub const MAX_PARTS: usize = 64;

/// The parts of one station. Clones and handles share it, from any thread.
#[derive(Debug, Clone)]
pub struct Board {
    inner: Arc<Mutex<Inner>>,
}

impl Board {
    /// Wires the parts up and switches them on.
    ///
    /// # Errors
    /// When two parts want the same place, or there are too many.
    pub fn new(world: World, parts: &[Part]) -> Result<Self, WiringError> {
        Self::with_uptime(world, parts, UptimeMicros(0))
    }

    /// The same, for a program whose uptime already is `booted` when the world begins: edges carry
    /// `booted` plus the elapsed time.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_uptime(
        world: World,
        parts: &[Part],
        booted: UptimeMicros,
    ) -> Result<Self, WiringError> {
        wiring::check(parts)?;
        Ok(Self { inner: Arc::new(Mutex::new(Inner::new(world, parts, booted))) })
    }

    /// Lets time pass until `elapsed` microseconds after the beginning. A program calls it before
    /// it touches a part: with the real time, or with the time it has jumped to in a replay.
    /// Earlier than now does nothing.
    pub fn advance(&self, elapsed: u64) {
        locked(&self.inner).advance(elapsed);
    }

    /// Microseconds since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        locked(&self.inner).world.elapsed()
    }

    /// Whose clock the program should use.
    #[must_use]
    pub fn clock(&self) -> Clock {
        locked(&self.inner).world.clock()
    }

    /// The first I²C bus.
    #[must_use]
    pub fn bus(&self) -> Bus {
        self.i2c(Part::FIRST_BUS)
    }

    /// The I²C bus with this number. One without parts is there all the same, and nobody answers.
    #[must_use]
    pub fn i2c(&self, number: u8) -> Bus {
        Bus { inner: Arc::clone(&self.inner), number }
    }

    /// A serial line, if a part is connected to it.
    #[must_use]
    pub fn uart(&self, uart: u8) -> Option<Uart> {
        let connected = locked(&self.inner).serial(uart).is_some();
        connected.then(|| Uart { inner: Arc::clone(&self.inner), uart })
    }

    /// An input with edges, if a part is connected to it.
    #[must_use]
    pub fn edges(&self, line: u32) -> Option<EdgeLine> {
        let connected = locked(&self.inner).lines.contains_key(&line);
        connected.then(|| EdgeLine { inner: Arc::clone(&self.inner), line })
    }

    /// An output, if a relay is connected to it.
    #[must_use]
    pub fn output(&self, line: u32) -> Option<Output> {
        self.relay(line).map(|_| Output { inner: Arc::clone(&self.inner), line })
    }

    /// What the relay on this line has done.
    #[must_use]
    pub fn relay(&self, line: u32) -> Option<RelayState> {
        locked(&self.inner).relay(line)
    }

    /// Presses the button on this line now, or lets go of it. Without a button it does nothing.
    pub fn press(&self, line: u32, down: bool) {
        locked(&self.inner).press(line, down);
    }

    /// A delay that lets the board's own time pass instead of waiting, for tests and replays.
    #[must_use]
    pub fn delay(&self) -> Delay {
        Delay { inner: Arc::clone(&self.inner) }
    }

    /// What a signal of part number `part` (in the order given to [`new`](Self::new)) truly is
    /// now, as [`World::value`].
    #[must_use]
    pub fn truth(&self, part: usize, signal: Signal) -> Option<f64> {
        let inner = locked(&self.inner);
        let slot = inner.slots.get(part)?;
        inner.world.value(signal, slot.part.channel(signal))
    }

    /// Gives part number `part` a fault.
    ///
    /// # Errors
    /// When the part cannot have it, or there is no such part.
    pub fn inject(&self, part: usize, fault: Fault) -> Result<(), NotApplicable> {
        locked(&self.inner).inject(part, fault)
    }

    /// Takes every fault from part number `part`. What a brown-out has reset stays reset.
    pub fn heal(&self, part: usize) {
        if let Some(slot) = locked(&self.inner).slots.get_mut(part) {
            slot.faults = Faults::default();
            slot.bias = Bias::default();
        }
    }

    /// Takes what has been seen on the bus since the last call, at most
    /// [`MAX_BUS_EVENTS`](crate::MAX_BUS_EVENTS).
    #[must_use]
    pub fn bus_events(&self) -> Vec<BusEvent> {
        locked(&self.inner).seen.drain(..).collect()
    }
}

/// Lets a board's time pass. See [`Board::delay`].
#[derive(Debug, Clone)]
pub struct Delay {
    inner: Arc<Mutex<Inner>>,
}

impl DelayNs for Delay {
    fn delay_ns(&mut self, ns: u32) {
        let mut inner = locked(&self.inner);
        let to = inner.world.elapsed().saturating_add(u64::from(ns).div_ceil(1_000));
        inner.advance(to);
    }
}
