//! A rule file is read, checked or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_rules::Rule;

fuzz_target!(|text: &str| {
    if let Ok(rule) = toml::from_str::<Rule>(text) {
        let _ = rule.check();
    }
});
