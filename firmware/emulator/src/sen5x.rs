//! A SEN55, after Sensirion's SEN5x data sheet, version 2: two-byte commands, answers in words of
//! three bytes.

use std::collections::VecDeque;

use crate::{
    Signal,
    bus::Device,
    crc8::push_word,
    rounding::{register_i16, register_u16},
    sense::Sense,
};

/// The only address there is.
pub(crate) const ADDRESS: u8 = 0x69;

const START: u16 = 0x0021;
const START_WITHOUT_PM: u16 = 0x0037;
const STOP: u16 = 0x0104;
const DATA_READY: u16 = 0x0202;
const READ_VALUES: u16 = 0x03c4;
const FAN_CLEANING: u16 = 0x5607;
const PRODUCT_NAME: u16 = 0xd014;
const SERIAL_NUMBER: u16 = 0xd033;
const VERSION: u16 = 0xd100;
const STATUS: u16 = 0xd206;
const CLEAR_STATUS: u16 = 0xd210;
const RESET: u16 = 0xd304;

/// A new set of values every second.
const PERIOD_US: u64 = 1_000_000;
/// The gas index for nitrogen oxides is unknown for the first ten seconds or so.
const NOX_KNOWN_AFTER: u64 = 10;
const UNKNOWN: u16 = 0xffff;
const UNKNOWN_SIGNED: u16 = 0x7fff;
/// Firmware 2.0, hardware 4.0, protocol 1.0, as words.
const VERSION_WORDS: [u16; 4] = [0x0200, 0x0004, 0x0001, 0x0000];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Idle,
    Measuring { since: u64, particles: bool },
}

/// The part.
#[derive(Debug)]
pub(crate) struct Sen5x {
    now: u64,
    mode: Mode,
    /// Sets of values so far since measuring began, and how many have been read.
    results: u64,
    results_read: u64,
    values: [u16; 8],
    crc_flip: bool,
    command: Vec<u8>,
    answer: VecDeque<u8>,
    answer_at: u64,
}

impl Sen5x {
    pub(crate) fn new() -> Self {
        Self {
            now: 0,
            mode: Mode::Idle,
            results: 0,
            results_read: 0,
            values: UNKNOWN_VALUES,
            crc_flip: false,
            command: Vec::new(),
            answer: VecDeque::new(),
            answer_at: 0,
        }
    }

    fn begin(&mut self, particles: bool) {
        self.mode = Mode::Measuring { since: self.now, particles };
        self.results = 0;
        self.results_read = 0;
        self.values = UNKNOWN_VALUES;
    }

    /// Does a command; `false` when there is none with this number. Times are those of the
    /// data sheet's list of commands.
    fn execute(&mut self, command: u16) -> bool {
        let mut answer = Vec::new();
        let takes_ms = match command {
            START | START_WITHOUT_PM => {
                if self.mode == Mode::Idle {
                    self.begin(command == START);
                }
                50
            }
            STOP => {
                self.mode = Mode::Idle;
                200
            }
            DATA_READY => {
                answer.push(u16::from(self.results > self.results_read));
                20
            }
            READ_VALUES => {
                self.results_read = self.results;
                answer.extend(self.values);
                20
            }
            PRODUCT_NAME => {
                answer.extend(text_words("SEN55"));
                50
            }
            SERIAL_NUMBER => {
                answer.extend(text_words("7E50B2A4C0191D36"));
                50
            }
            VERSION => {
                answer.extend(VERSION_WORDS);
                20
            }
            STATUS | CLEAR_STATUS => {
                answer.extend([0, 0]);
                20
            }
            FAN_CLEANING => 20,
            RESET => {
                self.power_on(self.now);
                100
            }
            _ => return false,
        };
        let mut bytes = Vec::new();
        answer.iter().for_each(|w| push_word(&mut bytes, *w, self.crc_flip));
        self.answer = bytes.into();
        self.answer_at = self.now + takes_ms * 1_000;
        true
    }
}

const UNKNOWN_VALUES: [u16; 8] = [
    UNKNOWN,
    UNKNOWN,
    UNKNOWN,
    UNKNOWN,
    UNKNOWN_SIGNED,
    UNKNOWN_SIGNED,
    UNKNOWN_SIGNED,
    UNKNOWN_SIGNED,
];

impl Device for Sen5x {
    fn sense(&mut self, sense: &Sense<'_>) {
        self.now = sense.now();
        self.crc_flip = sense.faults.crc_flip;
        let Mode::Measuring { since, particles } = self.mode else { return };
        let results = (self.now - since) / PERIOD_US;
        if results <= self.results || sense.faults.busy {
            return;
        }
        self.results = results;
        let value = |signal| sense.value(signal, since + results * PERIOD_US);
        // A count of the quantity is a count of the part for particles; 100 and 200 a unit else.
        let mass = |signal| match value(signal) {
            Some(tenths) if particles => register_u16(tenths),
            _ => UNKNOWN,
        };
        let signed = |signal, counts_each: f64| {
            value(signal).map_or(UNKNOWN_SIGNED, |v| {
                u16::from_be_bytes(register_i16(v / 1_000.0 * counts_each).to_be_bytes())
            })
        };
        self.values = [
            mass(Signal::Pm1),
            mass(Signal::Pm25),
            mass(Signal::Pm4),
            mass(Signal::Pm10),
            signed(Signal::Humidity, 100.0),
            signed(Signal::AirTemperature, 200.0),
            1_000,
            if results > NOX_KNOWN_AFTER { 10 } else { UNKNOWN_SIGNED },
        ];
    }

    fn start(&mut self, read: bool) -> bool {
        self.command.clear();
        // An answer is there when the command's time is over; there is none to read otherwise.
        self.now >= self.answer_at && (!read || !self.answer.is_empty())
    }

    fn write(&mut self, byte: u8) -> bool {
        self.command.push(byte);
        match self.command.as_slice() {
            [_] => true,
            [high, low] => {
                self.answer.clear();
                self.execute(u16::from_be_bytes([*high, *low]))
            }
            // No command that this part knows has an argument.
            _ => false,
        }
    }

    fn read(&mut self) -> u8 {
        self.answer.pop_front().unwrap_or(0xff)
    }

    fn stop(&mut self) {}

    fn power_on(&mut self, now: u64) {
        *self = Self { now, ..Self::new() };
    }
}

/// 32 characters, two a word, filled up with zeros.
fn text_words(text: &str) -> [u16; 16] {
    let mut words = [0; 16];
    for (word, pair) in words.iter_mut().zip(text.as_bytes().chunks(2)) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        *word = u16::from_be_bytes([high, low]);
    }
    words
}
