//! Whatever `Topic::parse` accepts is written back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::Topic;

fuzz_target!(|name: &str| {
    if let Ok(topic) = Topic::parse(name) {
        assert_eq!(topic.to_string(), name);
    }
});
