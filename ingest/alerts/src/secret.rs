//! A secret that signs, and never shows itself.

use core::fmt;
use std::{fs, path::PathBuf};

/// The shortest secret taken, in bytes; shorter ones can be guessed.
pub const MIN_SECRET_BYTES: usize = 16;
/// The longest secret taken, in bytes.
pub const MAX_SECRET_BYTES: usize = 4_096;

/// The bytes of a secret. Neither `Debug` nor any error shows them.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a secret cannot be used. The texts name the place, never the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The environment variable is not set, or is not text.
    #[error("the environment variable {0} holds no secret")]
    Environment(String),
    /// Too short or too long.
    #[error("a secret is {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes, this one has {0}")]
    Length(usize),
    /// Nothing, or too much, of what somebody else chose.
    #[error("a password or token is 1 to {MAX_SECRET_BYTES} bytes, this one has {0}")]
    Given(usize),
}

impl Secret {
    /// Takes a secret; white space at both ends (a file's last newline) does not count.
    ///
    /// # Errors
    /// [`SecretError::Length`] outside [`MIN_SECRET_BYTES`] to [`MAX_SECRET_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        let bytes = bytes.trim_ascii();
        if (MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&bytes.len()) {
            Ok(Self(bytes.to_vec()))
        } else {
            Err(SecretError::Length(bytes.len()))
        }
    }

    /// Reads a secret from a file.
    ///
    /// # Errors
    /// [`SecretError`] when the file cannot be read or what it holds is no secret.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, SecretError> {
        let path = path.into();
        let bytes = fs::read(&path).map_err(|source| SecretError::File { path, source })?;
        Self::new(&bytes)
    }

    /// Reads a secret from an environment variable.
    ///
    /// # Errors
    /// [`SecretError`] when the variable is not set or what it holds is no secret.
    pub fn from_environment(name: &str) -> Result<Self, SecretError> {
        let value = std::env::var(name).map_err(|_| SecretError::Environment(name.to_owned()))?;
        Self::new(value.as_bytes())
    }

    /// Reads a secret that somebody else chose, of any length, from a file.
    ///
    /// # Errors
    /// [`SecretError`] when the file cannot be read, or holds nothing or too much.
    pub fn given_in_file(path: impl Into<PathBuf>) -> Result<Self, SecretError> {
        let path = path.into();
        let bytes = fs::read(&path).map_err(|source| SecretError::File { path, source })?;
        Self::given(&bytes)
    }

    /// Reads a secret that somebody else chose, of any length, from an environment variable.
    ///
    /// # Errors
    /// [`SecretError`] when the variable is not set, or holds nothing or too much.
    pub fn given_in_environment(name: &str) -> Result<Self, SecretError> {
        let value = std::env::var(name).map_err(|_| SecretError::Environment(name.to_owned()))?;
        Self::given(value.as_bytes())
    }

    fn given(bytes: &[u8]) -> Result<Self, SecretError> {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() || bytes.len() > MAX_SECRET_BYTES {
            return Err(SecretError::Given(bytes.len()));
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The secret as text; empty when it is none.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_trimmed_bounded_and_never_shown() {
        let secret = Secret::new(b"0123456789abcdef\n").unwrap();
        assert_eq!(secret.bytes(), b"0123456789abcdef");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(matches!(Secret::new(b"short \n"), Err(SecretError::Length(5))));
        assert!(Secret::new(&[b'a'; MAX_SECRET_BYTES + 1]).is_err());
    }

    #[test]
    fn errors_name_the_place_and_not_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "tiny").unwrap();
        let error = Secret::from_file(&path).unwrap_err().to_string();
        assert!(!error.contains("tiny"), "{error}");
        let error = Secret::from_file(folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("none"), "{error}");
        assert!(Secret::from_environment("TRAM_ALERTS_TEST_NO_SUCH_VARIABLE").is_err());
    }
}
