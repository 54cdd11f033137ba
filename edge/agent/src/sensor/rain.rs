//! A tipping bucket.

use tram_drivers::{RainGauge, rain_gauge::Contact};
use tram_node::{Bucket, Micrometre, RainCounter};
use tram_wire::UptimeMicros;

use super::{Ask, Reading, Source, edges, raw};
use crate::{
    config::{self, Parts as _, fixed},
    hal::{Backend, Edges, HalError, Input},
};

/// A rain gauge on a pin.
pub(super) struct Gauge {
    edges: Edges,
    contact: RainGauge,
    counter: RainCounter,
    refused: u64,
}

impl Gauge {
    pub(super) fn open(backend: &dyn Backend, p: &config::RainGauge) -> Self {
        let input = Input { pin: p.pin, active_low: p.active_low, pull: p.pull };
        let tip = Micrometre(fixed(p.tip_mm, 1000.0));
        Self {
            edges: edges(backend, &p.place(), input),
            contact: RainGauge::new(Contact::default()),
            counter: RainCounter::new(Bucket { tip, ..Bucket::default() }),
            refused: 0,
        }
    }
}

impl Source for Gauge {
    fn poll(&mut self, _now: UptimeMicros) -> Result<(), HalError> {
        let mut edges = self.edges.as_mut();
        while let Some(tip) = self.contact.poll(&mut edges)? {
            self.counter.tip(&tip);
        }
        let refused = self.contact.counts().refused;
        let new = refused.saturating_sub(std::mem::replace(&mut self.refused, refused));
        self.counter.refused(u32::try_from(new).unwrap_or(u32::MAX));
        Ok(())
    }

    fn read(&mut self, ask: Ask) -> Reading {
        let reading = self.counter.take(ask.uptime);
        Reading::Values(vec![raw("rain", reading.rain), raw("intensity", reading.intensity)])
    }

    fn streams(&self) -> bool {
        true
    }
}
