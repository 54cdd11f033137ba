//! Whatever `EnrolRequest::decode` accepts can be written again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::EnrolRequest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = EnrolRequest::decode(bytes) {
        let again = message.encode().expect("what was read fits");
        assert_eq!(EnrolRequest::decode(&again), Ok(message));
    }
});
