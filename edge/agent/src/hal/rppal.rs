//! A Raspberry Pi: `rppal` for I²C, the serial line and outputs.
//!
//! Edges come from the kernel's character device all the same: `rppal` can lose some of a fast
//! train (its issue 149), and a rain gauge must not.

use embedded_hal::{
    digital::{self, OutputPin},
    i2c::{ErrorType, I2c, Operation},
};
use rppal::{
    gpio::Gpio,
    uart::{Parity, Uart},
};

use super::{Backend, Edges, HalError, I2cBus, Input, Output, Serial, edges::KernelEdges};

/// The backend. `chip` is the GPIO character device of the header's pins.
pub(crate) struct RaspberryPi {
    chip: String,
}

impl RaspberryPi {
    pub(crate) fn new(chip: String) -> Self {
        Self { chip }
    }
}

impl Backend for RaspberryPi {
    fn twin(&self) -> Box<dyn Backend> {
        Box::new(Self { chip: self.chip.clone() })
    }

    fn i2c(&mut self, bus: u8) -> Result<I2cBus, HalError> {
        let inner = rppal::i2c::I2c::with_bus(bus)
            .map_err(|e| HalError::open(format!("I2C bus {bus}"), e))?;
        Ok(Box::new(CombinedI2c { wire: inner }))
    }

    fn serial(&mut self, port: &str, baud: u32) -> Result<Box<dyn Serial>, HalError> {
        // Non-blocking both ways is how rppal opens a line.
        let uart = Uart::with_path(port, baud, Parity::None, 8, 1)
            .map_err(|e| HalError::open(format!("serial line {port}"), e))?;
        Ok(Box::new(uart))
    }

    fn edges(&mut self, input: Input) -> Result<Edges, HalError> {
        Ok(Box::new(KernelEdges::open(&self.chip, input)?))
    }

    fn output(&mut self, pin: u32, active_low: bool) -> Result<Output, HalError> {
        let error = |why: &dyn std::fmt::Display| HalError::open(format!("pin {pin}"), why);
        let number = u8::try_from(pin).map_err(|e| error(&e))?;
        let gpio = Gpio::new().map_err(|e| error(&e))?;
        let free = gpio.get(number).map_err(|e| error(&e))?;
        let line = if active_low { free.into_output_high() } else { free.into_output_low() };
        Ok(Box::new(Relay { line, active_low }))
    }
}

impl Serial for Uart {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, HalError> {
        Self::read(self, buf).map_err(HalError::bus)
    }

    fn write(&mut self, byte: u8) -> Result<(), HalError> {
        Self::write(self, &[byte]).map(|_| ()).map_err(HalError::bus)
    }
}

/// A pin that is active high or low.
struct Relay {
    line: rppal::gpio::OutputPin,
    active_low: bool,
}

impl digital::ErrorType for Relay {
    type Error = HalError;
}

impl OutputPin for Relay {
    fn set_high(&mut self) -> Result<(), HalError> {
        if self.active_low {
            self.line.set_low();
        } else {
            self.line.set_high();
        }
        Ok(())
    }

    fn set_low(&mut self) -> Result<(), HalError> {
        if self.active_low {
            self.line.set_high();
        } else {
            self.line.set_low();
        }
        Ok(())
    }
}

/// What `rppal` can put on the wire in one go.
trait Wire {
    fn select(&mut self, address: u8) -> Result<(), HalError>;
    fn write(&mut self, bytes: &[u8]) -> Result<(), HalError>;
    fn read(&mut self, buf: &mut [u8]) -> Result<(), HalError>;
    /// One transfer with a repeated start between the two.
    fn write_read(&mut self, bytes: &[u8], buf: &mut [u8]) -> Result<(), HalError>;
}

impl Wire for rppal::i2c::I2c {
    fn select(&mut self, address: u8) -> Result<(), HalError> {
        self.set_slave_address(u16::from(address)).map_err(explain)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), HalError> {
        let sent = Self::write(self, bytes).map_err(explain)?;
        if sent == bytes.len() { Ok(()) } else { Err(HalError::bus("the bus took too little")) }
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<(), HalError> {
        let got = Self::read(self, buf).map_err(explain)?;
        if got == buf.len() { Ok(()) } else { Err(HalError::bus("the part gave too little")) }
    }

    fn write_read(&mut self, bytes: &[u8], buf: &mut [u8]) -> Result<(), HalError> {
        Self::write_read(self, bytes, buf).map_err(explain)
    }
}

/// ENXIO and EREMOTEIO are how the kernel says that nobody acknowledged.
fn explain(e: rppal::i2c::Error) -> HalError {
    match e {
        rppal::i2c::Error::Io(io) if matches!(io.raw_os_error(), Some(6 | 121)) => {
            HalError::NoAnswer
        }
        other => HalError::bus(other),
    }
}

/// `rppal`'s own `transaction` ends every operation with STOP (its issue 171), after which a part
/// such as the ADXL355 has forgotten which register was asked for. So a write that is followed by
/// a read becomes one combined transfer.
struct CombinedI2c<W> {
    wire: W,
}

impl<W> ErrorType for CombinedI2c<W> {
    type Error = HalError;
}

impl<W: Wire> I2c for CombinedI2c<W> {
    fn transaction(&mut self, address: u8, ops: &mut [Operation<'_>]) -> Result<(), HalError> {
        self.wire.select(address)?;
        let mut rest = ops;
        loop {
            rest = match rest {
                [] => return Ok(()),
                [Operation::Write(bytes), Operation::Read(buf), tail @ ..] => {
                    self.wire.write_read(bytes, buf)?;
                    tail
                }
                [Operation::Write(bytes), tail @ ..] => {
                    self.wire.write(bytes)?;
                    tail
                }
                [Operation::Read(buf), tail @ ..] => {
                    self.wire.read(buf)?;
                    tail
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down what would be on the wire.
    #[derive(Default)]
    struct Recorder(String);

    impl Wire for Recorder {
        fn select(&mut self, address: u8) -> Result<(), HalError> {
            self.0 += &format!("@{address:02x}");
            Ok(())
        }
        fn write(&mut self, bytes: &[u8]) -> Result<(), HalError> {
            self.0 += &format!(" S w{bytes:02x?} P");
            Ok(())
        }
        fn read(&mut self, buf: &mut [u8]) -> Result<(), HalError> {
            buf.fill(7);
            self.0 += &format!(" S r{} P", buf.len());
            Ok(())
        }
        fn write_read(&mut self, bytes: &[u8], buf: &mut [u8]) -> Result<(), HalError> {
            buf.fill(9);
            self.0 += &format!(" S w{bytes:02x?} Sr r{} P", buf.len());
            Ok(())
        }
    }

    #[test]
    fn a_write_before_a_read_is_one_transfer_with_a_repeated_start() {
        let mut bus = CombinedI2c { wire: Recorder::default() };
        let mut buf = [0; 3];
        bus.write_read(0x1d, &[0x08], &mut buf).unwrap();
        assert_eq!((bus.wire.0.as_str(), buf), ("@1d S w[08] Sr r3 P", [9; 3]));

        let mut bus = CombinedI2c { wire: Recorder::default() };
        let (mut a, mut b) = ([0; 1], [0; 2]);
        let mut ops = [
            Operation::Write(&[1]),
            Operation::Write(&[2]),
            Operation::Read(&mut a),
            Operation::Read(&mut b),
        ];
        bus.transaction(0x77, &mut ops).unwrap();
        assert_eq!(bus.wire.0, "@77 S w[01] P S w[02] Sr r1 P S r2 P");
        assert_eq!((a, b), ([9], [7; 2]));
    }
}
