//! One wrong byte, or a wrong sector, in any file of the store. `make crash` tries many more.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use tram_tests::{Folder, Random};

const SEED: u64 = 7;

#[test]
fn a_wrong_byte_in_any_file_is_found_and_everything_else_is_served() {
    let folder = Folder::make(SEED).unwrap();
    let mut random = Random::new(SEED);
    let (mut tried, mut lost, mut aside) = (0, 0, 0);
    for (file, bytes) in folder.files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        for _ in 0..12 {
            let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            let found = folder
                .damage(file, |bytes| bytes[at] ^= 0x14)
                .unwrap_or_else(|e| panic!("byte {at} of {}: {e:#}", file.display()));
            tried += 1;
            lost += found.lost;
            aside += found.aside;
        }
    }
    println!("{tried} bytes, {lost} readings lost, {aside} files put aside");
    assert!(tried >= 40, "{tried}");
}

#[test]
fn a_wrong_sector_in_any_file_costs_what_is_in_it_alone() {
    let folder = Folder::make(SEED).unwrap();
    let mut random = Random::new(SEED);
    let (mut tried, mut lost) = (0, 0);
    for (file, bytes) in folder.files.iter().filter(|(_, bytes)| bytes.len() >= 512) {
        for _ in 0..8 {
            let at = usize::try_from(random.below(bytes.len() as u64 / 512)).unwrap() * 512;
            let found = folder
                .damage(file, |bytes| bytes[at..at + 512].fill(0xa5))
                .unwrap_or_else(|e| panic!("sector at {at} of {}: {e:#}", file.display()));
            tried += 1;
            lost += found.lost;
        }
    }
    println!("{tried} sectors, {lost} readings lost");
    assert!(tried >= 24 && lost > 0, "{tried} {lost}");
}
