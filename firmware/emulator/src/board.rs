//! The parts of one station, tied to a world.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use embedded_hal::{delay::DelayNs, i2c::Operation};
use tram_drivers::Edge;
use tram_wire::UptimeMicros;

use crate::{
    Bus, BusError, BusEvent, Clock, EdgeLine, Fault, MAX_BUS_EVENTS, NotApplicable, Output, Part,
    PartKind, RelayState, Signal, Uart, World,
    adxl355::Adxl355,
    bus::{Device, transact},
    dps310::Dps310,
    dual_loop::DualLoop,
    edge_line::EdgeQueue,
    fault::Faults,
    sen5x::{self, Sen5x},
    sense::{Bias, Sense},
    sht4x::Sht4x,
    tipping_bucket::TippingBucket,
    tmp105::Tmp105,
    ultrasonic::Ultrasonic,
};

/// The most parts of one station.
pub const MAX_PARTS: usize = 64;

/// The parts of one station. Clones and handles share it, from any thread.
#[derive(Debug, Clone)]
pub struct Board {
    inner: Arc<Mutex<Inner>>,
}

/// Why the parts cannot be wired up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WiringError {
    /// Two parts have this address on the bus.
    Address(u8),
    /// Two parts use this line.
    Line(u32),
    /// Two parts use this serial line.
    Uart(u8),
    /// More than [`MAX_PARTS`].
    TooManyParts,
}

impl fmt::Display for WiringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(a) => write!(f, "two parts have the address {a:#04x}"),
            Self::Line(l) => write!(f, "two parts use line {l}"),
            Self::Uart(u) => write!(f, "two parts use serial line {u}"),
            Self::TooManyParts => write!(f, "more than {MAX_PARTS} parts"),
        }
    }
}

impl std::error::Error for WiringError {}

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
        check_wiring(parts)?;
        let mut inner = Inner {
            slots: Vec::new(),
            seen: VecDeque::new(),
            booted,
            world,
            lines: BTreeMap::new(),
        };
        for part in parts {
            let mut machine = Machine::build(part, &inner.world);
            machine.power_on(inner.world.elapsed());
            for line in part.kind.lines() {
                inner.lines.insert(line, EdgeQueue::default());
            }
            inner.slots.push(Slot {
                part: part.clone(),
                faults: Faults::default(),
                bias: Bias::default(),
                machine,
            });
        }
        Ok(Self { inner: Arc::new(Mutex::new(inner)) })
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

    /// The I²C bus.
    #[must_use]
    pub fn bus(&self) -> Bus {
        Bus { inner: Arc::clone(&self.inner) }
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
        locked(&self.inner).relay(line).copied()
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

    /// Takes what has been seen on the bus since the last call, at most [`MAX_BUS_EVENTS`].
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

/// Everything behind the handles.
#[derive(Debug)]
pub(crate) struct Inner {
    slots: Vec<Slot>,
    lines: BTreeMap<u32, EdgeQueue>,
    seen: VecDeque<BusEvent>,
    booted: UptimeMicros,
    world: World,
}

#[derive(Debug)]
struct Slot {
    part: Part,
    faults: Faults,
    bias: Bias,
    machine: Machine,
}

#[derive(Debug)]
enum Machine {
    Bus(u8, Box<dyn Device>),
    Serial(u8, Ultrasonic),
    Bucket(u32, TippingBucket),
    Loops(u32, u32, DualLoop),
    Relay(u32, RelayState),
}

/// A panic in another thread leaves no half-changed state that matters here.
pub(crate) fn locked(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn advance(&mut self, elapsed: u64) {
        self.world.advance(elapsed);
        for slot in &mut self.slots {
            let sense = Sense {
                world: &self.world,
                part: &slot.part,
                bias: &slot.bias,
                faults: &slot.faults,
            };
            match &mut slot.machine {
                Machine::Serial(_, part) => part.advance(&sense),
                Machine::Bucket(line, part) => {
                    if let Some(queue) = self.lines.get_mut(line) {
                        part.advance(&sense, queue);
                    }
                }
                Machine::Loops(first, second, part) => {
                    for crossing in part.advance(&sense) {
                        for (line, edges) in
                            [(&*first, crossing.first), (&*second, crossing.second)]
                        {
                            if let Some(queue) = self.lines.get_mut(line) {
                                edges.into_iter().for_each(|(at, rising)| queue.push(at, rising));
                            }
                        }
                    }
                }
                // A part on the bus comes up to date when it is spoken to.
                Machine::Bus(..) | Machine::Relay(..) => {}
            }
        }
    }

    pub(crate) fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        if self.slots.iter().any(|s| s.faults.stuck_bus) {
            return Err(BusError::Stuck);
        }
        let seen = &mut self.seen;
        let mut see = |event| {
            if seen.len() == MAX_BUS_EVENTS {
                seen.pop_front();
            }
            seen.push_back(event);
        };
        for slot in &mut self.slots {
            let Machine::Bus(own, device) = &mut slot.machine else { continue };
            let sense = Sense {
                world: &self.world,
                part: &slot.part,
                bias: &slot.bias,
                faults: &slot.faults,
            };
            if *own != address || slot.faults.nack || sense.absent() {
                continue;
            }
            device.sense(&sense);
            return transact(
                device.as_mut(),
                slot.faults.short_read,
                address,
                operations,
                &mut see,
            );
        }
        let read = matches!(operations.first(), Some(Operation::Read(_)));
        see(BusEvent::Start { address, read });
        see(BusEvent::Nack);
        see(BusEvent::Stop);
        Err(BusError::NoAddress)
    }

    pub(crate) fn queue(&self, line: u32) -> Option<&EdgeQueue> {
        self.lines.get(&line)
    }

    pub(crate) fn next_edge(&mut self, line: u32) -> Option<Edge> {
        self.lines.get_mut(&line)?.pop(self.world.elapsed(), self.booted)
    }

    /// The serial part on this line, with the time.
    pub(crate) fn serial(&mut self, uart: u8) -> Option<(&mut Ultrasonic, u64)> {
        let now = self.world.elapsed();
        self.slots.iter_mut().find_map(|s| match &mut s.machine {
            Machine::Serial(own, part) if *own == uart => Some((part, now)),
            _ => None,
        })
    }

    /// A byte from the program to a serial part.
    pub(crate) fn serial_write(&mut self, uart: u8, byte: u8) {
        for slot in &mut self.slots {
            if let Machine::Serial(own, part) = &mut slot.machine
                && *own == uart
            {
                part.receive(
                    byte,
                    &Sense {
                        world: &self.world,
                        part: &slot.part,
                        bias: &slot.bias,
                        faults: &slot.faults,
                    },
                );
            }
        }
    }

    fn relay(&self, line: u32) -> Option<&RelayState> {
        self.slots.iter().find_map(|s| match &s.machine {
            Machine::Relay(own, state) if *own == line => Some(state),
            _ => None,
        })
    }

    pub(crate) fn set_output(&mut self, line: u32, on: bool) {
        let now = self.world.elapsed();
        for slot in &mut self.slots {
            if let Machine::Relay(own, state) = &mut slot.machine
                && *own == line
            {
                state.set(on, now);
            }
        }
    }

    fn inject(&mut self, part: usize, fault: Fault) -> Result<(), NotApplicable> {
        let slot = self.slots.get_mut(part).ok_or(NotApplicable(fault))?;
        if !slot.part.kind.can_have(fault) {
            return Err(NotApplicable(fault));
        }
        let now = self.world.elapsed();
        match fault {
            Fault::BrownOut => slot.machine.power_on(now),
            Fault::Drift { counts_per_hour } => slot.bias.drift = Some((counts_per_hour, now)),
            Fault::StuckValue => {
                let sense = Sense {
                    world: &self.world,
                    part: &slot.part,
                    bias: &slot.bias,
                    faults: &slot.faults,
                };
                let values = slot.part.kind.signals().iter();
                let stuck = values.filter_map(|s| Some((*s, sense.value(*s, now)?))).collect();
                slot.bias.stuck = Some(stuck);
            }
            _ => slot.faults.add(fault),
        }
        Ok(())
    }
}

impl Machine {
    fn build(part: &Part, world: &World) -> Self {
        match part.kind {
            PartKind::Dps310 { address } => Self::Bus(address, Box::new(Dps310::new())),
            PartKind::Tmp105 { address, medium } => {
                Self::Bus(address, Box::new(Tmp105::new(medium)))
            }
            PartKind::Sht4x { address } => Self::Bus(address, Box::new(Sht4x::new())),
            PartKind::Sen5x => Self::Bus(sen5x::ADDRESS, Box::new(Sen5x::new())),
            PartKind::Adxl355 { address } => Self::Bus(address, Box::new(Adxl355::new())),
            PartKind::Ultrasonic { uart, mounted_at, range, sounding, speed_of_sound } => {
                let part = Ultrasonic::new(mounted_at, range, sounding, speed_of_sound);
                Self::Serial(uart, part)
            }
            PartKind::TippingBucket { line, bucket } => {
                Self::Bucket(line, TippingBucket::new(bucket, line, world.seed()))
            }
            PartKind::DualLoop { first_line, second_line, spacing, length } => Self::Loops(
                first_line,
                second_line,
                DualLoop::new(spacing, length, first_line, world.seed()),
            ),
            PartKind::Relay { line } => Self::Relay(line, RelayState::default()),
        }
    }

    fn power_on(&mut self, now: u64) {
        match self {
            Self::Bus(_, device) => device.power_on(now),
            Self::Serial(_, part) => part.power_on(now),
            Self::Bucket(..) | Self::Loops(..) | Self::Relay(..) => {}
        }
    }
}

fn check_wiring(parts: &[Part]) -> Result<(), WiringError> {
    if parts.len() > MAX_PARTS {
        return Err(WiringError::TooManyParts);
    }
    let mut addresses = Vec::new();
    let mut lines = Vec::new();
    let mut uarts = Vec::new();
    for part in parts {
        let mut take_line = |line| {
            let free = !lines.contains(&line);
            lines.push(line);
            if free { Ok(()) } else { Err(WiringError::Line(line)) }
        };
        for line in part.kind.lines() {
            take_line(line)?;
        }
        match part.kind {
            PartKind::Relay { line } => take_line(line)?,
            PartKind::Ultrasonic { uart, .. } if uarts.contains(&uart) => {
                return Err(WiringError::Uart(uart));
            }
            PartKind::Ultrasonic { uart, .. } => uarts.push(uart),
            _ => {}
        }
        if let Some(address) = part.kind.address() {
            if addresses.contains(&address) {
                return Err(WiringError::Address(address));
            }
            addresses.push(address);
        }
    }
    Ok(())
}
