//! Whatever `Ack::decode` accepts can be written again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::Ack;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Ack::decode(bytes) {
        assert_eq!(
            Ack::decode(&message.encode().expect("what was accepted can be written")),
            Ok(message)
        );
    }
});
