//! Whatever `Command::decode` accepts can be written again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::Command;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Command::decode(bytes) {
        assert_eq!(Command::decode(&message.encode()), Ok(message));
    }
});
