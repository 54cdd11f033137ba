//! `/api/v1/history`: readings or aggregates of one datastream, streamed with bounded memory, from
//! the centre's own store or from the engine of a sink.

mod json;
mod question;
mod stream;

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tram_store::{
    Aggregates, Bucket, History, Reading,
    export::{self, ExportError},
};
use tram_wire::UnixMicros;

use super::{
    App, Refusal,
    asked::Asked,
    gaps::{self, GapRow},
};
use crate::{clock, config::Reader};
pub(super) use question::time_span;
use question::{Checked, Format, Question};
pub(crate) use question::{functions, step};

/// The most answers that are being written at once; each holds a thread and a chunk of readings.
pub(crate) const MAX_ANSWERS: usize = 16;

/// The readings of a channel over a range of time, or their aggregates by steps.
#[utoipa::path(get, path = "/api/v1/history", tag = "readings", params(Question),
    responses((status = 200, description = "Readings or aggregates, as JSON, CSV or Parquet", body = json::HistoryAnswer),
        (status = 400, description = "The question cannot be answered", body = Refusal),
        (status = 404, description = "No such channel", body = Refusal),
        (status = 503, description = "Too many at once, or the engine that holds the history is away", body = Refusal)))]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Asked(question): Asked<Question>,
) -> Result<Response, Refusal> {
    let mut checked = question.check(&app, clock::now())?;
    let place = Arc::clone(&app.answers)
        .try_acquire_owned()
        .map_err(|_| Refusal::busy(format!("{MAX_ANSWERS} histories are being read already")))?;
    let headers = headers(&checked);
    let (mut out, body) = stream::pipe();
    let (opened, open) = tokio::sync::oneshot::channel();
    let asked = Arc::clone(&app);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let source = look_up_gaps(&app, &mut checked).and_then(|()| Source::open(&app, &checked));
        match source {
            Ok(source) => {
                // Whoever asked may have gone.
                let _ = opened.send(Ok(()));
                let written = source.write(&mut out, &checked);
                out.finish(written);
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        }
    });
    match open.await {
        Ok(Ok(())) => Ok((headers, body).into_response()),
        Ok(Err(error)) => Err(refusal(&asked, &error)),
        Err(_) => Err(Refusal::busy("the answer was given up")),
    }
}

/// What is missing stands beside what is there. Only JSON has a place for it.
fn look_up_gaps(app: &App, asked: &mut Checked) -> Result<(), ExportError> {
    if asked.format == Format::Json {
        let (key, time) = (&asked.key, (asked.from, asked.to));
        let found = app.store.gaps(&key.node, Some(&key.channel), time, gaps::MAX_LIMIT)?;
        let station = key.node.to_string();
        asked.gaps = found.iter().map(|gap| GapRow::new(&station, gap)).collect();
    }
    Ok(())
}

/// What the answer is read from.
enum Source {
    Readings(Readings),
    Buckets(Steps),
}

/// Readings from whichever store answers.
enum Readings {
    Embedded(Box<History>),
    Engine(Box<dyn Iterator<Item = Result<Reading, ExportError>>>),
}

impl Readings {
    /// The ranges so far that are damaged.
    fn missing(&self) -> &[(UnixMicros, UnixMicros)] {
        match self {
            Self::Embedded(history) => history.missing(),
            Self::Engine(_) => &[],
        }
    }
}

impl Iterator for Readings {
    type Item = Result<Reading, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Embedded(history) => history.next().map(|r| Ok(r?)),
            Self::Engine(readings) => readings.next(),
        }
    }
}

/// Steps of time from whichever store answers.
enum Steps {
    Embedded(Box<Aggregates>),
    Engine(Box<dyn Iterator<Item = Result<Bucket, ExportError>>>),
}

impl Steps {
    /// The ranges so far of which nothing is known any more.
    fn missing(&self) -> &[(UnixMicros, UnixMicros)] {
        match self {
            Self::Embedded(aggregates) => aggregates.missing(),
            Self::Engine(_) => &[],
        }
    }
}

impl Iterator for Steps {
    type Item = Result<Bucket, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Embedded(aggregates) => aggregates.next().map(|b| Ok(b?)),
            Self::Engine(buckets) => buckets.next(),
        }
    }
}

impl Source {
    fn open(app: &App, asked: &Checked) -> Result<Self, ExportError> {
        let Checked { key, from, to, functions, .. } = asked;
        Ok(match (&app.history, asked.step) {
            (None, None) => {
                let history = app.store.history(key, *from, *to)?;
                Self::Readings(Readings::Embedded(Box::new(history)))
            }
            (None, Some(step)) => {
                let buckets = app.store.aggregate(key, *from, *to, step)?;
                Self::Buckets(Steps::Embedded(Box::new(buckets)))
            }
            (Some(Reader { engine, .. }), None) => {
                let history = engine.history(key, *from, *to)?;
                Self::Readings(Readings::Engine(Box::new(history.map(|r| Ok(r?)))))
            }
            (Some(Reader { engine, .. }), Some(step)) => {
                let buckets = engine.aggregate(key, *from, *to, step, functions)?;
                Self::Buckets(Steps::Engine(Box::new(buckets.map(|b| Ok(b?)))))
            }
        })
    }

    fn write(self, out: &mut stream::Writer, asked: &Checked) -> Result<(), ExportError> {
        let (key, functions) = (&asked.key, &asked.functions);
        match (self, asked.format) {
            (Self::Readings(h), Format::Json) => return json::readings(out, asked, h),
            (Self::Buckets(b), Format::Json) => return json::buckets(out, asked, b),
            (Self::Readings(h), Format::Csv) => export::csv(out, key, h)?,
            (Self::Buckets(b), Format::Csv) => export::csv_aggregates(out, key, b, functions)?,
            (Self::Readings(h), Format::Parquet) => export::parquet(out, key, h)?,
            (Self::Buckets(b), Format::Parquet) => {
                export::parquet_aggregates(out, key, b, functions)?
            }
        };
        Ok(())
    }
}

/// Why there is no answer: the store is broken, or the engine is not there.
fn refusal(app: &App, error: &ExportError) -> Refusal {
    match (error, &app.history) {
        (ExportError::Engine(error), Some(Reader { sink, .. })) => {
            // Whoever draws a chart asks every few seconds; the sink has said it in the journal.
            tracing::debug!(sink, %error, "no history");
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the history comes from the engine of the sink `{sink}`: {error}"),
                "look after that engine, or write from = \"embedded\" in the section [history] and start the centre again; everything else here goes on without it",
            )
        }
        _ => Refusal::broken(error),
    }
}

fn headers(asked: &Checked) -> [(header::HeaderName, HeaderValue); 2] {
    let (content_type, end) = match asked.format {
        Format::Json => ("application/json", "json"),
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Parquet => ("application/vnd.apache.parquet", "parquet"),
    };
    // A channel of a third-party device may hold characters that are no file's name.
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String =
        format!("{}_{}", asked.key.node, asked.key.channel).chars().map(safe).collect();
    let kind = if asked.format == Format::Json { "inline" } else { "attachment" };
    let disposition = HeaderValue::from_str(&format!("{kind}; filename=\"{name}.{end}\""));
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (
            header::CONTENT_DISPOSITION,
            disposition.unwrap_or_else(|_| HeaderValue::from_static("inline")),
        ),
    ]
}
