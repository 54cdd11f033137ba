//! Sensirion's checksum: CRC-8 with polynomial 0x31, started at 0xff, over each two bytes.

/// The checksum of one word.
pub(crate) fn crc8(word: [u8; 2]) -> u8 {
    word.iter().fold(0xff, |crc, byte| {
        (0..8).fold(
            crc ^ byte,
            |crc: u8, _| {
                if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x31 }
            },
        )
    })
}

/// Appends a word and its checksum, a wrong one when `flipped`.
pub(crate) fn push_word(out: &mut Vec<u8>, word: u16, flipped: bool) {
    let bytes = word.to_be_bytes();
    out.extend(bytes);
    out.push(crc8(bytes) ^ u8::from(flipped));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_datasheets_example_is_0x92() {
        // SHT4x data sheet, §4.4: CRC(0xBEEF) = 0x92.
        assert_eq!(crc8([0xbe, 0xef]), 0x92);
    }
}
