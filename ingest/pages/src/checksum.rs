//! The checksum of a page, and of a frame of a write-ahead log.
//!
//! The last eight bytes of a page hold two sums over the bytes before them, little-endian: a
//! CRC-32 that starts from the page's number, and the two sums of SQLite's write-ahead log folded
//! into one. The first finds every change of up to 32 bits in a row; both together find the one
//! byte that was changed, when it was one, with no doubt worth a name (2^-44).

/// How many bytes at the end of a page hold its checksum.
pub const RESERVED: usize = 8;

/// The smallest and the largest page of a database.
const PAGE_BYTES: std::ops::RangeInclusive<usize> = 512..=65_536;

/// What a look at a page finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is what was written.
    Sound,
    /// One byte was another than was written, and is right again.
    Mended {
        /// Its place in the page.
        at: usize,
    },
    /// It is not what was written.
    Damaged,
}

/// Whether a read or a write of so many bytes is one of a page.
pub(crate) fn is_page(bytes: usize, offset: u64) -> bool {
    PAGE_BYTES.contains(&bytes) && bytes.is_power_of_two() && offset.is_multiple_of(bytes as u64)
}

/// The number of the page at an offset, counted from 1.
pub(crate) fn number(bytes: usize, offset: u64) -> u32 {
    u32::try_from(offset / bytes.max(1) as u64 + 1).unwrap_or(u32::MAX)
}

/// Puts the checksum into the last bytes of a page.
pub fn seal(page: &mut [u8], number: u32) {
    let Some((body, end)) = page.split_last_chunk_mut::<RESERVED>() else { return };
    *end = sums(body, number);
}

/// Looks at a page and puts one wrong byte right. A page of zeros was never written: SQLite leaves
/// such holes for pages that came and went within a transaction.
pub fn look(page: &mut [u8], number: u32) -> State {
    let Some((body, end)) = page.split_last_chunk_mut::<RESERVED>() else { return State::Damaged };
    let found = sums(body, number);
    if found == *end || (*end == [0; RESERVED] && body.iter().all(|b| *b == 0)) {
        return State::Sound;
    }
    mend(body, end, found, number)
}

fn sums(body: &[u8], number: u32) -> [u8; RESERVED] {
    join(crc(body, number), fold(body))
}

fn crc(body: &[u8], number: u32) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(number);
    crc.update(body);
    crc.finalize()
}

fn fold(body: &[u8]) -> u32 {
    let (a, b) = chain((0, 0), body, u32::from_le_bytes);
    a ^ b.rotate_left(16)
}

fn join(crc: u32, fold: u32) -> [u8; RESERVED] {
    ((u64::from(fold) << 32) | u64::from(crc)).to_le_bytes()
}

/// The sums of a write-ahead log: two words at a time, in the byte order that its header names.
pub(crate) fn chain(from: (u32, u32), bytes: &[u8], word: fn([u8; 4]) -> u32) -> (u32, u32) {
    let (mut a, mut b) = from;
    let (words, _) = bytes.as_chunks::<4>();
    for [x, y] in words.as_chunks::<2>().0 {
        a = a.wrapping_add(word(*x)).wrapping_add(b);
        b = b.wrapping_add(word(*y)).wrapping_add(a);
    }
    (a, b)
}

/// What a bit in the last byte does to a CRC-32, and what another byte behind it does to that.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let mut c = n as u32;
        let mut bit = 0;
        while bit < 8 {
            c = if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "below 256")]
        {
            table[n] = c;
        }
        n += 1;
    }
    table
};

fn step(c: u32) -> u32 {
    let [low, ..] = c.to_le_bytes();
    TABLE.get(usize::from(low)).copied().unwrap_or_default() ^ (c >> 8)
}

/// Finds the one byte whose change explains both sums.
fn mend(body: &mut [u8], end: &mut [u8; RESERVED], found: [u8; RESERVED], number: u32) -> State {
    let differ = found.iter().zip(end.iter()).filter(|(a, b)| a != b).count();
    if differ == 1 {
        let at = found.iter().zip(end.iter()).position(|(a, b)| a != b).unwrap_or_default();
        *end = found;
        return State::Mended { at: body.len() + at };
    }
    let [c0, c1, c2, c3, ..] = found;
    let [w0, w1, w2, w3, ..] = *end;
    let wanted = u32::from_le_bytes([c0, c1, c2, c3]) ^ u32::from_le_bytes([w0, w1, w2, w3]);
    // What each bit of the byte at `at` does to the CRC, from the last byte to the first.
    let mut bits: [u32; 8] = std::array::from_fn(|bit| step(1 << bit));
    for at in (0..body.len()).rev() {
        let Some(change) = solve(&bits, wanted) else {
            bits = bits.map(step);
            continue;
        };
        let Some(byte) = body.get_mut(at) else { break };
        *byte ^= change;
        if sums(body, number) == *end {
            return State::Mended { at };
        }
        if let Some(byte) = body.get_mut(at) {
            *byte ^= change;
        }
        bits = bits.map(step);
    }
    State::Damaged
}

/// The byte whose bits do `wanted` together, if there is one.
fn solve(bits: &[u32; 8], wanted: u32) -> Option<u8> {
    let mut sum = 0;
    let mut byte = 0_u8;
    // In the order of a Gray code, each step changes one bit.
    for n in 1..=255_u8 {
        let bit = n.trailing_zeros();
        sum ^= bits.get(bit as usize)?;
        byte ^= 1 << bit;
        if sum == wanted {
            return Some(byte);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(seed: u64, bytes: usize) -> Vec<u8> {
        let mut x = seed | 1;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x.to_le_bytes()[3]
        };
        let mut page: Vec<u8> = (0..bytes).map(|_| next()).collect();
        seal(&mut page, 7);
        page
    }

    #[test]
    fn every_single_byte_is_found_and_put_right() {
        let good = page(3, 512);
        for at in 0..good.len() {
            for change in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= change;
                assert_eq!(look(&mut bad, 7), State::Mended { at });
                assert_eq!(bad, good);
            }
        }
    }

    #[test]
    fn a_page_in_the_place_of_another_is_damaged() {
        let mut good = page(4, 1024);
        assert_eq!(look(&mut good, 7), State::Sound);
        assert_eq!(look(&mut good, 8), State::Damaged);
    }

    #[test]
    fn zeros_were_never_written_and_one_that_is_not_zero_was() {
        assert_eq!(look(&mut [0; 1024], 3), State::Sound);
        let mut page = [0; 1024];
        page[1000] = 1;
        assert_ne!(look(&mut page, 3), State::Sound);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn more_than_one_byte_is_damage_and_nothing_is_changed(
            seed: u64,
            at in prop::collection::btree_set(0_usize..1024, 2..9),
            change in 1_u8..,
        ) {
            let good = page(seed, 1024);
            let mut bad = good.clone();
            for at in at {
                bad[at] ^= change;
            }
            let before = bad.clone();
            prop_assert_eq!(look(&mut bad, 7), State::Damaged);
            prop_assert_eq!(bad, before);
        }
    }
}
