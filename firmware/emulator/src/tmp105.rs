//! A TMP105, after Texas Instruments' SLLS648D.

use crate::{Medium, Signal, bus::Device, rounding::nearest, sense::Sense};

const CONFIGURATION: usize = 1;
const T_LOW: usize = 2;
const T_HIGH: usize = 3;
/// A conversion to 9 bits; each further bit takes twice as long.
const NINE_BITS_US: u64 = 27_500;
const SHUTDOWN: u8 = 0x01;
/// OS reads as 1 in comparator mode while no alert is active.
const OS: u8 = 0x80;

/// The part.
#[derive(Debug)]
pub(crate) struct Tmp105 {
    medium: Medium,
    /// Temperature, (configuration), T_LOW, T_HIGH, left-aligned.
    words: [[u8; 2]; 4],
    configuration: u8,
    pointer: usize,
    position: usize,
    /// The first byte after START of a write sets the pointer.
    expects_pointer: bool,
    powered_at: u64,
}

impl Tmp105 {
    pub(crate) fn new(medium: Medium) -> Self {
        Self {
            medium,
            words: [[0; 2]; 4],
            configuration: 0,
            pointer: 0,
            position: 0,
            expects_pointer: false,
            powered_at: 0,
        }
    }

    fn resolution(&self) -> u32 {
        u32::from(self.configuration >> 5 & 3)
    }
}

impl Device for Tmp105 {
    fn sense(&mut self, sense: &Sense<'_>) {
        let period = NINE_BITS_US << self.resolution();
        let conversions = sense.now().saturating_sub(self.powered_at) / period;
        if self.configuration & SHUTDOWN != 0 || conversions == 0 {
            return;
        }
        let signal = match self.medium {
            Medium::Air => Signal::AirTemperature,
            Medium::Soil => Signal::SoilTemperature,
        };
        let at = self.powered_at + conversions * period;
        if let Some(milli_celsius) = sense.value(signal, at) {
            let word = register(milli_celsius, self.resolution());
            let [temperature, ..] = &mut self.words;
            *temperature = word;
        }
    }

    fn start(&mut self, read: bool) -> bool {
        self.expects_pointer = !read;
        self.position = 0;
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        if self.expects_pointer {
            self.expects_pointer = false;
            self.pointer = usize::from(byte & 3);
            return true;
        }
        match self.pointer {
            CONFIGURATION => self.configuration = byte,
            T_LOW | T_HIGH => {
                let word = self.words.get_mut(self.pointer);
                if let Some(slot) = word.and_then(|w| w.get_mut(self.position)) {
                    *slot = byte;
                }
                self.position += 1;
            }
            // The temperature is read-only.
            _ => {}
        }
        true
    }

    fn read(&mut self) -> u8 {
        if self.pointer == CONFIGURATION {
            return self.configuration | OS;
        }
        let word = self.words.get(self.pointer).copied().unwrap_or_default();
        let byte = word.get(self.position % 2).copied().unwrap_or(0xff);
        self.position += 1;
        byte
    }

    fn stop(&mut self) {}

    fn power_on(&mut self, now: u64) {
        // T_LOW 75 °C, T_HIGH 80 °C.
        *self = Self {
            words: [[0; 2], [0; 2], [0x4b, 0x00], [0x50, 0x00]],
            powered_at: now,
            ..Self::new(self.medium)
        };
    }
}

/// The temperature register: 1/16 °C a count in the upper 12 bits, fewer at a lower resolution
/// (0 is 9 bits, 3 is 12). The part ends at 127.9375 °C and at −55 °C.
fn register(milli_celsius: f64, resolution: u32) -> [u8; 2] {
    let sixteenths = nearest(milli_celsius * 16.0 / 1_000.0).clamp(-880, 2_047);
    let mask = 0xfff0_u16 << (3 - resolution.min(3));
    let left_aligned = i16::try_from(sixteenths * 16).unwrap_or(i16::MAX);
    let [high, low] = left_aligned.to_be_bytes();
    (u16::from_be_bytes([high, low]) & mask).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_datasheets_table_of_temperatures_is_in_the_register() {
        // SLLS648D table 5.
        for (milli_celsius, digits) in [
            (127_937.5, 0x7ff_u16),
            (100_000.0, 0x640),
            (80_000.0, 0x500),
            (75_000.0, 0x4b0),
            (50_000.0, 0x320),
            (25_000.0, 0x190),
            (250.0, 0x004),
            (0.0, 0x000),
            (-250.0, 0xffc),
            (-25_000.0, 0xe70),
            (-55_000.0, 0xc90),
        ] {
            let expected = (digits << 4).to_be_bytes();
            assert_eq!(register(milli_celsius, 3), expected, "{milli_celsius}");
        }
    }

    #[test]
    fn nine_bits_are_half_degrees() {
        assert_eq!(register(25_437.5, 0), [0x19, 0x00]);
        assert_eq!(register(25_500.0, 0), [0x19, 0x80]);
    }
}
