//! Why a part gives no value.

use std::fmt;

use tram_wire::SensorErrorKind;

use crate::hal::HalError;

/// Why a part gives no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What is counted.
    pub(crate) kind: SensorErrorKind,
    /// What people are told.
    pub(crate) why: String,
}

impl Failure {
    pub(crate) fn new(kind: SensorErrorKind, why: impl fmt::Display) -> Self {
        Self { kind, why: why.to_string() }
    }

    /// A serial or GPIO line that could not be read.
    pub(crate) fn line(e: &HalError) -> Self {
        Self::new(SensorErrorKind::Line, e)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<&HalError> for Failure {
    fn from(e: &HalError) -> Self {
        let kind = match e {
            HalError::NoAnswer => SensorErrorKind::NoAnswer,
            HalError::Open(_) | HalError::Bus(_) => SensorErrorKind::Bus,
        };
        Self::new(kind, e)
    }
}

impl From<tram_drivers::Error<HalError>> for Failure {
    fn from(e: tram_drivers::Error<HalError>) -> Self {
        use tram_drivers::Error;
        let kind = match &e {
            Error::Bus(e) => return Self::from(e),
            Error::Identity { .. } => SensorErrorKind::Identity,
            Error::NotReady => SensorErrorKind::NotReady,
            Error::Reset => SensorErrorKind::Reset,
            Error::Implausible => SensorErrorKind::Implausible,
        };
        Self::new(kind, e)
    }
}

impl From<sht4x::Error<HalError>> for Failure {
    fn from(e: sht4x::Error<HalError>) -> Self {
        match e {
            sht4x::Error::I2c(e) => Self::from(&e),
            sht4x::Error::Crc => Self::checksum(),
            #[allow(unreachable_patterns, reason = "the crate may tell more one day")]
            other => Self::new(SensorErrorKind::Implausible, format!("{other:?}")),
        }
    }
}

impl From<sen5x::Error<HalError>> for Failure {
    fn from(e: sen5x::Error<HalError>) -> Self {
        match e {
            sen5x::Error::I2c(e) => Self::from(&e),
            sen5x::Error::Crc => Self::checksum(),
            other => Self::new(SensorErrorKind::Implausible, format!("{other:?}")),
        }
    }
}

impl Failure {
    fn checksum() -> Self {
        Self::new(SensorErrorKind::Checksum, "a checksum was wrong")
    }
}
