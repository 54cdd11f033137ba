//! Whatever `Answer::decode` accepts can be written again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::Answer;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Answer::decode(bytes) {
        assert_eq!(Answer::decode(&message.encode()), Ok(message));
    }
});
