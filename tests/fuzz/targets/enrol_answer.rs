//! Whatever `Enrolment::decode` accepts can be written again and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::Enrolment;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(answer) = Enrolment::decode(bytes) {
        let again = Enrolment::encode(&answer).expect("what was read fits");
        assert_eq!(Enrolment::decode(&again), Ok(answer));
    }
});
