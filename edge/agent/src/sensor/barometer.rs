//! DPS310: pressure and temperature.

use tram_drivers::{
    Dps310,
    dps310::{Identification, Oversampling},
};

use super::{Ask, Reading, Source, attempt, good};
use crate::{config, hal::SharedBus};

/// A barometer.
pub(super) struct Barometer {
    driver: Dps310<SharedBus>,
}

impl Barometer {
    pub(super) fn new(bus: SharedBus, p: &config::Dps310) -> Self {
        // QEMU's part does not tell its product id, and a wrong one is refused all the same.
        let identification = Identification::TolerateMissing;
        let driver = Dps310::new(bus, p.address, identification, Oversampling::Sixteen);
        Self { driver }
    }
}

impl Source for Barometer {
    fn read(&mut self, ask: Ask) -> Reading {
        match attempt(&mut self.driver, ask, Dps310::read, Dps310::init) {
            Ok(s) => Reading::Values(vec![
                good("pressure", s.pressure),
                good("temperature", s.temperature),
            ]),
            Err(other) => other,
        }
    }

    fn reset(&mut self) {
        // When it fails, the next reading says so.
        let _ = self.driver.init();
    }
}
