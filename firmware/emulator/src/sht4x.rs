//! An SHT4x, after Sensirion's data sheet, version 6: one-byte commands, no registers.

use std::collections::VecDeque;

use crate::{Signal, bus::Device, crc8::push_word, rounding::register_u16, sense::Sense};

/// What this part is called, in its serial number's bytes.
const SERIAL: [u16; 2] = [0x0f4a, 0x11d3];
const SOFT_RESET: u8 = 0x94;
const RESET_US: u64 = 1_000;

/// The part.
#[derive(Debug)]
pub(crate) struct Sht4x {
    now: u64,
    /// What a measurement that ends now finds, as ticks.
    ticks: [u16; 2],
    crc_flip: bool,
    busy: bool,
    answer: VecDeque<u8>,
    answer_at: u64,
    ready_at: u64,
}

impl Sht4x {
    pub(crate) fn new() -> Self {
        Self {
            now: 0,
            ticks: [0; 2],
            crc_flip: false,
            busy: false,
            answer: VecDeque::new(),
            answer_at: 0,
            ready_at: 0,
        }
    }

    fn promise(&mut self, words: [u16; 2], takes_us: u64) {
        let mut bytes = Vec::with_capacity(6);
        words.iter().for_each(|w| push_word(&mut bytes, *w, self.crc_flip));
        self.answer = bytes.into();
        self.answer_at = self.now + takes_us;
    }
}

/// How long a measurement takes at most (table 4), the heater's time included.
fn measurement_us(command: u8) -> Option<u64> {
    Some(match command {
        0xfd => 8_300,
        0xf6 => 4_500,
        0xe0 => 1_600,
        0x39 | 0x2f | 0x1e => 1_100_000,
        0x32 | 0x24 | 0x15 => 110_000,
        _ => return None,
    })
}

impl Device for Sht4x {
    fn sense(&mut self, sense: &Sense<'_>) {
        self.now = sense.now();
        self.crc_flip = sense.faults.crc_flip;
        self.busy = sense.faults.busy;
        let value = |signal| sense.value(signal, self.now);
        if let (Some(t), Some(rh)) = (value(Signal::AirTemperature), value(Signal::Humidity)) {
            self.ticks = [temperature_ticks(t / 1_000.0), humidity_ticks(rh / 1_000.0)];
        }
    }

    fn start(&mut self, read: bool) -> bool {
        if self.busy || self.now < self.ready_at {
            return false;
        }
        // While it measures it takes no command, and before it has, it does not answer.
        let measuring = !self.answer.is_empty() && self.now < self.answer_at;
        !measuring && (!read || !self.answer.is_empty())
    }

    fn write(&mut self, command: u8) -> bool {
        self.answer.clear();
        if let Some(takes_us) = measurement_us(command) {
            self.promise(self.ticks, takes_us);
        } else if command == 0x89 {
            self.promise(SERIAL, 0);
        } else if command == SOFT_RESET {
            self.power_on(self.now);
        } else {
            return false;
        }
        true
    }

    fn read(&mut self) -> u8 {
        self.answer.pop_front().unwrap_or(0xff)
    }

    fn stop(&mut self) {
        // An answer is read once.
        if self.now >= self.answer_at && self.answer.len() < 6 {
            self.answer.clear();
        }
    }

    fn power_on(&mut self, now: u64) {
        *self = Self { now, ready_at: now + RESET_US, ..Self::new() };
    }
}

/// §4.6: T = −45 + 175·S/65535.
fn temperature_ticks(celsius: f64) -> u16 {
    register_u16((celsius + 45.0) / 175.0 * 65_535.0)
}

/// §4.6: RH = −6 + 125·S/65535.
fn humidity_ticks(percent: f64) -> u16 {
    register_u16((percent + 6.0) / 125.0 * 65_535.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_middle_of_the_datasheets_scales() {
        // §4.6: 0 is −45 °C and −6 %RH, 65535 is 130 °C and 119 %RH.
        assert_eq!((temperature_ticks(-45.0), temperature_ticks(130.0)), (0, 65_535));
        assert_eq!((humidity_ticks(-6.0), humidity_ticks(119.0)), (0, 65_535));
        // 25 °C is 70/175 = 2/5 of the way: 26 214; 50 %RH is 56/125 of it: 29 359.68.
        assert_eq!((temperature_ticks(25.0), humidity_ticks(50.0)), (26_214, 29_360));
    }
}
