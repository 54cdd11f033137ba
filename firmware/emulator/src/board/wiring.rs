//! Whether the parts of a station can be connected as they say.

use std::fmt;

use super::MAX_PARTS;
use crate::{Part, PartKind};

/// Why the parts cannot be wired up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WiringError {
    /// Two parts have this address on one bus.
    Address(u8),
    /// Two parts use this line.
    Line(u32),
    /// Two parts use this serial line.
    Uart(u8),
    /// More than [`MAX_PARTS`].
    TooManyParts,
}

impl fmt::Display for WiringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(a) => write!(f, "two parts have the address {a:#04x}"),
            Self::Line(l) => write!(f, "two parts use line {l}"),
            Self::Uart(u) => write!(f, "two parts use serial line {u}"),
            Self::TooManyParts => write!(f, "more than {MAX_PARTS} parts"),
        }
    }
}

impl std::error::Error for WiringError {}

/// Finds two parts that want the same place.
pub(super) fn check(parts: &[Part]) -> Result<(), WiringError> {
    if parts.len() > MAX_PARTS {
        return Err(WiringError::TooManyParts);
    }
    let mut addresses = Vec::new();
    let mut lines = Vec::new();
    let mut uarts = Vec::new();
    for part in parts {
        let mut take_line = |line| {
            let free = !lines.contains(&line);
            lines.push(line);
            if free { Ok(()) } else { Err(WiringError::Line(line)) }
        };
        for line in part.kind.lines() {
            take_line(line)?;
        }
        match part.kind {
            PartKind::Relay { line } => take_line(line)?,
            PartKind::Ultrasonic { uart, .. } if uarts.contains(&uart) => {
                return Err(WiringError::Uart(uart));
            }
            PartKind::Ultrasonic { uart, .. } => uarts.push(uart),
            _ => {}
        }
        if let Some(address) = part.kind.address() {
            if addresses.contains(&(part.bus, address)) {
                return Err(WiringError::Address(address));
            }
            addresses.push((part.bus, address));
        }
    }
    Ok(())
}
