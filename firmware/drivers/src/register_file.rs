//! The plainest part there is, for the drivers' own tests: a pointer and 256 registers. What a
//! part does on its own is `tram-emulator`'s business.

use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, Operation};
use std::vec::Vec;

/// Nobody acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl embedded_hal::i2c::Error for Broken {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// 256 registers behind one address. With [`widths`](Self::widths), register `n` is `widths[n]`
/// bytes long and the pointer does not move on, as in the TMP105.
pub(crate) struct RegisterFile {
    address: u8,
    bytes: Vec<[u8; 2]>,
    widths: Vec<usize>,
    read_only: Vec<u8>,
    pointer: u8,
    /// Every byte written after a pointer, as (register, byte).
    pub(crate) writes: Vec<(u8, u8)>,
}

impl RegisterFile {
    pub(crate) fn new(address: u8) -> Self {
        Self {
            address,
            bytes: std::vec![[0; 2]; 256],
            widths: Vec::new(),
            read_only: Vec::new(),
            pointer: 0,
            writes: Vec::new(),
        }
    }

    /// Fills one wide register, or consecutive narrow ones.
    pub(crate) fn set(&mut self, register: u8, bytes: &[u8]) {
        if bytes.len() == 2 && self.wide(register) {
            self.bytes[usize::from(register)] = [bytes[0], bytes[1]];
        } else {
            for (i, b) in bytes.iter().enumerate() {
                self.bytes[usize::from(register) + i][0] = *b;
            }
        }
    }

    pub(crate) fn widths(&mut self, widths: &[usize]) {
        // What was set as consecutive bytes becomes the bytes of the wide register.
        let first = [self.bytes[0][0], self.bytes[1][0]];
        self.widths = widths.to_vec();
        if self.wide(0) {
            self.bytes[0] = first;
            self.bytes[1] = [0; 2];
        }
    }

    pub(crate) fn read_only(&mut self, register: u8) {
        self.read_only.push(register);
    }

    fn wide(&self, register: u8) -> bool {
        self.widths.get(usize::from(register)) == Some(&2)
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        let Some((pointer, data)) = bytes.split_first() else { return };
        self.pointer = *pointer;
        for b in data {
            self.writes.push((self.pointer, *b));
            if !self.read_only.contains(&self.pointer) {
                self.bytes[usize::from(self.pointer)][0] = *b;
            }
            self.pointer = self.pointer.wrapping_add(1);
        }
    }

    fn read_bytes(&mut self, out: &mut [u8]) {
        for (i, b) in out.iter_mut().enumerate() {
            if self.widths.is_empty() {
                *b = self.bytes[usize::from(self.pointer)][0];
                self.pointer = self.pointer.wrapping_add(1);
            } else {
                *b = self.bytes[usize::from(self.pointer)][i % 2];
            }
        }
    }
}

impl ErrorType for RegisterFile {
    type Error = Broken;
}

impl I2c for RegisterFile {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), Broken> {
        if address != self.address {
            return Err(Broken);
        }
        for operation in operations {
            match operation {
                Operation::Write(bytes) => self.write_bytes(bytes),
                Operation::Read(out) => self.read_bytes(out),
            }
        }
        Ok(())
    }
}
