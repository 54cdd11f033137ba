//! A DPS310, after Infineon's data sheet, with the coefficients of a real part.

mod calibration;

use crate::{Signal, bus::Device, sense::Sense};
use calibration::{COEFFICIENTS, pressure_raw, temperature_raw};

const PSR_B0: u8 = 0x02;
const TMP_B2: u8 = 0x03;
const TMP_B0: u8 = 0x05;
const PRS_CFG: u8 = 0x06;
const TMP_CFG: u8 = 0x07;
const MEAS_CFG: u8 = 0x08;
const CFG_REG: u8 = 0x09;
const RESET: u8 = 0x0c;
const PRODUCT_ID: u8 = 0x0d;
const COEF: u8 = 0x10;
const COEF_SRCE: u8 = 0x28;
const FUSES: u8 = 0x32;

const SENSOR_READY_US: u64 = 12_000;
const COEF_READY_US: u64 = 40_000;
const SENSOR_RDY: u8 = 0x40;
const COEF_RDY: u8 = 0x80;
const TMP_RDY: u8 = 0x20;
const PRS_RDY: u8 = 0x10;
const EXTERNAL: u8 = 0x80;
const P_SHIFT: u8 = 0x04;
const T_SHIFT: u8 = 0x08;
const SOFT_RESET: u8 = 0x09;
/// Nothing has been measured yet.
const NO_RESULT: [u8; 3] = [0x80, 0, 0];

/// Scale factor and conversion time in microseconds for 2⁰ to 2⁷ samples (§4.9.3).
const OVERSAMPLING: [(f64, u64); 8] = [
    (524_288.0, 3_600),
    (1_572_864.0, 5_200),
    (3_670_016.0, 8_400),
    (7_864_320.0, 14_800),
    (253_952.0, 27_600),
    (516_096.0, 53_200),
    (1_040_384.0, 104_400),
    (2_088_960.0, 206_800),
];

/// One of the two things it measures.
#[derive(Debug, Clone, Copy, Default)]
struct Channel {
    /// Results so far since the mode was set.
    results: u64,
    ready: bool,
}

/// The part.
#[derive(Debug)]
pub(crate) struct Dps310 {
    registers: [u8; 0x40],
    pointer: u8,
    expects_pointer: bool,
    now: u64,
    powered_at: u64,
    mode_since: u64,
    pressure: Channel,
    temperature: Channel,
}

impl Dps310 {
    pub(crate) fn new() -> Self {
        Self {
            registers: [0; 0x40],
            pointer: 0,
            expects_pointer: false,
            now: 0,
            powered_at: 0,
            mode_since: 0,
            pressure: Channel::default(),
            temperature: Channel::default(),
        }
    }

    fn register(&self, register: u8) -> u8 {
        self.registers.get(usize::from(register)).copied().unwrap_or(0)
    }

    fn set(&mut self, from: u8, bytes: &[u8]) {
        let slots = self.registers.iter_mut().skip(usize::from(from));
        slots.zip(bytes).for_each(|(slot, byte)| *slot = *byte);
    }

    fn mode(&self) -> u8 {
        self.register(MEAS_CFG) & 0x07
    }

    fn oversampling(&self, register: u8) -> (f64, u64) {
        let index = usize::from(self.register(register) & 0x07);
        OVERSAMPLING.get(index).copied().unwrap_or((524_288.0, 3_600))
    }

    /// How many results there have been since the mode was set, and when the last one ended.
    fn results(&self, register: u8, single: u8, background: u8) -> Option<(u64, u64)> {
        let (_, conversion) = self.oversampling(register);
        let since = self.now.checked_sub(self.mode_since + conversion)?;
        if self.mode() == single {
            return Some((1, self.mode_since + conversion));
        }
        let rate = u32::from(self.register(register) >> 4 & 0x07);
        let period = 1_000_000_u64 >> rate;
        let last = since / period;
        (self.mode() & 0x04 != 0 && self.mode() & background != 0)
            .then(|| (last + 1, self.mode_since + conversion + last * period))
    }

    fn take_temperature(&mut self, sense: &Sense<'_>, at: u64) -> Option<()> {
        let celsius = sense.value(Signal::AirTemperature, at)? / 1_000.0;
        let (scale, _) = self.oversampling(TMP_CFG);
        let mut raw = temperature_raw(celsius, scale);
        // The other sensor element has another slope; the coefficients are not for it.
        if self.register(TMP_CFG) & EXTERNAL != self.register(COEF_SRCE) & EXTERNAL {
            raw = raw * 7 / 8;
        }
        let result = self.result(raw, TMP_CFG, T_SHIFT);
        self.set(TMP_B2, &result);
        Some(())
    }

    fn take_pressure(&mut self, sense: &Sense<'_>, at: u64) -> Option<()> {
        let pascals = sense.value(Signal::Pressure, at)?;
        let celsius = sense.value(Signal::AirTemperature, at)? / 1_000.0;
        let (kt, _) = self.oversampling(TMP_CFG);
        let (kp, _) = self.oversampling(PRS_CFG);
        // The reader corrects with the temperature it reads, steps and all.
        let scaled_t = f64::from(temperature_raw(celsius, kt)) / kt;
        let result = self.result(pressure_raw(pascals, scaled_t, kp), PRS_CFG, P_SHIFT);
        self.set(0, &result);
        Some(())
    }

    /// 24 bits. More than 8 samples only fit when the result is shifted.
    fn result(&self, raw: i32, register: u8, shift: u8) -> [u8; 3] {
        let unshifted = self.register(register) & 0x07 > 3 && self.register(CFG_REG) & shift == 0;
        let raw = if unshifted { raw << 6 } else { raw };
        let [_, high, middle, low] = raw.to_be_bytes();
        [high, middle, low]
    }
}

impl Device for Dps310 {
    fn sense(&mut self, sense: &Sense<'_>) {
        self.now = sense.now();
        if sense.faults.busy {
            self.temperature.ready = false;
            self.pressure.ready = false;
            return;
        }
        // Temperature first: in the background both results of a period belong together.
        if let Some((results, at)) = self.results(TMP_CFG, 2, 2)
            && results > self.temperature.results
            && self.take_temperature(sense, at).is_some()
        {
            self.temperature = Channel { results, ready: true };
        }
        if let Some((results, at)) = self.results(PRS_CFG, 1, 1)
            && results > self.pressure.results
            && self.take_pressure(sense, at).is_some()
        {
            self.pressure = Channel { results, ready: true };
        }
        let single_done = matches!(self.mode(), 1 if self.pressure.results > 0)
            || matches!(self.mode(), 2 if self.temperature.results > 0);
        if single_done {
            self.set(MEAS_CFG, &[0]);
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
            return true;
        }
        let register = self.pointer;
        self.pointer = self.pointer.wrapping_add(1);
        match register {
            PRS_CFG | TMP_CFG | CFG_REG => self.set(register, &[byte]),
            MEAS_CFG => {
                // The upper half cannot be written.
                self.set(MEAS_CFG, &[byte & 0x07]);
                self.mode_since = self.now;
                self.pressure = Channel::default();
                self.temperature = Channel::default();
            }
            RESET if byte & 0x0f == SOFT_RESET => self.power_on(self.now),
            _ => {}
        }
        true
    }

    fn read(&mut self) -> u8 {
        let register = self.pointer;
        self.pointer = self.pointer.wrapping_add(1);
        let up = self.now - self.powered_at;
        match register {
            MEAS_CFG => {
                let bit = |on: bool, bit: u8| if on { bit } else { 0 };
                bit(up >= COEF_READY_US, COEF_RDY)
                    | bit(up >= SENSOR_READY_US, SENSOR_RDY)
                    | bit(self.temperature.ready, TMP_RDY)
                    | bit(self.pressure.ready, PRS_RDY)
                    | self.mode()
            }
            COEF..=0x21 if up < COEF_READY_US => 0,
            _ => {
                match register {
                    0..=PSR_B0 => self.pressure.ready = false,
                    TMP_B2..=TMP_B0 => self.temperature.ready = false,
                    _ => {}
                }
                self.register(register)
            }
        }
    }

    fn stop(&mut self) {}

    fn power_on(&mut self, now: u64) {
        *self = Self { now, powered_at: now, ..Self::new() };
        self.set(0, &NO_RESULT);
        self.set(TMP_B2, &NO_RESULT);
        self.set(PRODUCT_ID, &[0x10]);
        self.set(COEF, &COEFFICIENTS);
        self.set(COEF_SRCE, &[EXTERNAL]);
        self.set(FUSES, &[0x02]);
    }
}
