//! Whatever `Batch::decode` accepts can be written again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::Batch;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Batch::decode(bytes) {
        assert_eq!(
            Batch::decode(&message.encode().expect("what was accepted can be written")),
            Ok(message)
        );
    }
});
