//! A short text with an upper bound, held in place.

use core::fmt;

/// UTF-8 text of at most `N` bytes, copied by value; `N` is 255 at most.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<const N: usize> {
    // The unused tail is always zero, so the derived comparisons are right.
    bytes: [u8; N],
    len: u8,
}

/// The text is longer than its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidText {
    /// The bound in bytes.
    pub max_bytes: usize,
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text is longer than {} bytes", self.max_bytes)
    }
}

impl core::error::Error for InvalidText {}

impl<const N: usize> Text<N> {
    /// Copies `s`.
    ///
    /// # Errors
    /// [`InvalidText`] when `s` is longer than `N` bytes.
    pub fn new(s: &str) -> Result<Self, InvalidText> {
        const { assert!(N <= 255) };
        let mut bytes = [0; N];
        let len = u8::try_from(s.len()).map_err(|_| InvalidText { max_bytes: N })?;
        bytes.get_mut(..s.len()).ok_or(InvalidText { max_bytes: N })?.copy_from_slice(s.as_bytes());
        Ok(Self { bytes, len })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        // Only `new` writes the bytes, and it copies a whole `&str`.
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> core::str::FromStr for Text<N> {
    type Err = InvalidText;
    fn from_str(s: &str) -> Result<Self, InvalidText> {
        Self::new(s)
    }
}
