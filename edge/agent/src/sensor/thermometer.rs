//! TMP105: temperature.

use tram_drivers::Tmp105;

use super::{Ask, Reading, Source, attempt, good};
use crate::{config, hal::SharedBus};

/// A thermometer. The driver says that it has to be set up, the first time as well.
pub(super) struct Thermometer {
    driver: Tmp105<SharedBus>,
}

impl Thermometer {
    pub(super) fn new(bus: SharedBus, p: &config::Tmp105) -> Self {
        Self { driver: Tmp105::new(bus, p.address) }
    }
}

impl Source for Thermometer {
    fn read(&mut self, ask: Ask) -> Reading {
        match attempt(&mut self.driver, ask, Tmp105::read, Tmp105::init) {
            Ok(t) => Reading::Values(vec![good("temperature", t)]),
            Err(other) => other,
        }
    }

    fn reset(&mut self) {
        // When it fails, the next reading says so.
        let _ = self.driver.init();
    }
}
