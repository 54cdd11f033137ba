//! TMP105: temperature, ±2 °C, 12 bits.
//!
//! Texas Instruments SLLS648D, "Pointer Register" and what follows: a pointer to temperature (0),
//! configuration (1), T_LOW (2) or T_HIGH (3). After power-on the part converts to 9 bits;
//! [`Tmp105::init`] asks for 12. There is no identification register, so `init` proves the part by
//! writing the configuration and reading it back.

use embedded_hal::i2c::I2c;
use tram_wire::MilliCelsius;

use crate::Error;

/// The address with A0 to ground. The other is 0x49.
pub const DEFAULT_ADDRESS: u8 = 0x48;

/// Lowest and highest temperature the part is specified for.
pub const RANGE: (MilliCelsius, MilliCelsius) = (MilliCelsius(-55_000), MilliCelsius(127_938));

const TEMPERATURE: u8 = 0x00;
const CONFIGURATION: u8 = 0x01;
/// R1 = R0 = 1: 12 bits, a conversion takes 220 ms. Continuous, comparator mode.
const TWELVE_BITS: u8 = 0x60;
/// All but OS, which reads as 1 in comparator mode whatever was written.
const STABLE_BITS: u8 = 0x7f;

/// A TMP105 on a bus.
#[derive(Debug)]
pub struct Tmp105<I2C> {
    i2c: I2C,
    address: u8,
}

impl<I2C: I2c> Tmp105<I2C> {
    /// The part at this 7-bit address. Nothing is sent before [`init`](Self::init).
    pub fn new(i2c: I2C, address: u8) -> Self {
        Self { i2c, address }
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.i2c
    }

    /// Sets 12 bits and continuous conversion, and reads the setting back.
    ///
    /// # Errors
    /// [`Error::Bus`], or [`Error::Identity`] when the setting did not stay.
    pub fn init(&mut self) -> Result<(), Error<I2C::Error>> {
        self.i2c.write(self.address, &[CONFIGURATION, TWELVE_BITS]).map_err(Error::Bus)?;
        let found = self.configuration()?;
        if found & STABLE_BITS == TWELVE_BITS { Ok(()) } else { Err(Error::Identity { found }) }
    }

    /// The last conversion, in steps of 62.5 m°C rounded to the nearest m°C.
    ///
    /// # Errors
    /// [`Error::Bus`]; [`Error::Reset`] when the part is no longer set to 12 bits;
    /// [`Error::Implausible`] when the low four bits, which always read as zero, do not.
    pub fn read(&mut self) -> Result<MilliCelsius, Error<I2C::Error>> {
        if self.configuration()? & STABLE_BITS != TWELVE_BITS {
            return Err(Error::Reset);
        }
        // 2 bytes: T11..T4, then T3..T0 and four zeros (tables 3 and 4).
        let mut bytes = [0; 2];
        self.i2c.write_read(self.address, &[TEMPERATURE], &mut bytes).map_err(Error::Bus)?;
        let register = i16::from_be_bytes(bytes);
        if register & 0x000f != 0 {
            return Err(Error::Implausible);
        }
        Ok(temperature(register))
    }

    fn configuration(&mut self) -> Result<u8, Error<I2C::Error>> {
        let mut byte = [0; 1];
        self.i2c.write_read(self.address, &[CONFIGURATION], &mut byte).map_err(Error::Bus)?;
        let [configuration] = byte;
        Ok(configuration)
    }
}

/// The temperature a left-aligned 16-bit register stands for: 1/256 °C a count.
fn temperature(register: i16) -> MilliCelsius {
    // 1000/256 = 125/32; half a divisor away from zero rounds to the nearest.
    let scaled = i32::from(register) * 125;
    MilliCelsius((scaled + 16 * scaled.signum()) / 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register_file::{Broken, RegisterFile};

    #[test]
    fn the_datasheets_table_of_temperatures_comes_out() {
        // SLLS648D table 5, 12-bit two's complement. 127.9375 °C becomes 127 938 m°C.
        for (digits, milli_celsius) in [
            (0x7ff_u16, 127_938),
            (0x640, 100_000),
            (0x500, 80_000),
            (0x4b0, 75_000),
            (0x320, 50_000),
            (0x190, 25_000),
            (0x004, 250),
            (0x000, 0),
            (0xffc, -250),
            (0xe70, -25_000),
            (0xc90, -55_000),
        ] {
            let register = i16::from_ne_bytes((digits << 4).to_ne_bytes());
            assert_eq!(temperature(register), MilliCelsius(milli_celsius), "{digits:#05x}");
        }
    }

    #[test]
    fn a_part_that_forgets_its_setting_is_reset_and_init_brings_it_back() {
        let mut part = RegisterFile::new(0x48);
        part.set(0, &[0x19, 0x00]);
        part.widths(&[2, 1, 2, 2]);
        let mut driver = Tmp105::new(part, 0x48);
        assert_eq!(driver.read(), Err(Error::Reset));
        driver.init().expect("the part keeps its setting");
        assert_eq!(driver.read(), Ok(MilliCelsius(25_000)));
    }

    #[test]
    fn a_part_that_does_not_keep_the_setting_is_another_part() {
        let mut part = RegisterFile::new(0x48);
        part.read_only(1);
        assert_eq!(Tmp105::new(part, 0x48).init(), Err(Error::Identity { found: 0 }));
    }

    #[test]
    fn an_address_nobody_has_is_a_bus_error() {
        assert_eq!(Tmp105::new(RegisterFile::new(0x49), 0x48).init(), Err(Error::Bus(Broken)));
    }

    #[test]
    fn set_bits_below_the_twelfth_are_no_temperature() {
        let mut part = RegisterFile::new(0x48);
        part.widths(&[2, 1, 2, 2]);
        part.set(0, &[0x19, 0xff]);
        let mut driver = Tmp105::new(part, 0x48);
        driver.init().expect("the part keeps its setting");
        assert_eq!(driver.read(), Err(Error::Implausible));
    }
}
