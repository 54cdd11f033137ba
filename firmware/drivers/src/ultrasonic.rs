//! Ultrasonic range finders that send `FF H L SUM` over a UART at 9600 baud.
//!
//! The A02YYUW and its long-range relatives send a frame every 100 ms by themselves; a JSN-SR04T
//! set to serial mode sends one for each [`TRIGGER`] byte. `H` and `L` are the distance in
//! millimetres, big-endian; `SUM` is the low byte of `FF + H + L`.
//!
//! The parser takes one byte at a time, holds at most four, and finds the next frame after noise,
//! a lost byte or a wrong sum. `FF` may also be a data byte, so after a wrong sum the bytes behind
//! the false start are looked at again.

use tram_wire::Millimetre;

/// What makes a JSN-SR04T in serial mode measure once.
pub const TRIGGER: u8 = 0x55;

/// Bytes in a frame: start, high, low, sum.
pub const FRAME_BYTES: usize = 4;

const START: u8 = 0xff;

/// The distances a part can measure, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The end of the blind zone.
    pub nearest: Millimetre,
    /// The farthest echo it hears.
    pub farthest: Millimetre,
}

impl Range {
    /// A02YYUW: 30 mm to 4.5 m.
    pub const A02YYUW: Self = Self { nearest: Millimetre(30), farthest: Millimetre(4_500) };
    /// JSN-SR04T: 250 mm to 4.5 m.
    pub const JSN_SR04T: Self = Self { nearest: Millimetre(250), farthest: Millimetre(4_500) };
    /// A part that uses the whole of the frame but zero.
    pub const FRAME: Self = Self { nearest: Millimetre(1), farthest: Millimetre(65_535) };

    fn holds(self, distance: Millimetre) -> bool {
        (self.nearest..=self.farthest).contains(&distance)
    }
}

/// What a good frame said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The distance to the nearest echo, as the part computed it from its own idea of the speed of
    /// sound.
    Distance(Millimetre),
    /// A frame without a usable echo: zero, or outside the part's range.
    NoEcho,
}

/// What became of the bytes so far. `4 × (distances + no_echo) + skipped + held` is the number of
/// bytes, `held` being the 0 to 3 of a frame under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Frames with a distance.
    pub distances: u64,
    /// Frames without an echo.
    pub no_echo: u64,
    /// Frames whose sum was wrong.
    pub wrong_sum: u64,
    /// Bytes that belonged to no frame.
    pub skipped: u64,
}

/// Finds frames in a stream of bytes.
#[derive(Debug, Clone)]
pub struct Parser {
    range: Range,
    held: [u8; FRAME_BYTES],
    len: usize,
    counts: Counts,
}

impl Parser {
    /// A parser for a part with this range.
    #[must_use]
    pub fn new(range: Range) -> Self {
        Self { range, held: [0; FRAME_BYTES], len: 0, counts: Counts::default() }
    }

    /// Takes one byte; `Some` when it ends a good frame.
    pub fn feed(&mut self, byte: u8) -> Option<Event> {
        if let Some(slot) = self.held.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
        if self.len < FRAME_BYTES {
            if self.len == 1 && byte != START {
                self.drop_to_next_start();
            }
            return None;
        }
        let [start, high, low, sum] = self.held;
        if start.wrapping_add(high).wrapping_add(low) != sum {
            self.counts.wrong_sum += 1;
            self.drop_to_next_start();
            return None;
        }
        self.len = 0;
        let distance = Millimetre(i32::from(u16::from_be_bytes([high, low])));
        if self.range.holds(distance) {
            self.counts.distances += 1;
            Some(Event::Distance(distance))
        } else {
            self.counts.no_echo += 1;
            Some(Event::NoEcho)
        }
    }

    /// Forgets the frame under way, as when the caller has thrown away what the UART held.
    pub fn reset(&mut self) {
        self.counts.skipped += self.len as u64;
        self.len = 0;
    }

    /// What became of the bytes so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Drops the first byte held and all behind it up to the next start byte.
    fn drop_to_next_start(&mut self) {
        let held = self.held.get(1..self.len).unwrap_or_default();
        let start = held.iter().position(|b| *b == START).map_or(self.len, |i| i + 1);
        self.held.copy_within(start..self.len, 0);
        self.len -= start;
        self.counts.skipped += start as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    fn frame(distance: u16) -> [u8; 4] {
        let [high, low] = distance.to_be_bytes();
        [0xff, high, low, 0xff_u8.wrapping_add(high).wrapping_add(low)]
    }

    fn events(parser: &mut Parser, bytes: &[u8]) -> Vec<Event> {
        bytes.iter().filter_map(|b| parser.feed(*b)).collect()
    }

    #[test]
    fn the_datasheets_example_is_1953_mm() {
        // A02YYUW: FF 07 A1 A7 is 0x07A1 = 1953 mm.
        let mut parser = Parser::new(Range::A02YYUW);
        let told = events(&mut parser, &[0xff, 0x07, 0xa1, 0xa7]);
        assert_eq!(told, [Event::Distance(Millimetre(1_953))]);
    }

    #[test]
    fn outside_the_range_there_is_no_echo() {
        let mut parser = Parser::new(Range::A02YYUW);
        let distances = [0, 29, 30, 4_500, 4_501, 65_535];
        let told: Vec<Event> =
            distances.iter().flat_map(|d| events(&mut parser, &frame(*d))).collect();
        let near = Event::Distance(Millimetre(30));
        let far = Event::Distance(Millimetre(4_500));
        assert_eq!(told, [Event::NoEcho, Event::NoEcho, near, far, Event::NoEcho, Event::NoEcho]);
    }

    #[test]
    fn a_lost_byte_costs_one_frame() {
        let mut parser = Parser::new(Range::FRAME);
        let mut bytes = vec![0xff, 0x07, 0xa7];
        bytes.extend(frame(1_000));
        bytes.extend(frame(2_000));
        let told = events(&mut parser, &bytes);
        assert_eq!(told.last(), Some(&Event::Distance(Millimetre(2_000))));
        assert!(told.contains(&Event::Distance(Millimetre(1_000))));
    }

    #[test]
    fn a_start_byte_among_the_data_does_not_lose_the_frame_behind_a_false_start() {
        let mut parser = Parser::new(Range::FRAME);
        // A stray FF, then FF 00 FF FE = 255 mm.
        let mut bytes = vec![0xff];
        bytes.extend(frame(255));
        assert_eq!(events(&mut parser, &bytes), [Event::Distance(Millimetre(255))]);
    }

    #[test]
    fn the_trigger_byte_echoed_back_is_skipped() {
        let mut parser = Parser::new(Range::FRAME);
        let mut bytes = vec![TRIGGER];
        bytes.extend(frame(777));
        assert_eq!(events(&mut parser, &bytes), [Event::Distance(Millimetre(777))]);
        assert_eq!(parser.counts().skipped, 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_accounted_for(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut parser = Parser::new(Range::FRAME);
            events(&mut parser, &bytes);
            parser.reset();
            let c = parser.counts();
            prop_assert_eq!(4 * (c.distances + c.no_echo) + c.skipped, bytes.len() as u64);
        }

        #[test]
        fn after_any_noise_two_frames_are_enough_to_be_heard_again(
            noise in prop::collection::vec(any::<u8>(), 0..40),
            distance in 1_u16..0xff00,
        ) {
            let mut parser = Parser::new(Range::FRAME);
            events(&mut parser, &noise);
            let told = events(&mut parser, &[frame(distance), frame(distance)].concat());
            prop_assert_eq!(told.last(), Some(&Event::Distance(Millimetre(i32::from(distance)))));
        }
    }
}
