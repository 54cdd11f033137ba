//! Whatever `Status::decode` accepts can be written again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::Status;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Status::decode(bytes) {
        assert_eq!(Status::decode(&message.encode()), Ok(message));
    }
});
