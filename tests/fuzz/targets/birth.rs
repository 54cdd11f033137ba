//! Whatever `Birth::decode` accepts can be written again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::Birth;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Birth::decode(bytes) {
        assert_eq!(
            Birth::decode(&message.encode().expect("what was accepted can be written")),
            Ok(message)
        );
    }
});
