//! `InfluxDB` 2: Flux out, annotated CSV in.

use std::fmt::Write;

use serde::Serialize;

use super::{
    AnnotatedCsv, EngineError, Series,
    error::malformed,
    field::{Ask, Fold, Samples},
    http::{Answer, Http, with},
};
use crate::{calendar::rfc3339, export::Time, sink::MEASUREMENT};

/// An `InfluxDB` 2.
#[derive(Debug)]
pub(super) struct Flux {
    url: String,
    bucket: String,
}

#[derive(Serialize)]
struct Question<'a> {
    query: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    dialect: Dialect,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dialect {
    header: bool,
    delimiter: &'static str,
    annotations: [&'static str; 3],
    date_time_format: &'static str,
}

const DIALECT: Dialect = Dialect {
    header: true,
    delimiter: ",",
    annotations: ["datatype", "group", "default"],
    date_time_format: "RFC3339Nano",
};

impl Flux {
    pub(super) fn new(base: &str, org: &str, bucket: &str) -> Self {
        let url = with(&format!("{base}/api/v2/query"), &[("org", org)]);
        Self { url, bucket: bucket.to_owned() }
    }

    pub(super) fn ask(
        &self,
        http: &Http,
        series: &Series,
        ask: Ask,
        from: i64,
        to: i64,
    ) -> Result<Samples, EngineError> {
        let query = query(&self.bucket, series, ask, from, to);
        let question = Question { query: &query, kind: "flux", dialect: DIALECT };
        // Text is always JSON.
        let json = serde_json::to_string(&question).unwrap_or_default();
        let step = match ask {
            Ask::Each(_) => None,
            Ask::Steps(_, step) => Some(step),
        };
        let answer = http.post(&self.url, &json)?;
        Ok(Box::new(Records { csv: AnnotatedCsv::new(answer), step, done: false }))
    }
}

/// The question in Flux. Everything in it that is not ours is a [`string`].
fn query(bucket: &str, series: &Series, ask: Ask, from: i64, to: i64) -> String {
    let (field, rest) = match ask {
        Ask::Each(field) => (field, String::new()),
        Ask::Steps(fold, step) => (fold.field(), steps(fold, step)),
    };
    let mut text = format!(
        "from(bucket: {}) |> range(start: {}, stop: {}) |> filter(fn: (r) => r._measurement == {} and r._field == {}",
        string(bucket),
        Time(from),
        Time(to),
        string(MEASUREMENT),
        string(field.name()),
    );
    for (tag, value) in series.tags() {
        // Writing to a string does not fail, here and below.
        let _ = write!(text, " and r.{tag} == {}", string(value));
    }
    let _ = write!(text, "){rest} |> keep(columns: [\"_time\", \"_value\"])");
    text
}

/// Steps of whole seconds begin where this program's do, at multiples of their length since 1970.
fn steps(fold: Fold, step: i64) -> String {
    let good = match fold {
        Fold::Good => " |> filter(fn: (r) => r._value == 1)",
        _ => "",
    };
    format!(
        "{good} |> aggregateWindow(every: {}s, fn: {}, createEmpty: false, timeSrc: \"_start\")",
        step / 1_000_000,
        fold.name()
    )
}

/// A string literal of Flux. What could end it, begin an expression in it (`${`) or an escape, and
/// every control character, is written as `\x` and two hexadecimal digits a byte.
#[must_use]
pub fn string(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$') || c.is_control() {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(literal, "\\x{byte:02x}");
            }
        } else {
            literal.push(c);
        }
    }
    literal.push('"');
    literal
}

/// The records of an answer.
struct Records {
    csv: AnnotatedCsv<Answer>,
    step: Option<i64>,
    done: bool,
}

impl Records {
    fn sample(&mut self) -> Result<Option<(i64, f64)>, EngineError> {
        while let Some(row) = self.csv.row()? {
            let time = row.get("_time").ok_or_else(|| malformed("a record has no `_time`"))?;
            let time = rfc3339(time).ok_or_else(|| malformed(format!("`{time}` is not a time")))?;
            // The value of an empty step is an empty cell.
            let Some(value) = row.get("_value") else { continue };
            let value: f64 =
                value.parse().map_err(|_| malformed(format!("`{value}` is not a number")))?;
            let time = match self.step {
                Some(step) => time.div_euclid(step).saturating_mul(step),
                None => time,
            };
            return Ok(Some((time, value)));
        }
        Ok(None)
    }
}

impl Iterator for Records {
    type Item = Result<(i64, f64), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let sample = self.sample();
        self.done = !matches!(sample, Ok(Some(_)));
        sample.transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::field::Field;

    /// Reads a literal as the Flux specification says ("String literals"): the text, and what
    /// stands behind it. `None` when it does not end or holds an expression.
    fn unquote(source: &str) -> Option<(String, &str)> {
        let mut bytes = Vec::new();
        let mut rest = source.strip_prefix('"')?.as_bytes();
        loop {
            let (first, more) = rest.split_first()?;
            rest = more;
            match first {
                b'"' => break,
                b'$' if rest.starts_with(b"{") => return None,
                b'\\' => {
                    let (escape, more) = rest.split_first()?;
                    rest = more;
                    match escape {
                        b'x' => {
                            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                            bytes.push(u8::from_str_radix(digits, 16).ok()?);
                            rest = rest.get(2..)?;
                        }
                        b'n' => bytes.push(b'\n'),
                        b'r' => bytes.push(b'\r'),
                        b't' => bytes.push(b'\t'),
                        b'"' | b'\\' => bytes.push(*escape),
                        b'$' if rest.starts_with(b"{") => bytes.push(b'$'),
                        _ => return None,
                    }
                }
                byte => bytes.push(*byte),
            }
        }
        Some((String::from_utf8(bytes).ok()?, std::str::from_utf8(rest).ok()?))
    }

    #[test]
    fn the_questions_are_flux() {
        let series = Series {
            station: "lao-cai-river-01".to_owned(),
            channel: "a'b ${r} \"".to_owned(),
            quantity: "water_level",
        };
        assert_eq!(
            query("tram", &series, Ask::Each(Field::Failed), 0, 60_000_000),
            "from(bucket: \"tram\") |> range(start: 1970-01-01T00:00:00Z, stop: 1970-01-01T00:01:00Z) \
             |> filter(fn: (r) => r._measurement == \"tram\" and r._field == \"failed\" \
             and r.station == \"lao-cai-river-01\" and r.channel == \"a'b \\x24{r} \\x22\" \
             and r.quantity == \"water_level\") |> keep(columns: [\"_time\", \"_value\"])"
        );
        let good = query("b", &series, Ask::Steps(Fold::Good, 300_000_000), 0, 1);
        let end = "r._value == 1) |> aggregateWindow(every: 300s, fn: count, createEmpty: false, \
                   timeSrc: \"_start\") |> keep(columns: [\"_time\", \"_value\"])";
        assert!(good.ends_with(end), "{good}");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_literal(
            text in prop_oneof!["[\"\\\\${}x0n\n\r\t|> \u{0}\u{85}trạm]{0,40}", any::<String>()],
        ) {
            let literal = string(&text) + "|> drop()";
            prop_assert_eq!(unquote(&literal), Some((text, "|> drop()")));
        }
    }
}
