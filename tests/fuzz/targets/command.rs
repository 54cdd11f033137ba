//! Whatever `Command::decode` accepts can be written again and means the same; so does the order in
//! it, and an order can do nothing but what is listed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_wire::{Command, MAX_ORDER_BYTES, MAX_SILENCE_S, Act, Order};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Command::decode(bytes) {
        assert_eq!(Command::decode(&message.encode()), Ok(message.clone()));
        if let Command::Signed(signed) = message {
            assert!(signed.order.len() <= MAX_ORDER_BYTES);
            order(&signed.order);
        }
    }
    order(bytes);
});

fn order(bytes: &[u8]) {
    if let Ok(order) = Order::decode(bytes) {
        assert_eq!(Order::decode(&order.encode()), Ok(order));
        assert!(!matches!(order.act, Act::Silence(s) if s == 0 || s > MAX_SILENCE_S));
    }
}
