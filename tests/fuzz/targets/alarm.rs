//! Whatever `Alarm::decode` accepts can be written again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::Alarm;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Alarm::decode(bytes) {
        assert_eq!(Alarm::decode(&message.encode()), Ok(message));
    }
});
