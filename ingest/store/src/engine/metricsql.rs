//! `VictoriaMetrics`: its export for readings, `MetricsQL` for steps, JSON in.
//!
//! It holds times in milliseconds: a reading is at the millisecond its time was cut to, and of
//! several in one millisecond it keeps one.

use std::{collections::VecDeque, fmt::Write, io::Read, sync::Arc};

use serde::Deserialize;

use super::{
    EngineError, Series,
    error::malformed,
    field::{Ask, Field, Fold, Samples},
    http::{Http, with},
    lines::{Document, JsonLines, LINE_VALUES},
};
use crate::sink::MEASUREMENT;

/// The shortest step it is asked to aggregate by: of shorter ones it repeats the last values of
/// the last half minute, which it takes for incomplete.
pub(super) const SHORTEST_STEP: i64 = 60_000_000;
/// How many steps it is asked for at once; it refuses more than 30,000.
const PAGE_STEPS: i64 = 10_000;
/// The largest answer with so many steps.
const MAX_PAGE_BYTES: u64 = 8 << 20;

/// A `VictoriaMetrics`.
#[derive(Debug)]
pub(super) struct Metricsql {
    base: String,
}

impl Metricsql {
    pub(super) fn new(base: &str) -> Self {
        Self { base: base.to_owned() }
    }

    pub(super) fn ask(
        &self,
        http: &Arc<Http>,
        series: &Series,
        ask: Ask,
        from: i64,
        to: i64,
    ) -> Result<Samples, EngineError> {
        // It knows no time before 1970. A reading is in the range when its millisecond is.
        let (from, last) = (from.max(0).saturating_add(999) / 1_000, (to.max(1) - 1) / 1_000);
        match ask {
            Ask::Each(field) => {
                let url = with(
                    &format!("{}/api/v1/export", self.base),
                    &[
                        ("match[]", &selector(series, field)),
                        ("start", &seconds(from)),
                        ("end", &seconds(last)),
                        ("max_rows_per_line", LINE_VALUES),
                    ],
                );
                Ok(Box::new(JsonLines::<Exported>::new(http.get(&url)?)))
            }
            Ask::Steps(fold, step) => {
                let pages = Pages {
                    http: Arc::clone(http),
                    url: format!("{}/api/v1/query_range", self.base),
                    query: folded(series, fold, step),
                    step: step / 1_000,
                    // The first step's last millisecond, at which its number stands.
                    next: from + step / 1_000 - 1,
                    last,
                    samples: VecDeque::new(),
                    done: false,
                };
                Ok(Box::new(pages.begun()?))
            }
        }
    }
}

/// The series of a field.
fn selector(series: &Series, field: Field) -> String {
    let mut text = format!("{{__name__=\"{MEASUREMENT}_{}\"", field.name());
    for (tag, value) in series.tags() {
        let _ = write!(text, ",{tag}={}", string(value));
    }
    text.push('}');
    text
}

/// What is asked for at the end of each step, about the time since its start.
fn folded(series: &Series, fold: Fold, step: i64) -> String {
    let window = format!("{}[{}s]", selector(series, fold.field()), step / 1_000_000);
    match fold {
        Fold::Count | Fold::Total => format!("count_over_time({window})"),
        Fold::Sum => format!("sum_over_time({window})"),
        Fold::Min => format!("min_over_time({window})"),
        Fold::Max => format!("max_over_time({window})"),
        Fold::Last => format!("last_over_time({window})"),
        Fold::Good => format!("count_eq_over_time({window}, 1)"),
    }
}

/// A string literal of `MetricsQL`, which are those of Go. Names were
/// [`stored`](crate::sink::stored) without quotation marks, backslashes and control characters.
fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Milliseconds as seconds.
fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

#[derive(Deserialize)]
struct Exported {
    values: Vec<Option<f64>>,
    timestamps: Vec<i64>,
}

impl Document for Exported {
    fn samples(self) -> Result<Vec<(i64, f64)>, EngineError> {
        if self.values.len() != self.timestamps.len() {
            return Err(malformed("values and times differ in number"));
        }
        let pairs = self.timestamps.into_iter().zip(self.values);
        Ok(pairs.filter_map(|(t, v)| Some((t.saturating_mul(1_000), v?))).collect())
    }
}

/// The numbers of steps, a page of them at a time.
struct Pages {
    http: Arc<Http>,
    url: String,
    query: String,
    /// Milliseconds, as all times here.
    step: i64,
    next: i64,
    last: i64,
    samples: VecDeque<(i64, f64)>,
    done: bool,
}

#[derive(Deserialize)]
struct Matrix {
    data: MatrixData,
}

#[derive(Deserialize)]
struct MatrixData {
    result: Vec<MatrixSeries>,
}

#[derive(Deserialize)]
struct MatrixSeries {
    values: Vec<(f64, String)>,
}

impl Pages {
    /// With the first page, so that an engine that is not there is known at once.
    fn begun(mut self) -> Result<Self, EngineError> {
        self.page()?;
        Ok(self)
    }

    fn page(&mut self) -> Result<(), EngineError> {
        let steps = ((self.last - self.next) / self.step).min(PAGE_STEPS - 1);
        if self.next > self.last {
            self.done = true;
            return Ok(());
        }
        let end = self.next + steps * self.step;
        let arguments = [
            ("query", self.query.as_str()),
            ("start", &seconds(self.next)),
            ("end", &seconds(end)),
            ("step", &seconds(self.step)),
            // It would move start and end otherwise.
            ("nocache", "1"),
        ];
        let answer = self.http.get(&with(&self.url, &arguments))?;
        let matrix: Matrix = serde_json::from_reader(answer.take(MAX_PAGE_BYTES))
            .map_err(|e| malformed(e.to_string()))?;
        if matrix.data.result.len() > 1 {
            return Err(malformed("it holds this channel as more than one series"));
        }
        for (at, value) in matrix.data.result.into_iter().flat_map(|s| s.values) {
            let value: f64 =
                value.parse().map_err(|_| malformed(format!("`{value}` is not a number")))?;
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
            let millis = (at * 1_000.0).round() as i64;
            self.samples.push_back(((millis + 1 - self.step).saturating_mul(1_000), value));
        }
        self.next = end + self.step;
        Ok(())
    }
}

impl Iterator for Pages {
    type Item = Result<(i64, f64), EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(sample) = self.samples.pop_front() {
                return Some(Ok(sample));
            }
            if self.done {
                return None;
            }
            if let Err(error) = self.page() {
                self.done = true;
                return Some(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_questions_are_metricsql() {
        let series =
            Series { station: "s".to_owned(), channel: "a\"b".to_owned(), quantity: "rain" };
        let tags = "station=\"s\",channel=\"a\\\"b\",quantity=\"rain\"";
        assert_eq!(
            folded(&series, Fold::Good, 300_000_000),
            format!("count_eq_over_time({{__name__=\"tram_quality\",{tags}}}[300s], 1)")
        );
        assert_eq!(
            selector(&series, Field::Failed),
            format!("{{__name__=\"tram_failed\",{tags}}}")
        );
        assert_eq!(seconds(1_790_000_039_999), "1790000039.999");
    }
}
