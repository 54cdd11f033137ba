//! ADXL355: three-axis accelerometer of low noise and drift, used as an inclinometer.
//!
//! Analog Devices ADXL354/ADXL355 data sheet, rev. B, "Register map". At ±2.048 g a count is
//! 3.90625 µg (256 000 counts a g), which near level is 3.9 µrad of tilt. The part identifies
//! itself by DEVID_AD = 0xAD, DEVID_MST = 0x1D and PARTID = 0xED, and stands by after power-on.
//!
//! The driver returns the vector of gravity; the angle between two of them is `tram-node`'s
//! business.

use embedded_hal::i2c::I2c;
use tram_wire::MilliCelsius;

use crate::Error;

/// The address with ASEL to ground. The other is 0x53.
pub const DEFAULT_ADDRESS: u8 = 0x1d;

/// The largest acceleration the part measures in the range this driver sets.
pub const FULL_SCALE: MicroG = MicroG(2_048_000);

const DEVID_AD: u8 = 0x00;
const STATUS: u8 = 0x04;
const TEMP2: u8 = 0x06;
const FILTER: u8 = 0x28;
const RANGE: u8 = 0x2c;
const POWER_CTL: u8 = 0x2d;

const IDENTITY: [u8; 3] = [0xad, 0x1d, 0xed];
/// No high-pass, output at 31.25 Hz through a low-pass at 7.8 Hz: a slope is slow, trucks are not.
const FILTER_31_HZ: u8 = 0x07;
/// I2C_HS and INT_POL as after reset, ±2.048 g.
const RANGE_2_G: u8 = 0x81;
const MEASURE: u8 = 0x00;
const DATA_RDY: u8 = 0x01;
const NVM_BUSY: u8 = 0x10;

/// Acceleration in millionths of the standard gravity, 9.80665 m/s².
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MicroG(pub i32);

/// The vector of gravity in the part's own axes, and the part's temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gravity {
    /// Along the X axis.
    pub x: MicroG,
    /// Along the Y axis.
    pub y: MicroG,
    /// Along the Z axis, +1 g when the part lies level and upright.
    pub z: MicroG,
    /// Inside the part: nominally 1885 counts at 25 °C and −9.05 counts a degree, uncalibrated.
    /// For compensating the tilt, not for reporting.
    pub temperature: MilliCelsius,
}

/// An ADXL355 on a bus.
#[derive(Debug)]
pub struct Adxl355<I2C> {
    i2c: I2C,
    address: u8,
}

impl<I2C: I2c> Adxl355<I2C> {
    /// The part at this 7-bit address. Nothing is sent before [`init`](Self::init).
    pub fn new(i2c: I2C, address: u8) -> Self {
        Self { i2c, address }
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.i2c
    }

    /// Checks the three identification registers, sets range and filter, and starts measuring.
    ///
    /// # Errors
    /// [`Error::Bus`]; [`Error::Identity`] with the first register that differs.
    pub fn init(&mut self) -> Result<(), Error<I2C::Error>> {
        let mut identity = [0; 3];
        self.read_registers(DEVID_AD, &mut identity)?;
        if let Some((found, _)) = identity.iter().zip(IDENTITY).find(|(found, id)| **found != *id) {
            return Err(Error::Identity { found: *found });
        }
        // Range and filter may only be changed in standby (data sheet, "Power sequencing").
        for (register, value) in
            [(POWER_CTL, 0x01), (FILTER, FILTER_31_HZ), (RANGE, RANGE_2_G), (POWER_CTL, MEASURE)]
        {
            self.i2c.write(self.address, &[register, value]).map_err(Error::Bus)?;
        }
        Ok(())
    }

    /// The last sample.
    ///
    /// # Errors
    /// [`Error::Bus`]; [`Error::NotReady`] before the first sample after `init` and while no new
    /// one has come; [`Error::Reset`] when the part stands by or measures in another range;
    /// [`Error::Implausible`] when it stopped answering in the middle or an axis is at its end.
    pub fn read(&mut self) -> Result<Gravity, Error<I2C::Error>> {
        // 2 bytes: RANGE, POWER_CTL.
        let mut settings = [0; 2];
        self.read_registers(RANGE, &mut settings)?;
        if settings != [RANGE_2_G, MEASURE] {
            return Err(Error::Reset);
        }
        let mut status = [0; 1];
        self.read_registers(STATUS, &mut status)?;
        let [status] = status;
        if status & NVM_BUSY != 0 || status & DATA_RDY == 0 {
            return Err(Error::NotReady);
        }
        // 11 bytes: temperature (12 bits right-aligned in 2), then X, Y, Z (20 bits left-aligned
        // in 3). The low four bits of each axis are reserved and zero, so a last byte of FF means
        // that nobody drove the bus any more.
        let mut bytes = [0; 11];
        self.read_registers(TEMP2, &mut bytes)?;
        let [t2, t1, x3, x2, x1, y3, y2, y1, z3, z2, z1] = bytes;
        let axes = [[x3, x2, x1], [y3, y2, y1], [z3, z2, z1]].map(counts);
        if z1 == 0xff || axes.iter().any(|a| *a == COUNTS_MAX || *a == COUNTS_MIN) {
            return Err(Error::Implausible);
        }
        let [x, y, z] = axes.map(micro_g);
        Ok(Gravity { x, y, z, temperature: temperature([t2, t1]) })
    }

    fn read_registers(&mut self, from: u8, out: &mut [u8]) -> Result<(), Error<I2C::Error>> {
        self.i2c.write_read(self.address, &[from], out).map_err(Error::Bus)
    }
}

const COUNTS_MAX: i32 = (1 << 19) - 1;
const COUNTS_MIN: i32 = -(1 << 19);

/// 3 bytes, 20 bits left-aligned in two's complement, to counts.
fn counts([high, middle, low]: [u8; 3]) -> i32 {
    i32::from_be_bytes([high, middle, low, 0]) >> 12
}

/// 3.90625 µg a count, to the nearest µg.
fn micro_g(counts: i32) -> MicroG {
    let scaled = counts * 125;
    MicroG((scaled + 16 * scaled.signum()) / 32)
}

/// 2 bytes, 12 bits right-aligned. 9.05 counts a degree is 1000/9.05 = 20000/181 m°C a count.
fn temperature([high, low]: [u8; 2]) -> MilliCelsius {
    let counts = i32::from(u16::from_be_bytes([high & 0x0f, low]));
    MilliCelsius(25_000 - (counts - 1885) * 20_000 / 181)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register_file::RegisterFile;

    fn part() -> RegisterFile {
        let mut part = RegisterFile::new(DEFAULT_ADDRESS);
        part.set(DEVID_AD, &IDENTITY);
        part.set(STATUS, &[DATA_RDY]);
        part.set(POWER_CTL, &[0x01]);
        part.set(RANGE, &[RANGE_2_G]);
        // 1885 counts = 0x75D; X = 0; Y = −1 count; Z = 256 000 counts = 0x3E800.
        part.set(TEMP2, &[0x07, 0x5d, 0, 0, 0, 0xff, 0xff, 0xf0, 0x3e, 0x80, 0x00]);
        part
    }

    #[test]
    fn the_datasheets_scale_gives_one_g_and_25_degrees() {
        let mut driver = Adxl355::new(part(), DEFAULT_ADDRESS);
        driver.init().expect("the identity is right");
        let read = driver.read().expect("a sample is there");
        assert_eq!((read.x, read.y, read.z), (MicroG(0), MicroG(-4), MicroG(1_000_000)));
        assert_eq!(read.temperature, MilliCelsius(25_000));
    }

    #[test]
    fn a_degree_is_9_05_counts() {
        // 1885 − 181 = 0x6A8.
        assert_eq!(temperature([0x06, 0xa8]), MilliCelsius(45_000));
    }

    #[test]
    fn another_part_at_the_address_is_named() {
        let mut other = part();
        other.set(DEVID_AD + 2, &[0xfa]);
        let found = Adxl355::new(other, DEFAULT_ADDRESS).init();
        assert_eq!(found, Err(Error::Identity { found: 0xfa }));
    }

    #[test]
    fn standing_by_is_a_reset_and_no_new_sample_is_not_ready() {
        let mut driver = Adxl355::new(part(), DEFAULT_ADDRESS);
        assert_eq!(driver.read(), Err(Error::Reset));
        driver.init().expect("the identity is right");
        let mut part = driver.release();
        part.set(STATUS, &[0]);
        assert_eq!(Adxl355::new(part, DEFAULT_ADDRESS).read(), Err(Error::NotReady));
    }

    #[test]
    fn an_axis_at_its_end_is_not_a_value() {
        let mut part = part();
        part.set(POWER_CTL, &[MEASURE]);
        part.set(TEMP2 + 2, &[0x7f, 0xff, 0xf0]);
        assert_eq!(Adxl355::new(part, DEFAULT_ADDRESS).read(), Err(Error::Implausible));
    }
}
