//! `/api/v1/gaps`: what stations have lost, why, and what is left of it.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use tram_pipeline::Gap;
use tram_wire::{ChannelName, Quantity, Summary, UnixMicros};
use utoipa::{IntoParams, ToSchema};

use super::{App, Refusal, asked::Asked, blocking, history::time_span};
use crate::{board::in_units, clock, time::rfc3339};

/// How many are shown when the request does not say.
const LIMIT: usize = 1_000;
/// The most that are shown.
pub(super) const MAX_LIMIT: usize = 10_000;

/// Of what, and when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Question {
    /// The station.
    station: String,
    /// Only this channel's, and those of which nobody knows the channel.
    channel: Option<String>,
    /// From this time on, RFC 3339; a day before `to` when absent.
    from: Option<String>,
    /// Up to before this time, RFC 3339; now when absent.
    to: Option<String>,
    /// At most so many, 1 to 10000; 1000 when absent.
    limit: Option<usize>,
}

/// Readings that were taken, or were due, and will never arrive.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct GapRow {
    /// The station.
    station: String,
    /// The channel; null when nobody can tell any more, or when they are of several.
    channel: Option<String>,
    /// What it measures.
    quantity: Option<&'static str>,
    /// The unit of the values.
    unit: Option<&'static str>,
    /// Time of the first lost reading.
    from: String,
    /// Time of the last.
    to: String,
    /// How many.
    readings: u64,
    /// Why: `evicted` (the station's store was full), `thinned` (the same, and the summary is
    /// left), `corrupt` (its card gave back something else), `not_written` (its card refused),
    /// `interrupted` (it was off, held up, or lost power before they were written).
    cause: &'static str,
    /// What is left of them.
    summary: Option<SummaryRow>,
}

/// What is left of readings that were thinned.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SummaryRow {
    /// How many had a value that is good, not evaluated or suspect; the values are of these.
    usable: u64,
    /// Arithmetic mean; of directions that of their vectors. Null when none was usable.
    mean: Option<f64>,
    /// Smallest value; null for directions.
    min: Option<f64>,
    /// Largest value; null for directions.
    max: Option<f64>,
    /// Sum; null for directions.
    sum: Option<f64>,
    /// The worst QARTOD flag of all: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing.
    quality: u8,
    /// The quality tests that fired.
    tests: Vec<&'static str>,
}

impl GapRow {
    pub(super) fn new(station: &str, gap: &Gap) -> Self {
        let quantity = gap.key.map(|key| key.quantity);
        Self {
            station: station.to_owned(),
            channel: gap.key.map(|key| key.channel.to_string()),
            quantity: quantity.map(Quantity::name),
            unit: quantity.map(Quantity::unit),
            from: rfc3339(UnixMicros(gap.from)),
            to: rfc3339(UnixMicros(gap.to)),
            readings: gap.readings,
            cause: gap.cause.name(),
            summary: quantity.zip(gap.summary).map(|(q, s)| SummaryRow::new(q, &s)),
        }
    }
}

impl SummaryRow {
    fn new(quantity: Quantity, s: &Summary) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a sum is shown to people")]
        let (sum, scale) = (s.sum as f64, quantity.scale() as f64);
        let straight = |v: f64| (s.usable > 0 && quantity != Quantity::WindDirection).then_some(v);
        Self {
            usable: s.usable,
            mean: s.mean().map(|mean| mean / scale),
            min: straight(in_units(quantity, s.min)),
            max: straight(in_units(quantity, s.max)),
            sum: straight(sum / scale),
            quality: s.worst.flag as u8,
            tests: s.worst.tests.names().collect(),
        }
    }
}

/// What a station has lost, in order of time.
#[utoipa::path(get, path = "/api/v1/gaps", tag = "readings", params(Question),
    responses((status = 200, description = "What is missing, and why", body = Vec<GapRow>),
        (status = 400, description = "The question cannot be answered", body = Refusal),
        (status = 404, description = "No such station", body = Refusal)))]
pub(super) async fn gaps(
    State(app): State<Arc<App>>,
    Asked(question): Asked<Question>,
) -> Result<Json<Vec<GapRow>>, Refusal> {
    let node = app.station(&question.station)?;
    let channel = question.channel.as_deref().map(|text| {
        ChannelName::new(text).map_err(|_| {
            Refusal::not_found(
                format!("`{text}` is no name of a channel"),
                format!("GET /api/v1/latest?station={node} lists its channels"),
            )
        })
    });
    let channel = channel.transpose()?;
    let (from, to) = (question.from.as_deref(), question.to.as_deref());
    let time = time_span(from, to, clock::now())?;
    let limit = question.limit.unwrap_or(LIMIT).clamp(1, MAX_LIMIT);
    let found = blocking(move || app.store.gaps(&node, channel.as_ref(), time, limit)).await?;
    let found = found.map_err(|e| Refusal::broken(&e))?;
    Ok(Json(found.iter().map(|gap| GapRow::new(&question.station, gap)).collect()))
}
