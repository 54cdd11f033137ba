//! The validator of CAP says what is wrong with anything, within its limits, and never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_alerts::{MAX_FAULTS, check_cap};

fuzz_target!(|bytes: &[u8]| {
    assert!(check_cap(bytes).len() <= MAX_FAULTS);
});
