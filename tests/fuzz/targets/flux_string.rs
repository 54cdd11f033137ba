//! No text leaves the literal it is put into, and it means the same there, by the Flux
//! specification's rules for string literals.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_store::engine::flux_string;

fuzz_target!(|text: String| {
    let literal = flux_string(&text);
    let inner = literal.strip_prefix('"').and_then(|l| l.strip_suffix('"')).expect("quoted");
    let mut bytes = Vec::new();
    let mut rest = inner.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        match first {
            b'"' => panic!("the literal ends early: {literal:?}"),
            b'$' if rest.starts_with(b"{") => panic!("an expression: {literal:?}"),
            b'\\' => {
                assert_eq!(rest.first(), Some(&b'x'), "{literal:?}");
                let digits = std::str::from_utf8(&rest[1..3]).expect("digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("digits"));
                rest = &rest[3..];
            }
            byte => bytes.push(*byte),
        }
    }
    assert_eq!(String::from_utf8(bytes).expect("text"), text);
    assert!(!literal.contains(|c: char| c.is_control()));
});
