//! The ultrasonic parser accounts for every byte: none is lost, none counted twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_drivers::ultrasonic::{FRAME_BYTES, Parser, Range};

fuzz_target!(|bytes: &[u8]| {
    let mut parser = Parser::new(Range::A02YYUW);
    let frames = bytes.iter().filter_map(|b| parser.feed(*b)).count() as u64;
    parser.reset();
    let counts = parser.counts();
    assert_eq!(counts.distances + counts.no_echo, frames);
    assert_eq!(frames * FRAME_BYTES as u64 + counts.skipped, bytes.len() as u64);
});
