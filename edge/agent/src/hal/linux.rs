//! Any Linux machine: I²C, GPIO and serial lines through the kernel's character devices.

use embedded_hal::{
    digital::{self, OutputPin},
    i2c::{self, ErrorType, I2c, Operation},
};
use gpiocdev::{Request, line::Value};
use linux_embedded_hal::I2cdev;

use super::{
    Backend, Edges, HalError, I2cBus, Input, Output, Serial, edges::KernelEdges, serial::Tty,
};

/// The backend. `chip` is the GPIO character device that pins are counted on.
pub(crate) struct Linux {
    chip: String,
}

impl Linux {
    pub(crate) fn new(chip: String) -> Self {
        Self { chip }
    }
}

impl Backend for Linux {
    fn twin(&self) -> Box<dyn Backend> {
        Box::new(Self { chip: self.chip.clone() })
    }

    fn i2c(&mut self, bus: u8) -> Result<I2cBus, HalError> {
        let path = format!("/dev/i2c-{bus}");
        let device = I2cdev::new(&path).map_err(|e| HalError::open(&path, e))?;
        Ok(Box::new(Device(device)))
    }

    fn serial(&mut self, port: &str, baud: u32) -> Result<Box<dyn Serial>, HalError> {
        Ok(Box::new(Tty::open(port, baud)?))
    }

    fn edges(&mut self, input: Input) -> Result<Edges, HalError> {
        Ok(Box::new(KernelEdges::open(&self.chip, input)?))
    }

    fn output(&mut self, pin: u32, active_low: bool) -> Result<Output, HalError> {
        let mut builder = Request::builder();
        builder.on_chip(self.chip.as_str()).with_consumer("tram-edge").with_line(pin);
        if active_low {
            builder.as_active_low();
        }
        let request = builder
            .as_output(Value::Inactive)
            .request()
            .map_err(|e| HalError::open(format!("pin {pin} of {}", self.chip), e))?;
        Ok(Box::new(Line { request, pin }))
    }
}

/// `linux-embedded-hal` sends a transaction as one combined transfer already.
struct Device(I2cdev);

impl ErrorType for Device {
    type Error = HalError;
}

impl I2c for Device {
    fn transaction(&mut self, address: u8, ops: &mut [Operation<'_>]) -> Result<(), HalError> {
        // `I2cdev` speaks 7-bit and 10-bit addresses; the type of the address tells which.
        I2c::<i2c::SevenBitAddress>::transaction(&mut self.0, address, ops).map_err(|e| {
            match i2c::Error::kind(&e) {
                i2c::ErrorKind::NoAcknowledge(_) => HalError::NoAnswer,
                _ => HalError::bus(e),
            }
        })
    }
}

/// An output line; the kernel turns an active-low one around.
struct Line {
    request: Request,
    pin: u32,
}

impl digital::ErrorType for Line {
    type Error = HalError;
}

impl OutputPin for Line {
    fn set_high(&mut self) -> Result<(), HalError> {
        self.request.set_value(self.pin, Value::Active).map(|_| ()).map_err(HalError::bus)
    }

    fn set_low(&mut self) -> Result<(), HalError> {
        self.request.set_value(self.pin, Value::Inactive).map(|_| ()).map_err(HalError::bus)
    }
}
