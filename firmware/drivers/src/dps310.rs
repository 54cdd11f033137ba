//! DPS310: pressure and temperature of the air.
//!
//! Infineon DPS310 data sheet: §4.9 (compensation), §7 (registers), §8.11 (calibration
//! coefficients). The driver measures in the background, twice a second, so that a caller who asks
//! once a second always finds a new result; temperature with the sensor element that the
//! coefficients were made for (COEF_SRCE).

mod compensation;

use embedded_hal::i2c::I2c;
use tram_wire::{MilliCelsius, Pascal};

use crate::Error;
pub use compensation::Coefficients;

/// The address with SDO high or open. The other is 0x76.
pub const DEFAULT_ADDRESS: u8 = 0x77;

/// Lowest and highest pressure the part is specified for.
pub const PRESSURE_RANGE: (Pascal, Pascal) = (Pascal(30_000), Pascal(120_000));

/// Lowest and highest temperature the part is specified for.
pub const TEMPERATURE_RANGE: (MilliCelsius, MilliCelsius) =
    (MilliCelsius(-40_000), MilliCelsius(85_000));

const PSR_B2: u8 = 0x00;
const PRS_CFG: u8 = 0x06;
const TMP_CFG: u8 = 0x07;
const MEAS_CFG: u8 = 0x08;
const CFG_REG: u8 = 0x09;
const PRODUCT_ID: u8 = 0x0d;
const COEF: u8 = 0x10;
const COEF_SRCE: u8 = 0x28;
/// Not in the data sheet. Bit 1 is clear in parts whose fuses make them read about 60 °C too much.
const FUSES: u8 = 0x32;

const PRODUCT: u8 = 0x10;
const FUSES_GOOD: u8 = 0x02;
const COEF_RDY: u8 = 0x80;
const SENSOR_RDY: u8 = 0x40;
const TMP_RDY: u8 = 0x20;
const PRS_RDY: u8 = 0x10;
const MODE_BITS: u8 = 0x07;
const BACKGROUND: u8 = 0x07;
/// The rate bits of PRS_CFG and TMP_CFG.
const TWICE_A_SECOND: u8 = 0x10;
/// CFG_REG bits that shift the result; needed above 8 samples.
const P_SHIFT: u8 = 0x04;
/// What a byte reads as when nobody drives the bus: the part let go in the middle.
const RELEASED: [u8; 3] = [0xff; 3];

/// What [`Dps310::init`] does about the product id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Identification {
    /// The product id must be 0x10.
    #[default]
    Strict,
    /// 0xff is let pass too: QEMU's DPS310 does not implement the register.
    TolerateMissing,
}

/// How many samples make one pressure result. More is finer and slower; temperature is
/// always one sample, as the data sheet advises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Oversampling {
    /// One sample, 3.6 ms, 5 Pa of noise.
    One,
    /// Sixteen samples, 27.6 ms, 0.5 Pa of noise.
    #[default]
    Sixteen,
}

impl Oversampling {
    fn prs_cfg(self) -> u8 {
        match self {
            Self::One => TWICE_A_SECOND,
            Self::Sixteen => TWICE_A_SECOND | 0x04,
        }
    }

    /// kP of §4.9.3.
    fn scale(self) -> i64 {
        match self {
            Self::One => compensation::SCALE_ONE,
            Self::Sixteen => 253_952,
        }
    }
}

/// One compensated result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Pressure at the part, not reduced to sea level.
    pub pressure: Pascal,
    /// Temperature inside the part.
    pub temperature: MilliCelsius,
}

/// A DPS310 on a bus.
#[derive(Debug)]
pub struct Dps310<I2C> {
    i2c: I2C,
    address: u8,
    identification: Identification,
    oversampling: Oversampling,
    started: Option<Started>,
}

/// What `init` learned.
#[derive(Debug, Clone, Copy)]
struct Started {
    coefficients: Coefficients,
    tmp_cfg: u8,
}

impl<I2C: I2c> Dps310<I2C> {
    /// The part at this 7-bit address. Nothing is sent before [`init`](Self::init).
    pub fn new(
        i2c: I2C,
        address: u8,
        identification: Identification,
        oversampling: Oversampling,
    ) -> Self {
        Self { i2c, address, identification, oversampling, started: None }
    }

    /// Gives the bus back.
    pub fn release(self) -> I2C {
        self.i2c
    }

    /// Identifies the part, reads its coefficients and starts measuring.
    ///
    /// # Errors
    /// [`Error::Bus`]; [`Error::Identity`]; [`Error::NotReady`] within 40 ms of power-on, after
    /// which the caller calls again; [`Error::Implausible`] when the coefficients are all zeros or
    /// ones.
    pub fn init(&mut self) -> Result<(), Error<I2C::Error>> {
        self.started = None;
        let found = self.register(PRODUCT_ID)?;
        let missing_is_fine = self.identification == Identification::TolerateMissing;
        if found != PRODUCT && !(missing_is_fine && found == 0xff) {
            return Err(Error::Identity { found });
        }
        let ready = COEF_RDY | SENSOR_RDY;
        if self.register(MEAS_CFG)? & ready != ready {
            return Err(Error::NotReady);
        }
        let mut bytes = [0; Coefficients::BYTES];
        self.i2c.write_read(self.address, &[COEF], &mut bytes).map_err(Error::Bus)?;
        let coefficients = Coefficients::decode(&bytes).ok_or(Error::Implausible)?;
        self.mend_fuses()?;
        let tmp_cfg = self.register(COEF_SRCE)? & 0x80 | TWICE_A_SECOND;
        self.write(PRS_CFG, self.oversampling.prs_cfg())?;
        self.write(TMP_CFG, tmp_cfg)?;
        self.write(CFG_REG, if self.oversampling == Oversampling::Sixteen { P_SHIFT } else { 0 })?;
        // The upper half is read-only in the part and writable in QEMU: keep what it shows.
        let status = self.register(MEAS_CFG)? & !MODE_BITS;
        self.write(MEAS_CFG, status | BACKGROUND)?;
        self.started = Some(Started { coefficients, tmp_cfg });
        Ok(())
    }

    /// The newest result. One is ready every half second.
    ///
    /// # Errors
    /// [`Error::Bus`]; [`Error::NotReady`] when there is no new result; [`Error::Reset`] before
    /// `init` and when the part has lost its settings; [`Error::Implausible`] when it stopped
    /// answering in the middle or the result is outside [`PRESSURE_RANGE`] or
    /// [`TEMPERATURE_RANGE`].
    pub fn read(&mut self) -> Result<Sample, Error<I2C::Error>> {
        let started = self.started.ok_or(Error::Reset)?;
        let status = self.register(MEAS_CFG)?;
        if status & MODE_BITS != BACKGROUND {
            return Err(Error::Reset);
        }
        if status & (TMP_RDY | PRS_RDY) != TMP_RDY | PRS_RDY {
            return Err(Error::NotReady);
        }
        // 8 bytes: pressure (24 bits, big-endian, two's complement), temperature (likewise),
        // PRS_CFG, TMP_CFG. The last two are known, so they prove that the part drove the bus to
        // the end and had our settings when it measured.
        let mut bytes = [0; 8];
        self.i2c.write_read(self.address, &[PSR_B2], &mut bytes).map_err(Error::Bus)?;
        let [p2, p1, p0, t2, t1, t0, prs_cfg, tmp_cfg] = bytes;
        if [p2, p1, p0] == RELEASED || [t2, t1, t0] == RELEASED || tmp_cfg == 0xff {
            return Err(Error::Implausible);
        }
        if (prs_cfg, tmp_cfg) != (self.oversampling.prs_cfg(), started.tmp_cfg) {
            return Err(Error::Reset);
        }
        let sample = started.coefficients.compensate(
            signed_24([p2, p1, p0]),
            self.oversampling.scale(),
            signed_24([t2, t1, t0]),
        );
        let (low, high) = PRESSURE_RANGE;
        let (cold, hot) = TEMPERATURE_RANGE;
        if (low..=high).contains(&sample.pressure) && (cold..=hot).contains(&sample.temperature) {
            Ok(sample)
        } else {
            Err(Error::Implausible)
        }
    }

    /// Parts of one production batch read about 60 °C too much until this sequence is written. It
    /// is not in the data sheet; Infineon publishes it with its own drivers (function
    /// `correctTemp`), and the Linux driver does the same.
    fn mend_fuses(&mut self) -> Result<(), Error<I2C::Error>> {
        if self.register(FUSES)? & FUSES_GOOD != 0 {
            return Ok(());
        }
        for (register, value) in
            [(0x0e, 0xa5), (0x0f, 0x96), (0x62, 0x02), (0x0e, 0x00), (0x0f, 0x00)]
        {
            self.write(register, value)?;
        }
        Ok(())
    }

    fn register(&mut self, register: u8) -> Result<u8, Error<I2C::Error>> {
        let mut byte = [0; 1];
        self.i2c.write_read(self.address, &[register], &mut byte).map_err(Error::Bus)?;
        let [value] = byte;
        Ok(value)
    }

    fn write(&mut self, register: u8, value: u8) -> Result<(), Error<I2C::Error>> {
        self.i2c.write(self.address, &[register, value]).map_err(Error::Bus)
    }
}

/// 24 bits big-endian in two's complement.
fn signed_24([high, middle, low]: [u8; 3]) -> i32 {
    i32::from_be_bytes([high, middle, low, 0]) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register_file::{Broken, RegisterFile};
    use proptest::prelude::*;

    /// The registers of a real part after reset, as QEMU's model holds them.
    const DUMP: [u8; 0x33] = [
        0xfe, 0x2f, 0xee, 0x02, 0x69, 0xa6, 0x00, 0x80, 0xf0, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
        0xff, 0x0e, 0x1e, 0xdd, 0x13, 0xca, 0x5f, 0x21, 0x52, 0xf9, 0xc6, 0x04, 0xd1, 0xdb, 0x47,
        0x00, 0x5b, 0xfb, 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x90, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
    ];

    fn qemu() -> RegisterFile {
        let mut part = RegisterFile::new(DEFAULT_ADDRESS);
        part.set(0, &DUMP);
        part
    }

    fn driver(part: RegisterFile, oversampling: Oversampling) -> Dps310<RegisterFile> {
        Dps310::new(part, DEFAULT_ADDRESS, Identification::TolerateMissing, oversampling)
    }

    #[test]
    fn qemus_registers_give_their_hand_computed_values() {
        let mut driver = driver(qemu(), Oversampling::One);
        driver.init().expect("QEMU's part is let pass");
        let sample = driver.read().expect("QEMU's part is always ready");
        // §4.9 by hand in exact fractions: T = 225/2 − 291·158118/524288 = 24.738 °C, and
        // p = 92 946.3 Pa with P = −118802/524288.
        assert_eq!(sample, Sample { pressure: Pascal(92_946), temperature: MilliCelsius(24_738) });
    }

    #[test]
    fn a_missing_product_id_is_refused_unless_tolerated_and_a_wrong_one_always() {
        let strict = Identification::Strict;
        let mut driver = Dps310::new(qemu(), DEFAULT_ADDRESS, strict, Oversampling::One);
        assert_eq!(driver.init(), Err(Error::Identity { found: 0xff }));
        let mut other = qemu();
        other.set(PRODUCT_ID, &[0x58]);
        let tolerant = Identification::TolerateMissing;
        let mut driver = Dps310::new(other, DEFAULT_ADDRESS, tolerant, Oversampling::One);
        assert_eq!(driver.init(), Err(Error::Identity { found: 0x58 }));
    }

    #[test]
    fn a_part_still_reading_its_coefficients_is_not_ready() {
        let mut part = qemu();
        part.set(MEAS_CFG, &[SENSOR_RDY]);
        assert_eq!(driver(part, Oversampling::One).init(), Err(Error::NotReady));
    }

    #[test]
    fn a_part_with_bad_fuses_is_mended_and_a_good_one_left_alone() {
        let mut bad = qemu();
        bad.set(FUSES, &[0x00]);
        for (part, mended) in [(bad, true), (qemu(), false)] {
            let mut driver = driver(part, Oversampling::Sixteen);
            driver.init().expect("the part is ready");
            let part = driver.release();
            assert_eq!(part.writes.contains(&(0x62, 0x02)), mended);
        }
    }

    #[test]
    fn settings_lost_after_init_are_a_reset() {
        let mut driver = driver(qemu(), Oversampling::Sixteen);
        assert_eq!(driver.read(), Err(Error::Reset));
        driver.init().expect("the part is ready");
        driver.i2c.set(PRS_CFG, &[0, 0]);
        assert_eq!(driver.read(), Err(Error::Reset));
        driver.init().expect("the part is ready");
        driver.i2c.set(MEAS_CFG, &[0xc0]);
        assert_eq!(driver.read(), Err(Error::Reset));
    }

    #[test]
    fn an_address_nobody_has_is_a_bus_error() {
        let part = RegisterFile::new(0x76);
        assert_eq!(driver(part, Oversampling::One).init(), Err(Error::Bus(Broken)));
    }

    proptest! {
        #[test]
        fn any_registers_give_a_value_in_range_or_an_error(
            registers in prop::collection::vec(any::<u8>(), 0x33),
            sixteen in any::<bool>(),
        ) {
            let mut part = RegisterFile::new(DEFAULT_ADDRESS);
            part.set(0, &registers);
            part.set(PRODUCT_ID, &[PRODUCT]);
            part.set(MEAS_CFG, &[0xf0]);
            let oversampling =
                if sixteen { Oversampling::Sixteen } else { Oversampling::One };
            let mut driver = driver(part, oversampling);
            if driver.init().is_ok() && let Ok(sample) = driver.read() {
                prop_assert!((30_000..=120_000).contains(&sample.pressure.0));
                prop_assert!((-40_000..=85_000).contains(&sample.temperature.0));
            }
        }
    }
}
