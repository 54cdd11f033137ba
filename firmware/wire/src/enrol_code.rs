//! The one-time code with which a node is enrolled: what an operator reads out and a technician
//! types.

use core::{fmt, str::FromStr};

/// Bytes of the secret: 80 bits, drawn at random, of which a guess a second finds nothing in the
/// days that a code is good for.
pub const ENROL_SECRET_BYTES: usize = 10;
/// Bytes of the pin: the first of the SHA-256 of the centre's authority certificate (DER).
pub const ENROL_PIN_BYTES: usize = 10;
/// Characters of a code without its hyphens.
const SYMBOLS: usize = 36;
/// Characters between two hyphens.
const GROUP: usize = 4;
/// The most characters that are looked at: hyphens and spaces of a generous typist among them.
pub const MAX_ENROL_CODE_CHARS: usize = 128;
/// Crockford's base 32: no I, L, O and U, which people take for others.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A one-time code: the secret that the centre knows by its hash, and the pin by which the node
/// knows the centre before it tells the secret.
///
/// As text it is nine groups of four characters of Crockford's base 32: 16 of the secret, 16 of
/// the pin, and 4 that are a check of both, so that a slip of the pen is noticed on the node,
/// without a network. Capitals and small letters are the same, and so are O and 0, I, L and 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EnrolCode {
    /// What only the operator, the technician and the node know.
    pub secret: [u8; ENROL_SECRET_BYTES],
    /// The first bytes of the SHA-256 of the authority's certificate.
    pub pin: [u8; ENROL_PIN_BYTES],
}

/// Why a text is not a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidEnrolCode {
    /// It has another number of characters; hyphens and spaces do not count.
    Length(usize),
    /// This character is in no code.
    Character(char),
    /// Its last group does not fit the others: a character is wrong, or two have changed places.
    Check,
}

impl fmt::Display for InvalidEnrolCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n) => write!(f, "a code has {SYMBOLS} characters, and this has {n}"),
            Self::Character(c) => write!(f, "`{c}` is in no code"),
            Self::Check => f.write_str("a character of the code is wrong"),
        }
    }
}

impl core::error::Error for InvalidEnrolCode {}

impl EnrolCode {
    fn bytes(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        let from = self.secret.iter().chain(&self.pin);
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// Not the secret: a log is read by more people than a code.
impl fmt::Debug for EnrolCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolCode").finish_non_exhaustive()
    }
}

impl fmt::Display for EnrolCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let bytes = self.bytes();
        let check = check(&bytes);
        // Twenty bytes are 32 symbols exactly; the check is four more.
        let (mut held, mut bits, mut written) = (0u32, 0u32, 0usize);
        let mut put = |f: &mut fmt::Formatter<'_>, symbol: u32| {
            if written > 0 && written.is_multiple_of(GROUP) {
                f.write_char('-')?;
            }
            written += 1;
            let symbol = usize::try_from(symbol & 31).unwrap_or_default();
            f.write_char(char::from(ALPHABET.get(symbol).copied().unwrap_or(b'0')))
        };
        for byte in bytes {
            (held, bits) = ((held << 8) | u32::from(byte), bits + 8);
            while bits >= 5 {
                bits -= 5;
                put(f, held >> bits)?;
            }
            held &= 31;
        }
        for place in [15, 10, 5, 0] {
            put(f, check >> place)?;
        }
        Ok(())
    }
}

impl FromStr for EnrolCode {
    type Err = InvalidEnrolCode;

    fn from_str(text: &str) -> Result<Self, InvalidEnrolCode> {
        let mut bytes = [0u8; 20];
        let mut to = bytes.iter_mut();
        let (mut held, mut bits, mut symbols, mut said) = (0u32, 0u32, 0usize, 0u32);
        for c in text.chars().take(MAX_ENROL_CODE_CHARS) {
            if c == '-' || c.is_whitespace() {
                continue;
            }
            let value = symbol(c).ok_or(InvalidEnrolCode::Character(c))?;
            symbols += 1;
            if symbols > SYMBOLS - GROUP {
                said = (said << 5) | value;
                continue;
            }
            (held, bits) = ((held << 5) | value, bits + 5);
            if bits >= 8 {
                bits -= 8;
                if let (Some(to), Ok(byte)) = (to.next(), u8::try_from((held >> bits) & 0xff)) {
                    *to = byte;
                }
                held &= (1 << bits) - 1;
            }
        }
        if symbols != SYMBOLS {
            return Err(InvalidEnrolCode::Length(symbols));
        }
        if said != check(&bytes) {
            return Err(InvalidEnrolCode::Check);
        }
        let mut code = Self { secret: [0; ENROL_SECRET_BYTES], pin: [0; ENROL_PIN_BYTES] };
        let places = code.secret.iter_mut().chain(&mut code.pin);
        places.zip(bytes).for_each(|(to, from)| *to = from);
        Ok(code)
    }
}

/// What a character stands for; people read some of them as others.
fn symbol(c: char) -> Option<u32> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    let place = ALPHABET.iter().position(|a| char::from(*a) == c)?;
    u32::try_from(place).ok()
}

/// The upper 20 bits of the CRC-32 (IEEE 802.3) of the bytes.
fn check(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc >> 12
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, string::ToString, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn code() -> EnrolCode {
        EnrolCode {
            secret: [0, 1, 2, 3, 4, 5, 6, 7, 8, 0xff],
            pin: [0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, 0, 1],
        }
    }

    #[test]
    fn the_check_is_the_crc_of_the_standard() {
        // The check value of CRC-32/ISO-HDLC is cbf43926.
        assert_eq!(check(b"123456789"), 0xc_bf43);
    }

    #[test]
    fn a_code_is_nine_groups_of_four() {
        let text = code().to_string();
        assert_eq!(text.len(), 44);
        assert!(text.starts_with("000G-40R4-0M30-E20-".get(..14).unwrap()), "{text}");
        let groups: Vec<_> = text.split('-').collect();
        assert_eq!(groups.len(), 9);
        assert!(groups.iter().all(|g| g.len() == 4), "{text}");
        assert_eq!(text.parse(), Ok(code()));
        assert!(!format!("{:?}", code()).contains("255"), "the secret stays out of logs");
    }

    #[test]
    fn a_code_may_be_typed_as_people_type() {
        let text = code().to_string();
        for typed in [
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', " "),
            text.replace('0', "o").replace('1', "l"),
            format!("  {text}\n"),
        ] {
            assert_eq!(typed.parse(), Ok(code()), "{typed}");
        }
        assert_eq!("".parse::<EnrolCode>(), Err(InvalidEnrolCode::Length(0)));
        assert_eq!("U".parse::<EnrolCode>(), Err(InvalidEnrolCode::Character('U')));
        let long: String = "0".repeat(10_000);
        assert!(matches!(long.parse::<EnrolCode>(), Err(InvalidEnrolCode::Length(_))));
    }

    proptest! {
        #[test]
        fn every_code_is_read_as_it_was_written(secret: [u8; 10], pin: [u8; 10]) {
            let code = EnrolCode { secret, pin };
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }

        #[test]
        fn one_wrong_character_is_noticed(secret: [u8; 10], pin: [u8; 10], at in 0..36usize, other in 0..32usize) {
            let code = EnrolCode { secret, pin };
            let mut symbols: Vec<u8> = code.to_string().bytes().filter(|b| *b != b'-').collect();
            prop_assume!(symbols[at] != ALPHABET[other]);
            symbols[at] = ALPHABET[other];
            let typed = String::from_utf8(symbols).unwrap();
            prop_assert_eq!(typed.parse::<EnrolCode>(), Err(InvalidEnrolCode::Check));
        }

        #[test]
        fn two_neighbours_that_changed_places_are_noticed(secret: [u8; 10], pin: [u8; 10], at in 0..35usize) {
            let code = EnrolCode { secret, pin };
            let mut symbols: Vec<u8> = code.to_string().bytes().filter(|b| *b != b'-').collect();
            prop_assume!(symbols[at] != symbols[at + 1]);
            symbols.swap(at, at + 1);
            let typed = String::from_utf8(symbols).unwrap();
            prop_assert_eq!(typed.parse::<EnrolCode>(), Err(InvalidEnrolCode::Check));
        }
    }
}
