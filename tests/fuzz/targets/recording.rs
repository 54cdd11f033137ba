//! A recording is read or refused with a line, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_emulator::Recording;

fuzz_target!(|text: &str| {
    if let Ok(recording) = Recording::parse(text) {
        assert!(recording.first() <= recording.last());
    }
});
