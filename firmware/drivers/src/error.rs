//! What can be wrong with a part on a bus, named after what the caller does about it.

use core::fmt;

/// Why an I²C part gave no value. `E` is the bus's own error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error<E> {
    /// The bus failed or nothing acknowledged. Try again; after several failures the part is
    /// missing.
    Bus(E),
    /// Something answered, but not this part. Look at the wiring and the address.
    Identity {
        /// What the identification register held.
        found: u8,
    },
    /// The part is starting or converting. Ask again later.
    NotReady,
    /// The part has lost its settings, as after a dip of its supply. Call `init` again.
    Reset,
    /// The answer is none the part can give: it stopped answering in the middle, or the value lies
    /// outside what it measures. Drop the reading.
    Implausible,
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(e) => write!(f, "the bus failed: {e:?}"),
            Self::Identity { found } => {
                write!(f, "another part answered, its identification is {found:#04x}")
            }
            Self::NotReady => f.write_str("the part is not ready yet"),
            Self::Reset => f.write_str("the part has lost its settings"),
            Self::Implausible => f.write_str("the part gave an answer it cannot give"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Error<E> {}
