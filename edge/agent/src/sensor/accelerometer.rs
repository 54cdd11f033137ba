//! ADXL355: inclination on two axes.

use tram_drivers::{
    Adxl355,
    adxl355::{Gravity, MicroG},
};
use tram_node::Tilt;
use tram_wire::MilliCelsius;

use super::{Ask, Reading, Source, attempt, raw};
use crate::{config, hal::SharedBus};

/// An inclinometer: the mean of some samples, taken one after the other from the due time on.
pub(super) struct Inclinometer {
    driver: Adxl355<SharedBus>,
    tilt: Tilt,
    samples: u32,
    taken: u32,
}

impl Inclinometer {
    pub(super) fn new(bus: SharedBus, p: &config::Adxl355) -> Self {
        let [x, y, z] = p.zero_ug.map(MicroG);
        let zero = Gravity { x, y, z, temperature: MilliCelsius(0) };
        let driver = Adxl355::new(bus, p.address);
        Self { driver, tilt: Tilt::new(Some(&zero)), samples: p.samples, taken: 0 }
    }
}

impl Source for Inclinometer {
    fn begin(&mut self) {
        self.taken = 0;
        // What a reading that was given up left behind.
        let _ = self.tilt.take();
    }

    fn read(&mut self, ask: Ask) -> Reading {
        match attempt(&mut self.driver, ask, Adxl355::read, Adxl355::init) {
            Ok(gravity) => {
                self.tilt.sample(&gravity);
                self.taken += 1;
            }
            // Fewer samples than wished for are a reading all the same.
            Err(_) if ask.last_chance && self.taken > 0 => {}
            Err(other) => return other,
        }
        if self.taken < self.samples && !ask.last_chance {
            return Reading::Later;
        }
        let tilt = self.tilt.take();
        Reading::Values(vec![raw("tilt_x", tilt.x), raw("tilt_y", tilt.y)])
    }

    fn reset(&mut self) {
        // When it fails, the next reading says so.
        let _ = self.driver.init();
    }
}
