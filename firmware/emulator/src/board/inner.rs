//! The station's state behind the handles, and what each handle does to it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use embedded_hal::i2c::Operation;
use tram_drivers::Edge;
use tram_wire::{ChannelName, UptimeMicros};

use super::machine::Machine;
use crate::{
    BusError, BusEvent, Fault, MAX_BUS_EVENTS, NotApplicable, Part, PartKind, RelayState, Signal,
    World,
    bus::transact,
    edge_line::EdgeQueue,
    fault::Faults,
    sense::{Bias, Sense},
    ultrasonic::Ultrasonic,
};

/// Everything behind the handles.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(super) slots: Vec<Slot>,
    pub(super) lines: BTreeMap<u32, EdgeQueue>,
    pub(super) seen: VecDeque<BusEvent>,
    pub(super) world: World,
    booted: UptimeMicros,
}

/// A part, what is wrong with it, and its insides.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) part: Part,
    pub(super) faults: Faults,
    pub(super) bias: Bias,
    machine: Machine,
    air: Option<ChannelName>,
}

impl Slot {
    fn split<'a>(&'a mut self, world: &'a World) -> (&'a mut Machine, Sense<'a>) {
        let Self { part, faults, bias, machine, air } = self;
        (machine, Sense { world, part, bias, faults, air: air.as_ref() })
    }
}

/// A panic in another thread leaves no half-changed state that matters here.
pub(crate) fn locked(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(super) fn new(world: World, parts: &[Part], booted: UptimeMicros) -> Self {
        let lines = parts.iter().flat_map(|p| p.kind.lines());
        let lines = lines.map(|line| (line, EdgeQueue::default())).collect();
        let air = parts.iter().find_map(|p| p.channel(Signal::AirTemperature)).copied();
        let slots = parts
            .iter()
            .map(|part| {
                let mut machine = Machine::build(part, &world);
                machine.power_on(world.elapsed());
                let (faults, bias) = (Faults::default(), Bias::default());
                Slot { part: part.clone(), faults, bias, machine, air }
            })
            .collect();
        Self { slots, lines, seen: VecDeque::new(), world, booted }
    }

    pub(super) fn advance(&mut self, elapsed: u64) {
        self.world.advance(elapsed);
        for slot in &mut self.slots {
            let (machine, sense) = slot.split(&self.world);
            machine.advance(&sense, &mut self.lines);
        }
    }

    pub(crate) fn transaction(
        &mut self,
        bus: u8,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        if self.slots.iter().any(|s| s.faults.stuck_bus && s.part.bus == bus) {
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
            let (machine, sense) = slot.split(&self.world);
            let Machine::Bus(own, device) = machine else { continue };
            let here = *own == address && sense.part.bus == bus;
            if here && !sense.faults.nack && !sense.absent() {
                device.sense(&sense);
                let short_read = sense.faults.short_read;
                return transact(device.as_mut(), short_read, address, operations, &mut see);
            }
        }
        let read = matches!(operations.first(), Some(Operation::Read(_)));
        see(BusEvent::Start { address, read });
        see(BusEvent::Nack);
        see(BusEvent::Stop);
        Err(BusError::NoAddress)
    }

    pub(crate) fn lost_edges(&self, line: u32) -> u64 {
        self.lines.get(&line).map_or(0, |q| q.lost)
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
            let (machine, sense) = slot.split(&self.world);
            if let Machine::Serial(own, part) = machine
                && *own == uart
            {
                part.receive(byte, &sense);
            }
        }
    }

    pub(super) fn relay(&self, line: u32) -> Option<RelayState> {
        self.slots.iter().find_map(|s| match &s.machine {
            Machine::Relay(own, state) if *own == line => Some(*state),
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

    pub(super) fn press(&mut self, line: u32, down: bool) {
        let button = |s: &Slot| s.part.kind == PartKind::Button { line };
        if self.slots.iter().any(button) {
            let now = self.world.elapsed();
            if let Some(queue) = self.lines.get_mut(&line) {
                queue.push(now, down);
            }
        }
    }

    pub(super) fn inject(&mut self, part: usize, fault: Fault) -> Result<(), NotApplicable> {
        let now = self.world.elapsed();
        let slot = self.slots.get_mut(part).ok_or(NotApplicable(fault))?;
        if !slot.part.kind.can_have(fault) {
            return Err(NotApplicable(fault));
        }
        match fault {
            Fault::BrownOut => slot.machine.power_on(now),
            Fault::Drift { counts_per_hour } => slot.bias.drift = Some((counts_per_hour, now)),
            Fault::StuckValue => {
                let (_, sense) = slot.split(&self.world);
                let signals = sense.part.kind.signals().iter();
                let stuck = signals.filter_map(|s| Some((*s, sense.value(*s, now)?))).collect();
                slot.bias.stuck = Some(stuck);
            }
            _ => slot.faults.add(fault),
        }
        Ok(())
    }
}
