//! A recorded series to play back: CSV with the header `time,channel,value`.
//!
//! `time` is RFC 3339 in UTC (`2013-10-30T18:05:00Z`, up to six decimals of a second), `channel`
//! the channel's name in the station file, `value` a decimal in the quantity's unit. An empty
//! value says that the sensor gave nothing from then until the channel's next row. Rows may mix
//! channels and need not be sorted; one channel has one row at a time.

mod rfc3339;

use std::{collections::BTreeMap, fmt, io::BufRead};

use tram_wire::{ChannelName, Quantity, UnixMicros};

pub(crate) use rfc3339::parse as parse_time;

/// The most rows of a recording.
pub const MAX_RECORDED_ROWS: usize = 2_000_000;

/// The most channels of a recording.
pub const MAX_RECORDED_CHANNELS: usize = 64;

/// The longest line in bytes.
const MAX_LINE_BYTES: usize = 256;

/// A series of values by channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    channels: BTreeMap<ChannelName, Vec<Row>>,
    first: UnixMicros,
    last: UnixMicros,
}

/// One row of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) at: UnixMicros,
    /// In millionths of the unit.
    millionths: Option<i64>,
}

impl Row {
    /// The value in counts of the quantity's resolution, rounded to the nearest.
    pub(crate) fn counts(self, quantity: Quantity) -> Option<i64> {
        let divisor = 1_000_000 / quantity.scale();
        let millionths = self.millionths?;
        let half = (divisor / 2) * millionths.signum();
        Some(millionths.saturating_add(half) / divisor)
    }
}

/// Why a recording cannot be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingError {
    /// The line of the file, from 1; `None` when it is about the whole.
    pub line: Option<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for RecordingError {}

impl Recording {
    /// Reads a recording to its end.
    ///
    /// # Errors
    /// The first line that is wrong, or that there is no row at all.
    pub fn read(mut input: impl BufRead) -> Result<Self, RecordingError> {
        let mut builder = Builder::default();
        let mut line = String::new();
        for number in 1.. {
            let at_line = |message: String| RecordingError { line: Some(number), message };
            line.clear();
            let mut limited = std::io::Read::take(&mut input, MAX_LINE_BYTES as u64);
            let read = limited
                .read_line(&mut line)
                .map_err(|e| at_line(format!("cannot be read: {e}")))?;
            if read == 0 {
                break;
            }
            if read == MAX_LINE_BYTES {
                return Err(at_line(format!("is longer than {MAX_LINE_BYTES} bytes")));
            }
            builder.take(number, line.trim_end()).map_err(at_line)?;
        }
        builder.finish()
    }

    /// Reads a recording from text.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        Self::read(text.as_bytes())
    }

    /// The time of the earliest row.
    #[must_use]
    pub fn first(&self) -> UnixMicros {
        self.first
    }

    /// The time of the latest row.
    #[must_use]
    pub fn last(&self) -> UnixMicros {
        self.last
    }

    /// The channels it has values for.
    pub fn channels(&self) -> impl Iterator<Item = &ChannelName> {
        self.channels.keys()
    }

    /// The rows of a channel in order of time.
    pub(crate) fn rows(&self, channel: &ChannelName) -> Option<&[Row]> {
        self.channels.get(channel).map(Vec::as_slice)
    }

    /// The row that holds at `at`: the last one not later, or the first one before all rows.
    pub(crate) fn row(&self, channel: &ChannelName, at: UnixMicros) -> Option<Row> {
        let rows = self.rows(channel)?;
        let later = rows.partition_point(|r| r.at <= at);
        rows.get(later.saturating_sub(1)).copied()
    }
}

#[derive(Default)]
struct Builder {
    channels: BTreeMap<ChannelName, Vec<(Row, usize)>>,
    rows: usize,
}

impl Builder {
    fn take(&mut self, number: usize, line: &str) -> Result<(), String> {
        if number == 1 {
            let header = line.trim_start_matches('\u{feff}');
            return if header == "time,channel,value" {
                Ok(())
            } else {
                Err("the first line must be `time,channel,value`".into())
            };
        }
        if line.is_empty() {
            return Ok(());
        }
        let mut fields = line.split(',');
        let (Some(time), Some(channel), Some(value), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err("needs three fields: `time,channel,value`".into());
        };
        let at = parse_time(time.trim()).ok_or_else(|| {
            format!("`{time}` is not a time in UTC; write it as `2013-10-30T18:05:00Z`")
        })?;
        let channel = ChannelName::new(channel.trim())
            .map_err(|e| format!("`{channel}` is not a channel's name: {e}"))?;
        let millionths = match value.trim() {
            "" => None,
            v => Some(millionths(v).ok_or_else(|| format!("`{v}` is not a decimal number"))?),
        };
        if self.rows == MAX_RECORDED_ROWS {
            return Err(format!("more than {MAX_RECORDED_ROWS} rows; cut the recording up"));
        }
        if !self.channels.contains_key(&channel) && self.channels.len() == MAX_RECORDED_CHANNELS {
            return Err(format!("more than {MAX_RECORDED_CHANNELS} channels"));
        }
        self.rows += 1;
        self.channels.entry(channel).or_default().push((Row { at, millionths }, number));
        Ok(())
    }

    fn finish(self) -> Result<Recording, RecordingError> {
        let mut channels = BTreeMap::new();
        for (channel, mut rows) in self.channels {
            rows.sort_by_key(|(row, _)| row.at);
            let twice = rows.iter().zip(rows.iter().skip(1)).find(|(a, b)| a.0.at == b.0.at);
            if let Some((_, (_, line))) = twice {
                let message = format!("`{channel}` already has a value at this time");
                return Err(RecordingError { line: Some(*line), message });
            }
            channels.insert(channel, rows.into_iter().map(|(row, _)| row).collect::<Vec<_>>());
        }
        let first = channels.values().filter_map(|rows| rows.first()).map(|r| r.at).min();
        let last = channels.values().filter_map(|rows| rows.last()).map(|r| r.at).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Err(RecordingError { line: None, message: "there is no row to play".into() });
        };
        Ok(Recording { channels, first, last })
    }
}

/// A decimal such as `-12.345` in millionths. Decimals beyond the sixth are dropped.
fn millionths(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let magnitude = whole.checked_mul(1_000_000)?.checked_add(six.parse().ok()?)?;
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(s: &str) -> ChannelName {
        ChannelName::new(s).expect("a name")
    }

    #[test]
    fn rows_of_several_channels_come_back_at_their_resolution() {
        let text = "time,channel,value\n\
            2013-10-30T18:10:00Z,rain,0.2\n\
            2013-10-30T18:05:00Z,water_level,77.5235\n\
            2013-10-30T18:10:00Z,water_level,-0.0005\n\
            2013-10-30T18:15:00Z,water_level,\n";
        let recording = Recording::parse(text).expect("well formed");
        let level = |s: &str| {
            recording
                .row(&name("water_level"), parse_time(s).expect("a time"))
                .and_then(|r| r.counts(Quantity::WaterLevel))
        };
        assert_eq!(level("2013-10-30T18:00:00Z"), Some(77_524));
        assert_eq!(level("2013-10-30T18:09:59.999999Z"), Some(77_524));
        assert_eq!(level("2013-10-30T18:10:00Z"), Some(-1));
        assert_eq!(level("2013-10-30T18:15:00Z"), None);
        let rain = recording.rows(&name("rain")).expect("has rows");
        assert_eq!(rain[0].counts(Quantity::Rain), Some(20));
        assert_eq!(recording.last().since(recording.first()), 600_000_000);
    }

    #[test]
    fn a_mistake_names_its_line_and_what_to_write() {
        for (body, line, part) in [
            ("time,value\n", Some(1), "time,channel,value"),
            ("time,channel,value\n", None, "no row"),
            ("time,channel,value\n2013-10-30 18:05,rain,1\n", Some(2), "2013-10-30T18:05:00Z"),
            ("time,channel,value\n2013-10-30T18:05:00Z,rain,NaN\n", Some(2), "decimal"),
            ("time,channel,value\n2013-10-30T18:05:00Z,rain\n", Some(2), "three fields"),
            ("time,channel,value\n2013-10-30T18:05:00Z,ra in,1\n", Some(2), "name"),
            (
                "time,channel,value\n2013-10-30T18:05:00Z,rain,1\n\n2013-10-30T18:05:00Z,rain,2\n",
                Some(4),
                "already",
            ),
        ] {
            let error = Recording::parse(body).expect_err(body);
            assert_eq!(error.line, line, "{error}");
            assert!(error.message.contains(part), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut text = b"time,channel,value\n".to_vec();
            text.extend(bytes);
            if let Ok(recording) = Recording::read(text.as_slice()) {
                prop_assert!(recording.first() <= recording.last());
            }
        }

        #[test]
        fn a_printed_decimal_is_read_back(value in -10_000_000_000_i64..10_000_000_000) {
            let sign = if value < 0 { "-" } else { "" };
            let m = value.unsigned_abs();
            let text = format!("{sign}{}.{:06}", m / 1_000_000, m % 1_000_000);
            prop_assert_eq!(millionths(&text), Some(value));
        }
    }
}
