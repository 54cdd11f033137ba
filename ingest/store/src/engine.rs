//! Reading back from an engine what a [sink](crate::sink) wrote there.
//!
//! [`Engine::history`] and [`Engine::aggregate`] answer what [`Store`](crate::Store) answers, with
//! the same rules: values are counts of the quantity, steps begin at multiples of their length
//! since 1970, only usable values enter an aggregate. What an engine cannot hold, it cannot give
//! back; `docs/engines.md` has the differences.
//!
//! Readings are streamed: one request for each field, merged by time, so that neither the engine
//! nor this program holds more than a piece of each.

mod annotated;
mod error;
mod field;
mod flux;
mod http;
mod influxql;
mod lines;
mod metricsql;
mod readings;
mod steps;

use std::sync::Arc;

use tram_pipeline::DatastreamKey;
use tram_wire::UnixMicros;

pub use annotated::{AnnotatedCsv, Row};
pub use error::EngineError;
pub use flux::string as flux_string;
pub use readings::EngineHistory;
pub use steps::EngineAggregates;

use crate::{
    export::Function,
    sink::{Access, Kind, Place, TargetError, stored},
};
use field::{Ask, Samples};
use http::Http;

/// The earliest and the latest time an engine can be asked about: nanoseconds in 64 bits.
const EARLIEST: i64 = -9_223_372_036_000_000;
const LATEST: i64 = 9_223_372_036_000_000;

/// An engine that is read. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: Arc<Http>,
    dialect: Dialect,
}

/// How an engine is asked.
#[derive(Debug)]
enum Dialect {
    Flux(flux::Flux),
    Influxql(influxql::Influxql),
    Metricsql(metricsql::Metricsql),
}

/// A datastream as an engine knows it.
#[derive(Debug, Clone)]
struct Series {
    station: String,
    channel: String,
    quantity: &'static str,
}

impl Series {
    fn new(key: &DatastreamKey) -> Self {
        Self {
            station: stored(key.node.as_str()).into_owned(),
            channel: stored(key.channel.as_str()).into_owned(),
            quantity: key.quantity.name(),
        }
    }

    /// The tags and their values.
    fn tags(&self) -> [(&'static str, &str); 3] {
        [("station", &self.station), ("channel", &self.channel), ("quantity", self.quantity)]
    }
}

impl Engine {
    /// The engine a sink of this kind writes to at this place. `None` for a kind that cannot be
    /// read.
    ///
    /// # Errors
    /// [`TargetError::Address`].
    pub fn new(kind: Kind, place: &Place, access: &Access) -> Result<Option<Self>, TargetError> {
        let base = place.base()?.to_owned();
        let dialect = match (kind, place) {
            (Kind::Influxdb2, Place::V2 { org, bucket, .. }) => Dialect::Flux(flux::Flux::new(
                &base,
                org.as_deref().unwrap_or_default(),
                bucket.as_deref().unwrap_or_default(),
            )),
            (Kind::Influxdb1, Place::V1 { database, .. }) => {
                Dialect::Influxql(influxql::Influxql::new(&base, database))
            }
            (Kind::VictoriaMetrics, Place::V2 { .. }) => {
                Dialect::Metricsql(metricsql::Metricsql::new(&base))
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { inner: Arc::new(Inner { http: Arc::new(Http::new(access)), dialect }) }))
    }

    /// The readings of a datastream from `from` up to before `to`. The requests are made before it
    /// returns.
    ///
    /// # Errors
    /// [`EngineError`]; later ones come from the iterator.
    pub fn history(
        &self,
        key: &DatastreamKey,
        from: UnixMicros,
        to: UnixMicros,
    ) -> Result<EngineHistory, EngineError> {
        EngineHistory::open(self, key, from.0.max(EARLIEST), to.0.min(LATEST))
    }

    /// The same by steps of `step` microseconds, aligned to 1970-01-01T00:00:00Z; a step of 0
    /// counts as 1. What `functions` does not name may be missing.
    ///
    /// # Errors
    /// As [`history`](Self::history).
    pub fn aggregate(
        &self,
        key: &DatastreamKey,
        from: UnixMicros,
        to: UnixMicros,
        step: i64,
        functions: &[Function],
    ) -> Result<EngineAggregates, EngineError> {
        let range = (from.0.max(EARLIEST), to.0.min(LATEST));
        EngineAggregates::open(self, key, range, step.max(1), functions)
    }

    /// Asks for one thing of a series.
    fn ask(&self, series: &Series, ask: Ask, from: i64, to: i64) -> Result<Samples, EngineError> {
        let http = &self.inner.http;
        match &self.inner.dialect {
            Dialect::Flux(flux) => flux.ask(http, series, ask, from, to),
            Dialect::Influxql(influxql) => influxql.ask(http, series, ask, from, to),
            Dialect::Metricsql(metricsql) => metricsql.ask(http, series, ask, from, to),
        }
    }

    /// The shortest step the engine aggregates by itself.
    fn shortest_step(&self) -> i64 {
        match &self.inner.dialect {
            Dialect::Flux(_) | Dialect::Influxql(_) => 1_000_000,
            Dialect::Metricsql(_) => metricsql::SHORTEST_STEP,
        }
    }
}
