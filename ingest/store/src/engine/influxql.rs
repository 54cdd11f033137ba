//! `InfluxDB` 1: `InfluxQL` out, JSON in chunks in.

use std::fmt::Write;

use serde::Deserialize;

use super::{
    EngineError, Series,
    field::{Ask, Fold, Samples},
    http::{Http, with},
    lines::{Document, JsonLines, LINE_VALUES},
};
use crate::sink::MEASUREMENT;

/// An `InfluxDB` 1.
#[derive(Debug)]
pub(super) struct Influxql {
    url: String,
}

impl Influxql {
    pub(super) fn new(base: &str, database: &str) -> Self {
        let arguments =
            [("db", database), ("epoch", "u"), ("chunked", "true"), ("chunk_size", LINE_VALUES)];
        Self { url: with(&format!("{base}/query"), &arguments) }
    }

    pub(super) fn ask(
        &self,
        http: &Http,
        series: &Series,
        ask: Ask,
        from: i64,
        to: i64,
    ) -> Result<Samples, EngineError> {
        let url = with(&self.url, &[("q", &query(series, ask, from, to))]);
        Ok(Box::new(JsonLines::<Chunk>::new(http.get(&url)?)))
    }
}

/// The question in `InfluxQL`.
fn query(series: &Series, ask: Ask, from: i64, to: i64) -> String {
    let mut text = match ask {
        Ask::Each(field) => format!("SELECT \"{}\"", field.name()),
        Ask::Steps(fold, _) => format!("SELECT {}(\"{}\")", fold.name(), fold.field().name()),
    };
    let _ = write!(text, " FROM \"{MEASUREMENT}\" WHERE time >= {from}u AND time < {to}u");
    for (tag, value) in series.tags() {
        let _ = write!(text, " AND \"{tag}\" = {}", string(value));
    }
    if let Ask::Steps(fold, step) = ask {
        if fold == Fold::Good {
            text.push_str(" AND \"quality\" = 1");
        }
        let _ = write!(text, " GROUP BY time({step}u) fill(none)");
    }
    text
}

/// A string literal of `InfluxQL`. Names were [`stored`](crate::sink::stored) without backslashes
/// and control characters, so only the quotation mark is left.
fn string(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    results: Vec<Outcome>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    series: Vec<Part>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    values: Vec<(i64, Option<f64>)>,
}

impl Document for Chunk {
    fn samples(self) -> Result<Vec<(i64, f64)>, EngineError> {
        let mut samples = Vec::new();
        let mut errors: Vec<_> = self.error.into_iter().collect();
        for outcome in self.results {
            errors.extend(outcome.error);
            for part in outcome.series {
                samples.extend(part.values.into_iter().filter_map(|(t, v)| Some((t, v?))));
            }
        }
        match errors.pop() {
            Some(error) => Err(EngineError::GaveUp(error)),
            None => Ok(samples),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::field::Field;

    #[test]
    fn the_questions_are_influxql() {
        let series =
            Series { station: "s".to_owned(), channel: "o'clock \\".to_owned(), quantity: "rain" };
        let tags = "\"station\" = 's' AND \"channel\" = 'o\\'clock \\\\' AND \"quantity\" = 'rain'";
        assert_eq!(
            query(&series, Ask::Each(Field::Value), -1, 5),
            format!("SELECT \"value\" FROM \"tram\" WHERE time >= -1u AND time < 5u AND {tags}")
        );
        assert_eq!(
            query(&series, Ask::Steps(Fold::Good, 60_000_000), 0, 5),
            format!(
                "SELECT count(\"quality\") FROM \"tram\" WHERE time >= 0u AND time < 5u AND {tags} \
                 AND \"quality\" = 1 GROUP BY time(60000000u) fill(none)"
            )
        );
    }

    #[test]
    fn an_error_in_an_answer_is_one() {
        let read = |text: &str| serde_json::from_str::<Chunk>(text).unwrap().samples();
        let missing = r#"{"results":[{"statement_id":0,"error":"database not found: nope"}]}"#;
        assert_eq!(read(missing), Err(EngineError::GaveUp("database not found: nope".to_owned())));
        let values = r#"{"results":[{"statement_id":0,"series":[{"name":"tram","columns":["time","value"],"values":[[5,1.5],[6,null]],"partial":true}],"partial":true}]}"#;
        assert_eq!(read(values), Ok(vec![(5, 1.5)]));
        assert_eq!(read(r#"{"results":[{"statement_id":0}]}"#), Ok(vec![]));
    }
}
