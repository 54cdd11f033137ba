//! Readings as line protocol.
//!
//! `tram,channel=water_level,quantity=water_level,station=lao-cai-river-01
//! value=86.910,quality=1i,tests=0i 1790000000000000`, on one line: the tags in order of their
//! names, the value in the quantity's unit with exactly its decimals, quality and tests as the
//! numbers they are on the wire, the time in microseconds since 1970.
//!
//! The value of a reading that failed its tests is the field `failed` instead: whoever asks an
//! engine for a mean of `value` has what this program would answer. A missing reading has neither.
//!
//! Line protocol cannot carry a newline in a tag and gives a backslash two meanings, so those,
//! every other control character and `%` are written as `%` and two hexadecimal digits a byte;
//! comma, equals sign and space get the backslash the protocol has for them.

use std::{borrow::Cow, fmt::Write};

use tram_pipeline::{DatastreamKey, Readings};
use tram_wire::Point;

/// What the points are called; `VictoriaMetrics` makes `tram_value` of it.
pub const MEASUREMENT: &str = "tram";
/// The most bytes of a tag's value before escaping; what is longer is cut at a character.
pub const MAX_TAG_BYTES: usize = 256;

/// Lines of readings, one behind the other.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// Where each line ends, behind its newline.
    ends: Vec<usize>,
    /// What all lines of a column begin with.
    prefix: Vec<u8>,
}

impl Lines {
    /// Adds every reading of a column.
    pub fn push(&mut self, readings: &Readings) {
        let DatastreamKey { node, channel, quantity } = &readings.key;
        self.prefix.clear();
        self.prefix.extend_from_slice(MEASUREMENT.as_bytes());
        tag(&mut self.prefix, "channel", channel.as_str());
        tag(&mut self.prefix, "quantity", quantity.name());
        tag(&mut self.prefix, "station", node.as_str());
        for point in readings.points() {
            self.bytes.extend_from_slice(&self.prefix);
            fields(&mut self.bytes, &point, quantity.decimals());
            self.ends.push(self.bytes.len());
        }
    }

    /// How many readings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The size of all lines together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all lines, and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The lines from `from` up to before `to`.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(self.start(from)..self.start(to)).unwrap_or_default()
    }

    /// The first line behind `from` that no longer fits in `bytes` together with those before it;
    /// at least one always fits.
    #[must_use]
    pub fn fit(&self, from: usize, bytes: usize) -> usize {
        let bound = self.start(from).saturating_add(bytes);
        let fits = self.ends.partition_point(|end| *end <= bound);
        fits.max(from.saturating_add(1)).min(self.len())
    }

    /// Where a line begins.
    fn start(&self, line: usize) -> usize {
        match line.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(self.bytes.len()),
            None => 0,
        }
    }
}

/// Appends `,name=value`. `name` is our own. An empty value is no tag: the protocol has none.
pub fn tag(out: &mut Vec<u8>, name: &str, value: &str) {
    let value = stored(value);
    if value.is_empty() {
        return;
    }
    out.push(b',');
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
    for byte in value.bytes() {
        if matches!(byte, b',' | b'=' | b' ') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// A name as engines hold it in a tag, and as they are to be asked for it.
#[must_use]
pub fn stored(value: &str) -> Cow<'_, str> {
    let value = cut(value);
    let odd = |c: char| matches!(c, '\\' | '%' | '"') || c.is_control();
    if !value.contains(odd) {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        if odd(c) { percent(&mut text, c) } else { text.push(c) }
    }
    Cow::Owned(text)
}

/// The beginning of a value, at most [`MAX_TAG_BYTES`], whole characters.
fn cut(value: &str) -> &str {
    let ends = value.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.take_while(|end| *end <= MAX_TAG_BYTES).last().unwrap_or(0);
    value.get(..end).unwrap_or_default()
}

fn percent(out: &mut String, c: char) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        // Writing to a string does not fail.
        let _ = write!(out, "%{byte:02X}");
    }
}

/// Appends the fields, the time and the newline.
fn fields(out: &mut Vec<u8>, point: &Point, decimals: u8) {
    out.push(b' ');
    if let Some(counts) = point.value {
        out.extend_from_slice(if point.quality.usable() { b"value=" } else { b"failed=" });
        if counts < 0 {
            out.push(b'-');
        }
        number(out, counts.unsigned_abs(), usize::from(decimals));
        out.push(b',');
    }
    out.extend_from_slice(b"quality=");
    number(out, u64::from(point.quality.flag as u8), 0);
    out.extend_from_slice(b"i,tests=");
    number(out, u64::from(point.quality.tests.bits()), 0);
    out.extend_from_slice(b"i ");
    if point.micros < 0 {
        out.push(b'-');
    }
    number(out, point.micros.unsigned_abs(), 0);
    out.push(b'\n');
}

/// Appends `counts` as a decimal number with a point before its last `decimals` digits.
fn number(out: &mut Vec<u8>, mut counts: u64, decimals: usize) {
    let from = out.len();
    let mut digits = 0;
    while counts > 0 || digits <= decimals {
        if digits == decimals && decimals > 0 {
            out.push(b'.');
        }
        // A remainder of ten is below ten.
        out.push(b'0' + u8::try_from(counts % 10).unwrap_or(0));
        counts /= 10;
        digits += 1;
    }
    if let Some(written) = out.get_mut(from..) {
        written.reverse();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tram_wire::{Flag, Quality, Tests};

    use super::*;
    use crate::tests::{good, readings_of};

    /// A line taken apart as the protocol says: tags, fields, time.
    type Parsed = (Vec<(String, String)>, Vec<(String, String)>, i64);

    /// Cuts at `at` where no backslash stands before it.
    fn split(text: &str, at: char) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut escaped = false;
        for c in text.chars() {
            if c == at && !escaped {
                parts.push(String::new());
            } else {
                parts.last_mut().unwrap().push(c);
            }
            escaped = c == '\\' && !escaped;
        }
        parts
    }

    fn unescape(text: &str) -> String {
        let text = text.replace("\\,", ",").replace("\\=", "=").replace("\\ ", " ");
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, more)) = rest.split_first() {
            rest = more;
            if *first == b'%' {
                let digits = std::str::from_utf8(&more[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &more[2..];
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    fn pair(text: &str) -> (String, String) {
        let parts = split(text, '=');
        assert_eq!(parts.len(), 2, "{text}");
        (unescape(&parts[0]), unescape(&parts[1]))
    }

    fn parse(line: &str) -> Parsed {
        let parts = split(line, ' ');
        assert_eq!(parts.len(), 3, "{line}");
        let tags = split(&parts[0], ',');
        assert_eq!(tags[0], MEASUREMENT);
        let fields = split(&parts[1], ',').iter().map(|f| pair(f)).collect();
        (tags[1..].iter().map(|t| pair(t)).collect(), fields, parts[2].parse().unwrap())
    }

    #[test]
    fn a_reading_is_a_line() {
        let mut lines = Lines::default();
        lines.push(&readings_of(&[
            good(1_790_000_000_000_000, 86_910),
            Point { micros: -1, value: None, quality: Quality::missing(Tests::SENSOR_ERROR) },
        ]));
        let text = std::str::from_utf8(lines.slice(0, 2)).unwrap();
        let tags = "tram,channel=water_level,quantity=water_level,station=lao-cai-river-01";
        assert_eq!(
            text,
            format!(
                "{tags} value=86.910,quality=1i,tests=0i 1790000000000000\n\
                 {tags} quality=9i,tests=32i -1\n"
            )
        );
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let name = "ạ".repeat(100);
        assert_eq!(cut(&name), "ạ".repeat(85));
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn lines_are_cut_where_they_end() {
        let mut lines = Lines::default();
        lines.push(&readings_of(&[good(1, 1), good(2, 2), good(3, 3)]));
        let line = lines.bytes() / 3;
        assert_eq!(lines.slice(0, 3).len(), lines.bytes());
        assert!(lines.slice(1, 2).ends_with(b" 2\n"));
        assert_eq!(lines.fit(0, 2 * line), 2);
        assert_eq!(lines.fit(0, 2 * line - 1), 1);
        assert_eq!(lines.fit(1, 0), 2, "one always fits");
        assert_eq!(lines.fit(2, usize::MAX), 3);
    }

    /// Text that is up to something, and any text.
    fn names() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ ,=\\\\\"\n\r\t%#a0\u{0}\u{85}\u{2028}trạm]{1,40}",
            any::<String>().prop_filter("a tag is not empty", |s| !s.is_empty()),
        ]
    }

    proptest! {
        #[test]
        fn whatever_a_name_holds_it_comes_back_and_nothing_else(a in names(), b in names()) {
            let mut out = MEASUREMENT.as_bytes().to_vec();
            tag(&mut out, "a", &a);
            tag(&mut out, "b", &b);
            fields(&mut out, &good(5, 77_512), 3);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(text.matches('\n').count(), 1);
            let (tags, fields, time) = parse(text.strip_suffix('\n').unwrap());
            prop_assert_eq!(tags, vec![("a".to_owned(), cut(&a).to_owned()), ("b".to_owned(), cut(&b).to_owned())]);
            prop_assert_eq!(fields.len(), 3);
            prop_assert_eq!(time, 5);
        }

        #[test]
        fn an_engine_holds_the_name_it_is_asked_for(name in names()) {
            let mut out = Vec::new();
            tag(&mut out, "a", &name);
            // What an engine makes of it: the protocol's own escapes go, everything else stays.
            let held = String::from_utf8(out).unwrap().replacen(",a=", "", 1).replace('\\', "");
            prop_assert_eq!(held, stored(&name));
        }

        #[test]
        fn no_reader_finds_more_separators_than_there_are(name in names()) {
            // Some readers take a separator for escaped when the byte before it is a backslash,
            // whatever is before that; others count backslashes. Here both see the same.
            let mut out = Vec::new();
            tag(&mut out, "a", &name);
            for (i, byte) in out.iter().enumerate() {
                prop_assert!(*byte != b'\\' || b",= ".contains(&out[i + 1]));
                prop_assert!(*byte >= 0x20 && *byte != 0x7f);
            }
        }

        #[test]
        fn values_times_and_qualities_come_back(
            value in proptest::option::of(any::<i64>()),
            micros in any::<i64>(),
            flag in prop_oneof![Just(Flag::Good), Just(Flag::Suspect), Just(Flag::Fail)],
            bits in 0..0x400_u16,
            decimals in 0..7_u8,
        ) {
            let quality = Quality { flag, tests: Tests::from_bits(bits).unwrap() };
            let mut out = b"tram,a=b".to_vec();
            fields(&mut out, &Point { micros, value, quality }, decimals);
            let text = String::from_utf8(out).unwrap();
            let (_, fields, time) = parse(text.strip_suffix('\n').unwrap());
            prop_assert_eq!(time, micros);
            let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            let name = if quality.usable() { "value" } else { "failed" };
            prop_assert_eq!(fields.len(), 2 + usize::from(value.is_some()));
            let counts = field(name).map(|text| {
                let places = text.split_once('.').map_or(0, |(_, places)| places.len());
                assert_eq!(places, usize::from(decimals));
                text.replace('.', "").parse::<i64>().unwrap()
            });
            prop_assert_eq!(counts, value);
            prop_assert_eq!(field("quality"), Some(format!("{}i", flag as u8)));
            prop_assert_eq!(field("tests"), Some(format!("{bits}i")));
        }
    }
}
