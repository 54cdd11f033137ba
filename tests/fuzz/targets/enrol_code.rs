//! Whatever is taken for a one-time code is written as one and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::EnrolCode;

fuzz_target!(|text: &str| {
    if let Ok(code) = text.parse::<EnrolCode>() {
        let written = code.to_string();
        assert_eq!(written.len(), 44);
        assert_eq!(written.parse(), Ok(code));
    }
});
