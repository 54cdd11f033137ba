//! Who answers at an address of an I²C bus.
//!
//! Nothing is written to a part that is not known, but what its possible makers document as a way
//! to read an identification: one byte that selects a register, followed by a read; or, where a
//! read without a command is refused, a command of Sensirion that reads a serial number. A part
//! with registers acknowledges every read, so the commands, which it might take for a write, are
//! never sent to one.

use embedded_hal::{
    delay::DelayNs,
    i2c::{self, I2c},
};

/// The addresses a part may have (I²C specification, rev. 7, §3.1.12: the others are reserved).
pub(super) const ADDRESSES: std::ops::RangeInclusive<u8> = 0x08..=0x77;

/// What is known of whoever answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its name; several where the parts cannot be told apart.
    pub(super) name: &'static str,
    /// The table of the station file that drives it, if there is one.
    pub(super) table: Option<&'static str>,
    /// How it was recognised.
    pub(super) proof: Proof,
}

/// How a part was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// These bytes stand in its identification register.
    Register { register: u8, bytes: Vec<u8> },
    /// It told its serial number, with right checksums.
    Serial(String),
    /// It told its name, with right checksums.
    Name(String),
    /// Its registers hold what those of this part do.
    Behaviour,
}

/// What came of asking an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Nobody,
    Known(Part),
    /// Somebody answers who cannot be told.
    Stranger,
    /// The bus itself does not work; the text says how.
    Broken(String),
}

/// An identification in a register.
struct Mark {
    addresses: &'static [u8],
    register: u8,
    bytes: &'static [u8],
    name: &'static str,
    table: Option<&'static str>,
}

/// From the parts' data sheets; the more certain one first where several share an address.
const MARKS: &[Mark] = &[
    Mark {
        addresses: &[0x76, 0x77],
        register: 0x0d,
        bytes: &[0x10],
        name: "DPS310",
        table: Some("dps310"),
    },
    Mark {
        addresses: &[0x1d, 0x53],
        register: 0x00,
        bytes: &[0xad, 0x1d, 0xed],
        name: "ADXL355",
        table: Some("adxl355"),
    },
    stranger(&[0x76, 0x77], 0xd0, &[0x58], "BMP280"),
    stranger(&[0x76, 0x77], 0xd0, &[0x60], "BME280"),
    stranger(&[0x76, 0x77], 0xd0, &[0x61], "BME680"),
    stranger(&[0x77], 0xd0, &[0x55], "BMP180"),
    stranger(&[0x76, 0x77], 0x00, &[0x50], "BMP388"),
    stranger(&[0x76, 0x77], 0x00, &[0x60], "BMP390"),
    stranger(&[0x1d, 0x53], 0x00, &[0xe5], "ADXL345"),
    stranger(&[0x18, 0x19], 0x0f, &[0x33], "LIS3DH"),
    stranger(&[0x68, 0x69], 0x75, &[0x68], "MPU-6050"),
    stranger(&[0x68, 0x69], 0x75, &[0x71], "MPU-9250"),
    stranger(&[0x48, 0x49, 0x4a, 0x4b], 0x0f, &[0x01, 0x17], "TMP117"),
    stranger(&[0x40, 0x41, 0x44, 0x45], 0xfe, &[0x54, 0x49], "INA226"),
];

/// A part that the station file has no table for.
const fn stranger(
    addresses: &'static [u8],
    register: u8,
    bytes: &'static [u8],
    name: &'static str,
) -> Mark {
    Mark { addresses, register, bytes, name, table: None }
}

/// A command that reads a serial number or a name, for a part that acknowledges no read without.
struct Command {
    addresses: &'static [u8],
    bytes: &'static [u8],
    /// Words of the answer, each with its checksum.
    words: usize,
    wait_ms: u32,
    name: &'static str,
    table: Option<&'static str>,
    /// The words are letters.
    text: bool,
}

/// SHT4x data sheet §4.5, SEN5x §6.1.14, SCD4x §3.9.2, SHT3x "electronic identification code".
const COMMANDS: &[Command] = &[
    Command {
        addresses: &[0x44, 0x45, 0x46],
        bytes: &[0x89],
        words: 2,
        wait_ms: 10,
        name: "SHT4x",
        table: Some("sht4x"),
        text: false,
    },
    Command {
        addresses: &[0x44, 0x45],
        bytes: &[0x37, 0x80],
        words: 2,
        wait_ms: 10,
        name: "SHT3x",
        table: None,
        text: false,
    },
    Command {
        addresses: &[0x69],
        bytes: &[0xd0, 0x14],
        words: 16,
        wait_ms: 60,
        name: "SEN5x",
        table: Some("sen5x"),
        text: true,
    },
    Command {
        addresses: &[0x62],
        bytes: &[0x36, 0x82],
        words: 3,
        wait_ms: 10,
        name: "SCD4x",
        table: None,
        text: false,
    },
];

/// Asks one address.
pub(super) fn identify<B: I2c>(bus: &mut B, delay: &mut impl DelayNs, address: u8) -> Answer {
    match bus.read(address, &mut [0]) {
        Ok(()) => {}
        Err(e) if refused(&e) => {
            return by_command(bus, delay, address).map_or(Answer::Nobody, Answer::Known);
        }
        Err(e) => return Answer::Broken(format!("{e:?}")),
    }
    let known = by_mark(bus, address)
        .or_else(|| thermometer(bus, address))
        .or_else(|| converter(bus, address))
        .or_else(|| calendar(bus, address));
    known.map_or(Answer::Stranger, Answer::Known)
}

/// Nobody acknowledged.
fn refused<E: i2c::Error>(e: &E) -> bool {
    matches!(e.kind(), i2c::ErrorKind::NoAcknowledge(_))
}

fn by_mark<B: I2c>(bus: &mut B, address: u8) -> Option<Part> {
    MARKS.iter().filter(|m| m.addresses.contains(&address)).find_map(|mark| {
        let mut found = [0; 4];
        let bytes = found.get_mut(..mark.bytes.len())?;
        bus.write_read(address, &[mark.register], bytes).ok()?;
        let proof = Proof::Register { register: mark.register, bytes: bytes.to_vec() };
        (bytes == mark.bytes).then_some(Part { name: mark.name, table: mark.table, proof })
    })
}

fn by_command<B: I2c>(bus: &mut B, delay: &mut impl DelayNs, address: u8) -> Option<Part> {
    COMMANDS.iter().filter(|c| c.addresses.contains(&address)).find_map(|command| {
        bus.write(address, command.bytes).ok()?;
        delay.delay_ms(command.wait_ms);
        let mut answer = [0; 48];
        let answer = answer.get_mut(..command.words * 3)?;
        bus.read(address, answer).ok()?;
        let mut data = Vec::with_capacity(command.words * 2);
        for word in answer.chunks_exact(3) {
            let [high, low, sum] = word else { return None };
            if crc8(&[*high, *low]) != *sum {
                return None;
            }
            data.extend([*high, *low]);
        }
        let proof = if command.text {
            let letters = data.iter().take_while(|b| b.is_ascii_graphic());
            Proof::Name(letters.map(|b| char::from(*b)).collect())
        } else {
            Proof::Serial(data.iter().map(|b| format!("{b:02x}")).collect())
        };
        let (name, table) = (command.name, command.table);
        Some(Part { name, table, proof })
    })
}

/// CRC-8 of Sensirion's parts: polynomial 0x31, begun with 0xff.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0xff, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| {
            let carried = crc & 0x80 != 0;
            (crc << 1) ^ if carried { 0x31 } else { 0 }
        })
    })
}

fn word<B: I2c>(bus: &mut B, address: u8, register: u8) -> Option<u16> {
    let mut bytes = [0; 2];
    bus.write_read(address, &[register], &mut bytes).ok()?;
    Some(u16::from_be_bytes(bytes))
}

/// TMP105 and its relatives have no identification. Their temperature and both limits are
/// left-aligned with four zeros at the end, and the low limit is below the high one.
fn thermometer<B: I2c>(bus: &mut B, address: u8) -> Option<Part> {
    if !(0x48..=0x4f).contains(&address) {
        return None;
    }
    let [temperature, low, high] = [0, 2, 3].map(|register| word(bus, address, register));
    let (temperature, low, high) = (temperature?, low?, high?);
    let aligned = [temperature, low, high].iter().all(|w| w & 0x0f == 0);
    let signed = |w: u16| i16::from_be_bytes(w.to_be_bytes());
    let plausible = aligned && signed(low) < signed(high) && high != 0;
    let part = Part { name: "TMP105/LM75", table: Some("tmp105"), proof: Proof::Behaviour };
    plausible.then_some(part)
}

/// ADS1015 and ADS1115 come out of reset with these limits (SBAS444D, tables 9 and 10).
fn converter<B: I2c>(bus: &mut B, address: u8) -> Option<Part> {
    if !(0x48..=0x4b).contains(&address) {
        return None;
    }
    let limits = (word(bus, address, 2)?, word(bus, address, 3)?);
    let part = Part { name: "ADS1x15", table: None, proof: Proof::Behaviour };
    matches!(limits, (0x8000, 0x7fff | 0x7ff0)).then_some(part)
}

/// DS3231 and DS1307 hold a date in binary-coded decimals from register 0 on.
fn calendar<B: I2c>(bus: &mut B, address: u8) -> Option<Part> {
    if address != 0x68 {
        return None;
    }
    let mut registers = [0; 7];
    bus.write_read(address, &[0], &mut registers).ok()?;
    let [seconds, minutes, _, weekday, day, month, _] = registers;
    let decimal = |byte: u8, most: u8| {
        let (tens, ones) = (byte >> 4, byte & 0x0f);
        (ones < 10).then_some(tens * 10 + ones).filter(|n| *n <= most)
    };
    decimal(seconds & 0x7f, 59)?;
    decimal(minutes, 59)?;
    decimal(day, 31).filter(|d| *d > 0)?;
    decimal(month & 0x1f, 12).filter(|m| *m > 0)?;
    let part = Part { name: "DS3231/DS1307", table: None, proof: Proof::Behaviour };
    (1..=7).contains(&weekday).then_some(part)
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::{ErrorKind, ErrorType, NoAcknowledgeSource, Operation};
    use tram_emulator::{
        Board, BusEvent, Fault, Medium, Part as Mounted, PartKind, Scenario, World,
    };

    use super::*;

    fn board(kinds: &[PartKind]) -> Board {
        let parts: Vec<Mounted> = kinds.iter().map(|k| Mounted::new(*k)).collect();
        let board = Board::new(World::new(Scenario::Quiet, 1, 1), &parts).unwrap();
        board.advance(2_000_000);
        board
    }

    fn ask(board: &Board, address: u8) -> Answer {
        identify(&mut board.bus(), &mut board.delay(), address)
    }

    fn table(answer: &Answer) -> Option<&'static str> {
        match answer {
            Answer::Known(part) => part.table,
            _ => None,
        }
    }

    #[test]
    fn every_part_that_can_be_mounted_is_recognised_and_nobody_else() {
        let kinds = [
            (PartKind::Dps310 { address: 0x76 }, 0x76, "dps310"),
            (PartKind::Tmp105 { address: 0x49, medium: Medium::Soil }, 0x49, "tmp105"),
            (PartKind::Sht4x { address: 0x45 }, 0x45, "sht4x"),
            (PartKind::Sen5x, 0x69, "sen5x"),
            (PartKind::Adxl355 { address: 0x53 }, 0x53, "adxl355"),
        ];
        let board = board(&kinds.map(|(kind, ..)| kind));
        for address in ADDRESSES {
            let answer = ask(&board, address);
            match kinds.iter().find(|(_, a, _)| *a == address) {
                Some((_, _, name)) => assert_eq!(table(&answer), Some(*name), "{answer:?}"),
                None => assert_eq!(answer, Answer::Nobody, "{address:#04x}"),
            }
        }
        let Answer::Known(part) = ask(&board, 0x69) else { panic!("it is there") };
        assert_eq!(part.proof, Proof::Name("SEN55".to_owned()));
    }

    #[test]
    fn a_part_measures_on_as_if_nobody_had_asked() {
        let board = board(&[PartKind::Dps310 { address: 0x77 }]);
        let mut driver = tram_drivers::Dps310::new(
            board.bus(),
            0x77,
            tram_drivers::dps310::Identification::Strict,
            tram_drivers::dps310::Oversampling::Sixteen,
        );
        driver.init().unwrap();
        board.advance(5_000_000);
        driver.read().unwrap();
        let _ = ask(&board, 0x77);
        board.advance(6_000_000);
        // It has kept its settings: there is no reset to be told, but the next value.
        driver.read().unwrap();
    }

    #[test]
    fn a_held_line_is_a_broken_bus_and_a_wrong_checksum_is_nobody() {
        let board = board(&[PartKind::Sht4x { address: 0x44 }, PartKind::Sen5x]);
        board.inject(0, Fault::CrcFlip).unwrap();
        assert_eq!(ask(&board, 0x44), Answer::Nobody);
        board.inject(1, Fault::StuckBus).unwrap();
        assert!(matches!(ask(&board, 0x69), Answer::Broken(_)));
    }

    /// A part of which nothing is known: it acknowledges everything, reads as `fill`, and writes
    /// down what it was sent.
    struct Unknown {
        fill: u8,
        written: Vec<Vec<u8>>,
    }

    #[derive(Debug)]
    struct Refused;

    impl i2c::Error for Refused {
        fn kind(&self) -> ErrorKind {
            ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address)
        }
    }

    impl ErrorType for Unknown {
        type Error = Refused;
    }

    impl I2c for Unknown {
        fn transaction(&mut self, _: u8, ops: &mut [Operation<'_>]) -> Result<(), Refused> {
            for op in ops {
                match op {
                    Operation::Read(buf) => buf.fill(self.fill),
                    Operation::Write(bytes) => self.written.push(bytes.to_vec()),
                }
            }
            Ok(())
        }
    }

    #[test]
    fn an_unknown_part_is_sent_nothing_but_the_number_of_a_register() {
        let mut delay = board(&[]).delay();
        for fill in [0x00, 0x5a, 0xff] {
            for address in ADDRESSES {
                let mut part = Unknown { fill, written: Vec::new() };
                assert_eq!(identify(&mut part, &mut delay, address), Answer::Stranger);
                assert!(part.written.iter().all(|w| w.len() == 1), "{:?}", part.written);
            }
        }
    }

    #[test]
    fn where_nobody_is_expected_a_read_is_all_there_is() {
        let board = board(&[]);
        let _ = ask(&board, 0x20);
        let read = BusEvent::Start { address: 0x20, read: true };
        assert_eq!(board.bus_events(), [read, BusEvent::Nack, BusEvent::Stop]);
    }
}
