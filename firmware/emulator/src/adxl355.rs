//! An ADXL355, after Analog Devices' data sheet, rev. B. It forgets its register pointer at STOP:
//! the data sheet shows reading only behind a repeated START, so the emulated part takes nothing
//! else.

use crate::{
    Signal,
    bus::Device,
    rounding::{nearest, register_u16},
    sense::Sense,
};

const STATUS: u8 = 0x04;
const TEMP2: u8 = 0x06;
const XDATA3: u8 = 0x08;
const FILTER: u8 = 0x28;
const RANGE: u8 = 0x2c;
const POWER_CTL: u8 = 0x2d;
const RESET: u8 = 0x2f;

const RESET_CODE: u8 = 0x52;
const DATA_RDY: u8 = 0x01;
const STANDBY: u8 = 0x01;
/// Sampling at 4000 Hz; each step of the filter's number halves it.
const FASTEST_US: u64 = 250;

/// The part.
#[derive(Debug)]
pub(crate) struct Adxl355 {
    registers: [u8; 0x30],
    pointer: u8,
    expects_pointer: bool,
    /// Whether a pointer was written since the last STOP.
    pointed: bool,
    now: u64,
    measuring_since: u64,
    samples_taken: u64,
}

impl Adxl355 {
    pub(crate) fn new() -> Self {
        Self {
            registers: [0; 0x30],
            pointer: 0,
            expects_pointer: false,
            pointed: false,
            now: 0,
            measuring_since: 0,
            samples_taken: 0,
        }
    }

    fn register(&self, register: u8) -> u8 {
        self.registers.get(usize::from(register)).copied().unwrap_or(0)
    }

    fn set(&mut self, from: u8, bytes: &[u8]) {
        let slots = self.registers.iter_mut().skip(usize::from(from));
        slots.zip(bytes).for_each(|(slot, byte)| *slot = *byte);
    }

    fn period(&self) -> u64 {
        FASTEST_US << (self.register(FILTER) & 0x0f).min(10)
    }

    fn take_sample(&mut self, sense: &Sense<'_>, at: u64) -> Option<()> {
        let tilt_x = sense.value(Signal::TiltX, at)? / 1e6;
        let tilt_y = sense.value(Signal::TiltY, at)? / 1e6;
        let celsius = sense.value(Signal::AirTemperature, at)? / 1_000.0;
        // The counts of one g at the range that is set (data sheet, "Specifications").
        let scale = match self.register(RANGE) & 0x03 {
            1 => 256_000.0,
            2 => 128_000.0,
            _ => 64_000.0,
        };
        for (axis, g) in (0_u8..).zip(gravity(tilt_x, tilt_y)) {
            self.set(XDATA3 + 3 * axis, &axis_bytes(g * scale));
        }
        self.set(TEMP2, &temperature_bytes(celsius));
        Some(())
    }
}

impl Device for Adxl355 {
    fn sense(&mut self, sense: &Sense<'_>) {
        self.now = sense.now();
        if self.register(POWER_CTL) & STANDBY != 0 || sense.faults.busy {
            return;
        }
        let samples = (self.now - self.measuring_since) / self.period();
        if samples > self.samples_taken {
            self.samples_taken = samples;
            let at = self.measuring_since + samples * self.period();
            if self.take_sample(sense, at).is_some() {
                self.set(STATUS, &[self.register(STATUS) | DATA_RDY]);
            }
        }
    }

    fn start(&mut self, read: bool) -> bool {
        self.expects_pointer = !read;
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        if self.expects_pointer {
            self.expects_pointer = false;
            self.pointer = byte;
            self.pointed = true;
            return true;
        }
        let register = self.pointer;
        self.pointer = self.pointer.wrapping_add(1);
        match register {
            RESET if byte == RESET_CODE => self.power_on(self.now),
            POWER_CTL => {
                if self.register(POWER_CTL) & STANDBY != 0 && byte & STANDBY == 0 {
                    self.measuring_since = self.now;
                    self.samples_taken = 0;
                }
                self.set(POWER_CTL, &[byte]);
            }
            // Everything below 0x1e tells and does not listen.
            0x1e..=0x2e => self.set(register, &[byte]),
            _ => {}
        }
        true
    }

    fn read(&mut self) -> u8 {
        if !self.pointed {
            return 0xff;
        }
        let value = self.register(self.pointer);
        if self.pointer == STATUS {
            self.set(STATUS, &[value & !DATA_RDY]);
        }
        self.pointer = self.pointer.wrapping_add(1);
        value
    }

    fn stop(&mut self) {
        self.pointed = false;
    }

    fn power_on(&mut self, now: u64) {
        *self = Self { now, ..Self::new() };
        self.set(0, &[0xad, 0x1d, 0xed, 0x01]);
        self.set(RANGE, &[0x81, STANDBY]);
    }
}

/// What a resting part whose X and Y axes point so many radians above the horizon feels, in g: +1
/// along Z when level.
fn gravity(tilt_x: f64, tilt_y: f64) -> [f64; 3] {
    let (x, y) = (tilt_x.sin(), tilt_y.sin());
    [x, y, (1.0 - x * x - y * y).max(0.0).sqrt()]
}

/// 20 bits left-aligned in 3 bytes, held at the ends.
fn axis_bytes(counts: f64) -> [u8; 3] {
    let counts = nearest(counts).clamp(-(1 << 19), (1 << 19) - 1);
    let left_aligned = i32::try_from(counts << 12).unwrap_or(0);
    let [high, middle, low, _] = left_aligned.to_be_bytes();
    [high, middle, low]
}

/// 12 bits right-aligned in 2 bytes: 1885 at 25 °C, 9.05 fewer for each degree more.
fn temperature_bytes(celsius: f64) -> [u8; 2] {
    (register_u16(1_885.0 - 9.05 * (celsius - 25.0)) & 0x0fff).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_datasheets_scale_is_in_the_registers() {
        // 256 000 counts a g at ±2.048 g: 1 g is 0x3E800, −1 g 0xC1800; full scale is 524 287.
        assert_eq!(axis_bytes(256_000.0), [0x3e, 0x80, 0x00]);
        assert_eq!(axis_bytes(-256_000.0), [0xc1, 0x80, 0x00]);
        assert_eq!(axis_bytes(1e9), [0x7f, 0xff, 0xf0]);
        // "Specifications": nominally 1885 counts at 25 °C.
        assert_eq!(temperature_bytes(25.0), [0x07, 0x5d]);
        assert_eq!(temperature_bytes(45.0), [0x06, 0xa8]);
    }

    #[test]
    fn the_vector_of_gravity_keeps_its_length_and_its_angles() {
        for (x, y) in [(0.0, 0.0), (0.1, 0.0), (0.3, -0.4), (-0.7, 0.7)] {
            let [gx, gy, gz] = gravity(x, y);
            assert!((gx.hypot(gy).hypot(gz) - 1.0).abs() < 1e-12);
            assert!((gx.atan2(gy.hypot(gz)) - x).abs() < 1e-12);
            assert!((gy.atan2(gx.hypot(gz)) - y).abs() < 1e-12);
        }
    }
}
