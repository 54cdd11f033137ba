//! One lane with two inductive loops.

use tram_drivers::DualLoop;
use tram_node::{LoopGeometry, LoopPair};
use tram_wire::{Millimetre, UptimeMicros};

use super::{Ask, Reading, Source, edges, raw};
use crate::{
    config::{self, Parts as _, fixed},
    hal::{Backend, Edges, HalError, Input},
};

/// A lane on two pins.
pub(super) struct Lane {
    first: Edges,
    second: Edges,
    detectors: DualLoop,
    geometry: LoopGeometry,
    /// Begins with the first look at the clock.
    pair: Option<LoopPair>,
}

impl Lane {
    pub(super) fn open(backend: &dyn Backend, p: &config::DualLoop) -> Self {
        let input = |pin| Input { pin, active_low: p.active_low, pull: p.pull };
        Self {
            first: edges(backend, &p.place(), input(p.first_pin)),
            second: edges(backend, &p.place(), input(p.second_pin)),
            detectors: DualLoop::new(DualLoop::DEFAULT_DEBOUNCE_US),
            geometry: LoopGeometry {
                spacing: Millimetre(fixed(p.spacing_m, 1000.0)),
                length: Millimetre(fixed(p.loop_m, 1000.0)),
            },
            pair: None,
        }
    }
}

impl Source for Lane {
    fn poll(&mut self, now: UptimeMicros) -> Result<(), HalError> {
        let pair = self.pair.get_or_insert_with(|| LoopPair::new(self.geometry, now));
        let (mut first, mut second) = (self.first.as_mut(), self.second.as_mut());
        while let Some(event) = self.detectors.poll(&mut first, &mut second, now)? {
            pair.event(event);
        }
        Ok(())
    }

    fn read(&mut self, ask: Ask) -> Reading {
        let pair = self.pair.get_or_insert_with(|| LoopPair::new(self.geometry, ask.uptime));
        let lane = pair.take(ask.uptime);
        Reading::Values(vec![
            raw("count", lane.count),
            raw("speed", lane.speed),
            raw("occupancy", lane.occupancy),
        ])
    }

    fn streams(&self) -> bool {
        true
    }
}
