//! The signature of a webhook request: HMAC-SHA256 over `timestamp.body`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Secret;

/// What the header's value starts with.
const PREFIX: &str = "sha256=";

fn mac(secret: &Secret, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

/// The value of `X-Tram-Signature` for a body sent at `timestamp` (whole seconds since 1970, as
/// in `X-Tram-Timestamp`): `sha256=` and 64 hexadecimal digits.
#[must_use]
pub fn sign(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
    let bytes = mac(secret, timestamp, body).finalize().into_bytes();
    format!("{PREFIX}{}", hex(&bytes))
}

/// Whether `signature` is what [`sign`] gives, compared in constant time. A receiver also checks
/// that the timestamp is recent, or an old request can be played back.
#[must_use]
pub fn verify(secret: &Secret, timestamp: &str, body: &[u8], signature: &str) -> bool {
    signature
        .strip_prefix(PREFIX)
        .and_then(unhex)
        .is_some_and(|bytes| mac(secret, timestamp, body).verify_slice(&bytes).is_ok())
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

/// Bytes of a SHA-256 in hexadecimal, nothing else.
fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 {
        return None;
    }
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value was computed with
    /// `openssl dgst -sha256 -hmac`.
    #[test]
    fn signs_as_openssl_does_and_verifies_only_that() {
        let secret = Secret::new(b"0123456789abcdef").unwrap();
        let signature = sign(&secret, "1725886800", b"{\"a\":1}");
        assert_eq!(signature, OPENSSL);
        assert!(verify(&secret, "1725886800", b"{\"a\":1}", &signature));
        assert!(!verify(&secret, "1725886801", b"{\"a\":1}", &signature));
        assert!(!verify(&secret, "1725886800", b"{\"a\":2}", &signature));
        let other = Secret::new(b"0123456789abcdeg").unwrap();
        assert!(!verify(&other, "1725886800", b"{\"a\":1}", &signature));
    }

    const OPENSSL: &str = "sha256=88832a567e49363c19f8299a88654791434883c6caa01ae10a2a649012285b34";

    #[test]
    fn a_signature_that_is_none_is_refused() {
        let secret = Secret::new(b"0123456789abcdef").unwrap();
        for bad in ["", "sha256=", "sha256=zz", "md5=00", "sha256=é", &"sha256=ü".repeat(9)] {
            assert!(!verify(&secret, "0", b"", bad), "{bad}");
        }
    }
}
