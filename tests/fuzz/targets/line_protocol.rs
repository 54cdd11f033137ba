//! Whatever names and readings hold, a line of line protocol says them and nothing else: read back
//! by a parser that was written from the protocol's reference and shares nothing with the encoder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_pipeline::{DatastreamKey, Readings};
use tram_store::sink::{Lines, MAX_TAG_BYTES, stored, tag};
use tram_wire::{
    ChannelName, ChannelNumber, Column, Flag, NodeId, Point, Quality, Quantity, Tests,
};

/// A part of a line up to a separator that no backslash stands before, and what is behind it.
fn part<'a>(text: &'a str, separators: &str) -> (String, Option<char>, &'a str) {
    let mut taken = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        if separators.contains(c) {
            return (taken, Some(c), &text[at + c.len_utf8()..]);
        }
        match c {
            '\\' => match characters.next() {
                Some((_, escaped)) if ",= ".contains(escaped) => taken.push(escaped),
                other => panic!("a backslash before {other:?} in {text:?}"),
            },
            c => taken.push(c),
        }
    }
    (taken, None, "")
}

/// The names and values up to a space, and what is behind it.
fn pairs(text: &str) -> (Vec<(String, String)>, &str) {
    let mut pairs = Vec::new();
    let mut rest = text;
    loop {
        let (name, separator, behind) = part(rest, "=, ");
        assert_eq!(separator, Some('='), "{text:?}");
        let (value, separator, behind) = part(behind, "=, ");
        pairs.push((name, value));
        rest = behind;
        match separator {
            Some(',') => {}
            Some(' ') | None => return (pairs, rest),
            _ => panic!("two values in {text:?}"),
        }
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first == b'%' {
            let digits = std::str::from_utf8(&rest[..2]).expect("digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("digits"));
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).expect("text")
}

/// What of a name is kept.
fn kept(name: &str) -> &str {
    let end = (0..=name.len().min(MAX_TAG_BYTES)).rev().find(|at| name.is_char_boundary(*at));
    &name[..end.unwrap_or(0)]
}

type Input = (String, String, u8, Vec<(i64, Option<i64>, u8, u16)>);

fuzz_target!(|input: Input| {
    let (first, second, quantity, points) = input;

    // Names, as tags of a line of their own.
    let mut line = b"m".to_vec();
    tag(&mut line, "a", &first);
    tag(&mut line, "b", &second);
    line.extend_from_slice(b" value=1 5");
    let line = String::from_utf8(line).expect("text");
    assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    let (measurement, separator, rest) = part(&line, ", ");
    assert_eq!(measurement, "m");
    let mut expected = Vec::new();
    for (tag, name) in [("a", &first), ("b", &second)] {
        if !kept(name).is_empty() {
            expected.push((tag.to_owned(), kept(name).to_owned()));
        }
    }
    let (tags, rest) = match separator {
        Some(',') => pairs(rest),
        _ => (Vec::new(), rest),
    };
    let read: Vec<_> = tags.iter().map(|(n, v)| (n.clone(), decoded(v))).collect();
    assert_eq!(read, expected);
    assert_eq!(rest, "value=1 5");
    for ((_, held), (_, name)) in tags.iter().zip(&expected) {
        assert_eq!(*held, stored(name), "what an engine is asked for is what it holds");
    }

    // Readings.
    let quantity = Quantity::from_number(quantity % 30 + 1).expect("there are 30");
    let mut column = Column::new(ChannelNumber(0), quantity);
    let mut taken = Vec::new();
    for (micros, value, flag, tests) in points {
        let flag = match (value, flag % 4) {
            (None, _) => Flag::Missing,
            (_, 0) => Flag::Good,
            (_, 1) => Flag::NotEvaluated,
            (_, 2) => Flag::Suspect,
            _ => Flag::Fail,
        };
        let tests = Tests::from_bits(tests & 0x3ff).expect("ten bits");
        let point = Point { micros, value, quality: Quality { flag, tests } };
        column.push(point);
        taken.push(point);
    }
    let key = DatastreamKey {
        node: NodeId::new("a-1").expect("a name"),
        channel: ChannelName::new("c:d/e.f").expect("a name"),
        quantity,
    };
    let Column { micros, values, quality, .. } = column;
    let mut lines = Lines::default();
    lines.push(&Readings { key, micros, values, quality });
    assert_eq!(lines.len(), taken.len());
    for (i, point) in taken.iter().enumerate() {
        let line = std::str::from_utf8(lines.slice(i, i + 1)).expect("text");
        let line = line.strip_suffix('\n').expect("a newline");
        assert!(!line.contains('\n'));
        let (_, _, rest) = part(line, ",");
        let (_, rest) = pairs(rest);
        let (fields, time) = pairs(rest);
        assert_eq!(time.parse(), Ok(point.micros));
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let name = if point.quality.usable() { "value" } else { "failed" };
        let counts = field(name).map(|text| {
            let places = text.split_once('.').map_or(0, |(_, places)| places.len());
            assert_eq!(places, usize::from(quantity.decimals()));
            text.replace('.', "").parse::<i64>().expect("a number")
        });
        assert_eq!(counts, point.value);
        assert_eq!(field("quality"), Some(format!("{}i", point.quality.flag as u8).as_str()));
        assert_eq!(field("tests"), Some(format!("{}i", point.quality.tests.bits()).as_str()));
        assert_eq!(fields.len(), 2 + usize::from(point.value.is_some()));
    }
});
